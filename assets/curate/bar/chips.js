/* The line of chips: counts, active filters, saving, audit, order and tile size. */

import { button, element, group, input, select, fill } from "../../shared/elements.js";
import { icon } from "../../shared/icons.js";
import { SIZES } from "../grid/layout.js";
import { number, saving } from "../model/saving.js";

export class Chips {
  /** `actions`: order(name), size(pixels), send(), audit(), state(name), part(name). */
  constructor(actions) {
    this.actions = actions;
    this.counts = element("span", "counts");
    this.counts.setAttribute("aria-live", "polite");
    this.total = element("strong");
    this.states = Object.fromEntries(["vetoed", "kept", "pinned", "new", "round"].map(
      (state) => [state, button("state", "", () => actions.state(state))]));
    this.parts = element("span", "partcounts");
    this.counts.append(this.total, ...Object.values(this.states));
    this.filters = element("span", "filters");
    this.status = button("status", "", actions.send);
    this.status.setAttribute("aria-live", "polite");
    this.audit = button("audit", "", actions.audit);
    this.audit.title = "Judge a random sample to estimate the precision of the subset";
    this.note = element("span", "note");
    this.order = select("small", "Order", [], "", actions.order);
    this.size = input("range", SIZES.usual,
      { min: SIZES.least, max: SIZES.most, step: SIZES.step, "aria-label": "Tile size" });
    this.size.oninput = () => actions.size(Number(this.size.value));
    this.root = group("div", "chips", this.counts, this.parts, this.filters, this.status, this.audit, this.note,
      group("span", "right",
        group("label", "", element("span", "", "Order"), this.order),
        group("label", "tilesize", element("span", "", "Tile size"), this.size)));
  }

  /** Show counts: {shown, total, veto, keep, pin, fresh, round, state}; `state` is the one filtered
      by, `round` {number, count} of the images that the previous round did not have, or null. */
  count({ shown, total, veto, keep, pin, fresh, round, state }) {
    this.total.textContent = shown === total
      ? `${number(total)} image${total === 1 ? "" : "s"}` : `${number(shown)} of ${number(total)}`;
    const counts = { vetoed: veto, kept: keep, pinned: pin, new: fresh, round: round?.count ?? 0 };
    for (const [name, count] of Object.entries(counts)) {
      const made = this.states[name];
      const word = { new: "refilled", round: `new since round ${round?.number}` }[name] || name;
      made.textContent = `${number(count)} ${word}`;
      made.hidden = !count && state !== name;
      made.title = name === "round" ? `Show only images that round ${round?.number} did not have`
        : `Show only ${word} images`;
      made.setAttribute("aria-pressed", String(state === name));
    }
  }

  /** Show filters: {label, remove} each. */
  filter(filters) {
    this.filters.replaceChildren(...filters.map(({ label, remove }) => {
      const made = button("chip", undefined, remove);
      made.append(element("span", "", label), icon("cross"));
      made.setAttribute("aria-label", `Remove the filter: ${label}`);
      made.title = "Remove this filter";
      return made;
    }));
  }

  /** Show the parts of a recipe: {label, count, part, tone} each; `current` is the one filtered by. */
  part(parts, current) {
    this.parts.replaceChildren(...parts.map(({ label, count, part, tone }) => {
      const made = button("state", undefined, () => this.actions.part(part));
      made.append(element("span", `dot tone${tone}`), element("span", "name", label),
        element("span", "", ` ${number(count)}`));
      made.title = `Show only images of the part ${label}`;
      made.setAttribute("aria-pressed", String(part === current));
      return made;
    }));
  }

  save(progress) {
    const { state, sentence, canSend } = saving(progress);
    if (this.status.textContent !== sentence) this.status.textContent = sentence;
    this.status.dataset.state = state;
    this.status.disabled = !canSend;
  }

  say({ audit = "", note = "" }) {
    this.audit.textContent = audit;
    this.note.textContent = note;
  }

  orders(choices, current) {
    fill(this.order, choices, current);
  }
}
