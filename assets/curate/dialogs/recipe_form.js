/* The part of the settings for the composition of a subset: parts with shares, the target's own
   images, parts that run out of images, and the stop by similarity. */

import { button, checkbox, element, field, group, iconButton, input, select } from "../../shared/elements.js";
import { MOST_PARTS, partsOf, requestOf, shared, usedBy, withoutPart, withPart } from "../model/recipe.js";

const RATIO = 0.95; // of Kim et al., CVPR 2023
const ROUND = 20;
const EXHAUSTED = "If a part runs out of images";
const ADDED = ["random", "random-per-cluster"]; // strategies of added parts

export class RecipeForm {
  /** `actions`: stop(ratio, round) → a promise of {budget, sentence}, or null without a ranking;
      takeBudget(n); changed(). */
  constructor(request, choices, actions) {
    this.request = request;
    this.choices = choices;
    this.actions = actions;
    this.parts = partsOf(request);
    this.list = element("div", "parts");
    this.shares = element("div", "shares");
    this.shares.setAttribute("aria-hidden", "true");
    this.add = button("", "Add part", () => this.set(withPart(this.parts, this.unused())));
    this.own = checkbox("Begin with the target's own training images", request.with_target, () => this.forget());
    this.unfilled = select("", EXHAUSTED, [["leave", "select fewer"], ["donate", "fill from the other parts"]],
      request.unfilled, () => {});
    this.exhausted = field(EXHAUSTED, this.unfilled);
    this.root = group("div", "tabpanel", this.list, this.shares, group("div", "row-buttons", this.add),
      this.own, this.exhausted, this.stopPart());
    this.draw();
  }

  /** Add a second part to a single strategy that selects from the pool. */
  mix() {
    if (this.parts.length === 1 && !this.add.disabled) this.set(withPart(this.parts, this.unused()));
  }

  set(parts) {
    this.parts = parts;
    this.draw();
    this.actions.changed();
  }

  /** A strategy for another part: a usual one, or the first that no part has. */
  unused() {
    const names = this.parts.map(({ strategy }) => strategy);
    const offered = this.choices.strategies.filter(({ own }) => !own).map(({ id }) => id);
    return [...ADDED, ...offered].find((id) => offered.includes(id) && !names.includes(id)) ?? offered[0];
  }

  draw() {
    const single = this.parts.length === 1;
    const focus = this.focusOf();
    this.list.replaceChildren(...this.parts.map((part, i) => this.row(part, i)));
    this.list.children[focus?.row]?.querySelector(focus.selector)?.focus();
    this.shares.replaceChildren(...this.parts.map(({ percent }, i) => {
      const bar = element("span", `tone${i % MOST_PARTS}`);
      bar.style.flexGrow = percent;
      return bar;
    }));
    this.shares.hidden = single;
    this.exhausted.hidden = single;
    const own = single && this.strategies()[0]?.own;
    this.add.disabled = this.parts.length >= MOST_PARTS || own;
    this.add.title = own ? "Choose a strategy that selects from the pool first" : "";
    this.own.hidden = own;
    this.stop.hidden = !this.stops();
    this.forget();
  }

  /** Hide the budget that was found for parts that have changed; the form keeps its height, since a
      control that moves under the pointer misses the click. */
  forget() {
    this.figure.style.visibility = "hidden";
  }

  row(part, i) {
    const single = this.parts.length === 1;
    const offered = this.choices.strategies.filter(({ own }) => single || !own);
    const which = select("", `Strategy of part ${i + 1}`, offered.map(({ id, title }) => [id, title]), part.strategy,
      (strategy) => this.set(this.parts.map((one, k) => (k === i ? { ...one, name: "", strategy } : one))));
    which.title = this.choices.strategies.find(({ id }) => id === part.strategy)?.description || "";
    const dot = element("span", `dot tone${i % MOST_PARTS}`);
    if (single) return group("div", "part", dot, which);
    const slider = input("range", part.percent, { min: 1, max: 100 - (this.parts.length - 1), step: 1,
      "aria-label": `Share of part ${i + 1}` });
    const typed = input("number", part.percent, { min: 1, max: slider.max, step: 1,
      "aria-label": `Share of part ${i + 1}, percent` });
    slider.oninput = () => this.share(i, Number(slider.value));
    typed.onchange = () => this.set(shared(this.parts, i, Number(typed.value) || 1));
    slider.setAttribute("aria-valuetext", `${part.percent}%`);
    const remove = iconButton("square", "cross", `Remove part ${i + 1}`, () => this.set(withoutPart(this.parts, i)));
    return group("div", "part", dot, which, slider, group("span", "percent", typed, element("span", "", "%")), remove);
  }

