/* The bar above the grid: how many images have which decision, and whether it is saved. */

/** The state of saving and its sentence.

    `error` is why the server could not save; `late` says that it has not answered for a while;
    `kept`, that a reload would bring back what is not saved. */
export function saving({ waiting, late, error, kept }) {
  const state = error ? "failed" : late ? "late" : waiting ? "saving" : "saved";
  const stay = kept ? "" : " Keep this tab open.";
  const sentence = {
    saved: "Saved",
    saving: `Saving ${waiting}…`,
    late: `${waiting} not saved yet, no answer from the app.${stay} Send again`,
    failed: `${waiting} not saved: ${error}${stay} Send again`,
  }[state];
  return { state, sentence, canSend: state === "late" || state === "failed" };
}

export function counted(total, { veto, keep, pin }) {
  return `${total.toLocaleString("en")} images · ${veto} vetoed · ${keep} kept · ${pin} pinned`;
}
