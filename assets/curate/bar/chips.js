/* The line of chips: counts, active filters, saving, audit, order and tile size. */

import { button, element, group, input, select, fill } from "../../shared/elements.js";
import { icon } from "../../shared/icons.js";
import { SIZES } from "../grid/layout.js";
import { number, saving } from "../model/saving.js";

export class Chips {
  /** `actions`: order(name), size(pixels), send(), audit(), state(name). */
  constructor(actions) {
    this.actions = actions;
    this.counts = element("span", "counts");
    this.counts.setAttribute("aria-live", "polite");
    this.total = element("strong");
    this.states = Object.fromEntries(["vetoed", "kept", "pinned", "new"].map(
      (state) => [state, button("state", "", () => actions.state(state))]));
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
    this.root = group("div", "chips", this.counts, this.filters, this.status, this.audit, this.note,
      group("span", "right",
        group("label", "", element("span", "", "Order"), this.order),
        group("label", "tilesize", element("span", "", "Tile size"), this.size)));
  }

  /** Show counts: {shown, total, veto, keep, pin, fresh, state}; `state` is the one filtered by. */
  count({ shown, total, veto, keep, pin, fresh, state }) {
    this.total.textContent = shown === total
      ? `${number(total)} image${total === 1 ? "" : "s"}` : `${number(shown)} of ${number(total)}`;
    const counts = { vetoed: veto, kept: keep, pinned: pin, new: fresh };
    for (const [name, count] of Object.entries(counts)) {
      const made = this.states[name];
      const word = name === "new" ? "refilled" : name;
      made.textContent = `${number(count)} ${word}`;
      made.hidden = !count && state !== name;
      made.title = `Show only ${word} images`;
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
