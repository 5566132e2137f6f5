/* Short notices at the lower edge, each shown once. */

import { button, element, group, iconButton } from "../../shared/elements.js";

const TIME = 8000; // ms that a notice stays

export class Notices {
  constructor() {
    this.root = element("div", "notices");
    this.root.setAttribute("role", "status");
  }

  /** Show a text; `link` ({label, run}) may follow it. An error stays until it is closed. */
  show(text, kind = "info", link = null) {
    const made = group("div", `notice ${kind}`, element("span", "", text));
    if (link) made.append(button("link", link.label, link.run));
    made.append(iconButton("bare", "cross", "Close", () => made.remove()));
    this.root.append(made);
    while (this.root.children.length > 3) this.root.firstChild.remove();
    if (kind !== "error") setTimeout(() => made.remove(), TIME);
  }
}
