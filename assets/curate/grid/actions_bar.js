/* The actions on several chosen images, over the lower edge of the grid. */

import { button, element, group } from "../../shared/elements.js";
import { number } from "../model/saving.js";

const ACTIONS = [
  ["decide-veto", "Veto"], ["decide-keep", "Keep"], ["decide-pin", "Pin"],
  ["add-to-target", "Use as target images…"], ["save-group", "Save as group…"],
  ["export", "Export these"], ["similar", "Find more like these"], ["clear", "Clear"],
];

export class ActionsBar {
  constructor(run) {
    this.count = element("strong");
    this.root = group("div", "actions", this.count,
      ...ACTIONS.map(([name, label]) => button("", label, () => run(name))));
    this.root.setAttribute("role", "toolbar");
    this.root.setAttribute("aria-label", "Actions on the chosen images");
    this.root.hidden = true;
  }

  show(size) {
    this.root.hidden = size < 2;
    this.count.textContent = `${number(size)} chosen`;
  }
}
