/* Texts of the bar above the grid: counts of decisions, and the state of saving. */

/** The state of saving and its sentence.

    `error` is the reason why the server could not save; `late` means that it has not responded for
    a while; `kept`, that unsaved steps would survive a reload. */
export function saving({ waiting, late, error, kept }) {
  const state = error ? "failed" : late ? "late" : waiting ? "saving" : "saved";
  const stay = kept ? "" : " Keep this tab open.";
  const sentence = {
    saved: "Saved",
    saving: `Saving ${waiting}…`,
    late: `${waiting} not saved yet: the app does not respond.${stay} Retry`,
    failed: `${waiting} not saved: ${error}${stay} Retry`,
  }[state];
  return { state, sentence, canSend: state === "late" || state === "failed" };
}

export function counted(total, { veto, keep, pin }) {
  return `${total.toLocaleString("en")} images · ${veto} vetoed · ${keep} kept · ${pin} pinned`;
}
