/* The help dialog and the line of keys. */

import { element, listed } from "../shared/elements.js";
import { HELP, SHORT_HELP } from "./keys.js";

const PROMISE = "A decision appears immediately and is on disk once the status shows Saved. It "
  + "belongs to the target sets and also applies to other strategies, budgets and encoders.";

/** A dialog that closes with Esc or a click outside it. */
export function helpDialog() {
  const dialog = element("dialog", "panel help");
  const text = element("div");
  text.append(element("h3", "", "Keys"), listed(HELP), element("p", "", PROMISE));
  dialog.append(text);
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  return dialog;
}

/** The line of keys below the grid. */
export function keyLine() {
  const line = element("div", "keys");
  for (const [key, does] of SHORT_HELP) {
    line.append(element("kbd", "", key), element("span", "", does));
  }
  return line;
}
