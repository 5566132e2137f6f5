/* Every key with what it does. */

import { element, listed } from "../shared/elements.js";
import { HELP, SHORT_HELP } from "./keys.js";

const PROMISE = "A decision shows at once and is on disk when the bar says Saved. It belongs to "
  + "the target sets: other strategies, budgets and encoders keep it.";

/** A dialog; it closes with Esc, as dialogs do, and with a click beside it. */
export function helpDialog() {
  const dialog = element("dialog", "panel help");
  const text = element("div");
  text.append(element("h3", "", "Keys"), listed(HELP), element("p", "", PROMISE));
  dialog.append(text);
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  return dialog;
}

/** The line below the grid. */
export function keyLine() {
  const line = element("div", "keys");
  for (const [key, does] of SHORT_HELP) {
    line.append(element("kbd", "", key), element("span", "", does));
  }
  return line;
}
