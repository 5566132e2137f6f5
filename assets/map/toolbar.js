/* The buttons above the map. */

import { button, element } from "../shared/elements.js";
import { TOOLS } from "./keys.js";

export class Toolbar {
  constructor({ pick, clear, whole }) {
    this.root = element("div", "tools");
    this.buttons = Object.fromEntries(Object.entries(TOOLS).map(
      ([tool, label]) => [tool, button("", label, () => pick(tool))]));
    this.root.append(
      ...Object.values(this.buttons),
      button("", "Clear (Esc)", clear),
      button("", "Whole map (0)", whole));
  }

  show(tool) {
    for (const [name, made] of Object.entries(this.buttons)) {
      made.setAttribute("aria-pressed", String(name === tool));
    }
  }
}