  /** Follow a slider without drawing it again, which would end the drag. */
  share(index, percent) {
    this.parts = shared(this.parts, index, percent);
    this.forget();
    [...this.list.children].forEach((row, i) => {
      const [slider, typed] = row.querySelectorAll("input");
      slider.value = typed.value = this.parts[i].percent;
      slider.setAttribute("aria-valuetext", `${this.parts[i].percent}%`);
      this.shares.children[i].style.flexGrow = this.parts[i].percent;
    });
  }

  /** The control that has the focus, so that it keeps it when the rows are drawn again. */
  focusOf() {
    const at = this.list.getRootNode().activeElement;
    const row = [...this.list.children].findIndex((one) => one.contains(at));
    if (row < 0) return null;
    return { row: Math.min(row, this.parts.length - 1), selector: at.localName === "input" ? `input[type=${at.type}]` : at.localName };
  }

  strategies() {
    return usedBy(this.composed(), this.choices.strategies);
  }

  stops() {
    return this.strategies().some(({ stops }) => stops);
  }

  /** Whether weights change what is selected. */
  get weighted() {
    return this.strategies().some(({ weighted }) => weighted);
  }

  composed() {
    return requestOf(this.parts, this.request, this.choices.strategies[0].id);
  }

  /* ---- the stop by similarity ---- */

  stopPart() {
    const { request } = this;
    this.stopping = checkbox("End the selection there", request.stop_ratio !== null && request.stop_ratio !== undefined);
    this.ratio = input("number", request.stop_ratio ?? RATIO, { min: 0.01, max: 0.99, step: 0.01, "aria-label": "Share" });
    this.round = input("number", request.stop_round ?? ROUND, { min: 1, max: 1000, step: 1, "aria-label": "Round" });
    this.figure = element("p", "stopped");
    this.figure.setAttribute("aria-live", "polite");
    this.find = button("", "Find the budget", () => this.ask());
    this.stop = group("fieldset", "stop", element("legend", "", "Stop by similarity (SimCore)"),
      group("p", "sentence", "Stop when a round's mean similarity is below", this.ratio,
        "of that of round", this.round),
      group("div", "row-buttons", this.find, this.figure), this.stopping);
    return this.stop;
  }

  async ask() {
    this.figure.style.visibility = "";
    const asked = this.actions.stop(Number(this.ratio.value), Number(this.round.value));
    if (!asked) {
      this.figure.textContent = "The ranking is not ready yet.";
      return;
    }
    this.find.disabled = true;
    this.figure.textContent = "Searching.";
    try {
      const { budget, sentence } = await asked;
      const use = button("link", "Use this budget", () => {
        this.actions.takeBudget(budget);
        use.replaceWith("Budget set.");
      });
      const text = this.isChanged ? `Before your changes: ${sentence}` : sentence;
      this.figure.replaceChildren(element("span", "", text), use);
    } catch (problem) {
      this.figure.textContent = problem.message;
    }
    this.find.disabled = false;
  }

  /** Whether the parts differ from those of the ranking, which the figure is of. */
  get isChanged() {
    const { strategy, recipe, with_target: own } = this.request;
    return JSON.stringify(this.composed()) !== JSON.stringify({ strategy, recipe: recipe || [] })
      || this.own.box.checked !== Boolean(own);
  }

  value() {
    const stops = this.stops() && this.stopping.box.checked;
    return {
      ...this.composed(),
      with_target: this.own.box.checked && !this.own.hidden,
      unfilled: this.parts.length > 1 ? this.unfilled.value : "leave",
      stop_ratio: stops ? Number(this.ratio.value) || RATIO : null,
      stop_round: stops ? Math.max(1, Math.round(Number(this.round.value)) || ROUND) : ROUND,
    };
  }
}
