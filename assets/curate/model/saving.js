/* Texts of the chips: counts of decisions, and the state of saving. */

export const FEWEST_JUDGED = 10; // from which an estimate is shown

/** The state of saving and its sentence.

    `error` is the reason why the server could not save; `late` means that it has not responded for
    a while; `kept`, that unsaved steps would survive a reload. */
export function saving({ waiting, late, error, kept }) {
  const state = error ? "failed" : late ? "late" : waiting ? "saving" : "saved";
  const stay = kept ? "" : " Keep this tab open.";
  const sentence = {
    saved: "saved",
    saving: `saving ${waiting}`,
    late: `${waiting} not saved yet: the app does not respond.${stay} Retry`,
    failed: `${waiting} not saved: ${error}${stay} Retry`,
  }[state];
  return { state, sentence, canSend: state === "late" || state === "failed" };
}

/** A number as people write it. */
export function number(value) {
  return Number(value).toLocaleString("en");
}

/** A number of things, such as "1 image" and "2 images". */
export function counted(count, thing) {
  return `${number(count)} ${thing}${count === 1 ? "" : "s"}`;
}

export function percent(share) {
  return `${Math.round(share * 100)}%`;
}

/** The precision of a draft in a sentence, and how to estimate it. */
export function auditSentence(audit, budget) {
  if (!audit?.size) {
    return `How many of the ${counted(budget, "image")} belong to the task? Judge a random sample: `
      + "k for an image that belongs, x for one that does not; about 30 give a first answer.";
  }
  if (audit.judged < FEWEST_JUDGED && audit.judged < audit.size) {
    return `${number(audit.judged)} of ${counted(audit.size, "image")} judged, too few for an estimate. Press k `
      + "for an image that belongs to the task, x for one that does not; about 30 give a first answer.";
  }
  const count = (share) => number(Math.round(share * budget));
  return `About ${count(audit.precision)} of ${counted(budget, "image")} belong to the task `
    + `(95% interval ${count(audit.low)} to ${count(audit.high)}), by ${number(audit.judged)} judged of `
    + `${number(audit.size)}, in the subset as it was when the audit began. Images that you veto are `
    + "replaced after that.";
}

/** The precision of an audit so far. */
export function audited({ judged, size, precision, low, high }) {
  const share = (value) => Math.round(value * 100);
  const part = `audit: ${number(judged)} of ${number(size)} judged`;
  if (!judged || precision === null) return part;
  return `${part}, precision ${share(precision)}% (${share(low)}–${share(high)})`;
}
