/* The part of the settings with the weights of target sets and classes. */

import { button, element, group, input } from "../../shared/elements.js";
import { bounded, LEAST, MOST, rowsOf, weightsOf } from "../model/weights.js";

export class WeightsForm {
  /** `targets`: the training images {uid, set, label} of the request's target sets. */
  constructor(request, targets) {
    this.rows = rowsOf(request.weights || {}, request.targets, targets);
    this.images = request.weights?.images || {};
    this.note = element("p", "hint");
    this.table = element("div", "weights");
    this.single = element("p", "hint");
    this.reset = button("", "Set all weights to 1", () => this.clear());
    this.root = group("div", "tabpanel", this.note, this.table, this.single, group("div", "row-buttons", this.reset));
    this.draw();
  }

  /** Say whether the strategy of the form uses weights. */
  say(weighted) {
    this.weighted = weighted;
    this.note.textContent = weighted
      ? "A target image takes part in each round in proportion to the weight of its set times that of its class; the default is 1."
      : "The chosen strategy does not use weights; they are removed when you apply.";
    this.table.classList.toggle("unused", !weighted);
  }

  draw() {
    this.table.replaceChildren(...this.rows.map((row) => this.line(row)));
    if (!this.rows.length) this.table.append(element("p", "hint", "Choose a target set to weigh it."));
    const count = Object.keys(this.images).length;
    this.single.textContent = count ? `${count} single target image${count === 1 ? " has" : "s have"} a weight of their own.` : "";
    this.single.hidden = !count;
    this.reset.disabled = !this.rows.length;
  }

  line(row) {
    const value = input("number", row.weight, { min: LEAST, max: MOST, step: 0.1,
      "aria-label": `Weight of ${row.label}` });
    const made = group("label", row.kind === "sets" ? "set" : "class",
      element("span", "name", row.label), element("small", "", String(row.count)), value);
    made.title = row.key;
    const mark = () => made.classList.toggle("changed", row.weight !== 1);
    value.onchange = () => {
      row.weight = bounded(value.value) ?? 1;
      value.value = row.weight;
      mark();
    };
    mark();
    return made;
  }

  clear() {
    for (const row of this.rows) row.weight = 1;
    this.images = {};
    this.draw();
  }

  value() {
    return { weights: this.weighted ? weightsOf(this.rows, this.images) : {} };
  }
}
