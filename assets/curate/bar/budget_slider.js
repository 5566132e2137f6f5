/* The budget: a slider with its number, and the marks where similarity flattens and where the stop by
   similarity would end the search. */

import { element, group, input } from "../../shared/elements.js";
import { budgetAt, positionOf, STEPS } from "../model/budget.js";
import { number } from "../model/saving.js";

export class BudgetSlider {
  /** `onBudget(budget, final)`: while the slider moves, `final` is false. */
  constructor(onBudget) {
    this.onBudget = onBudget;
    this.most = 1;
    this.root = element("div", "budget control");
    this.field = input("number", "", { min: 1, step: 1, "aria-label": "Budget, images" });
    this.of = element("span", "of");
    this.slider = input("range", 0, { min: 0, max: STEPS, "aria-label": "Budget" });
    this.tick = element("span", "tick");
    this.tick.append(element("span", "", "similarity flattens"));
    this.stopTick = element("span", "tick stop");
    this.stopTick.append(element("span", "", "stop"));
    this.root.append(
      group("div", "label", element("span", "", "Budget"), this.field, this.of),
      group("div", "track", this.slider, this.tick, this.stopTick));
    this.slider.oninput = () => this.slide(false);
    this.slider.onchange = () => this.slide(true);
    this.field.onchange = () => this.type();
  }

  slide(final) {
    const budget = budgetAt(Number(this.slider.value), this.most);
    this.field.value = budget;
    this.draw(budget);
    this.onBudget(budget, final);
  }

  type() {
    const budget = Math.max(1, Math.min(this.most, Math.round(Number(this.field.value)) || 1));
    this.show(budget, this.most, this.marks);
    this.onBudget(budget, true);
  }

  /** Show a budget out of the most images that there are; the marks {flattens, stop} may be null. */
  show(budget, most, marks, disabled = false) {
    this.most = Math.max(1, most);
    this.marks = marks;
    if (this.field !== this.field.getRootNode().activeElement) this.field.value = budget;
    this.field.max = this.most;
    this.slider.disabled = this.field.disabled = disabled;
    this.of.textContent = `of ${number(most)} images`;
    if (this.slider !== this.slider.getRootNode().activeElement) {
      this.slider.value = positionOf(budget, this.most);
    }
    this.draw(budget);
    this.place(this.tick, marks.flattens, "Similarity flattens at about");
    this.place(this.stopTick, marks.stop, "The stop by similarity ends the search at");
  }

  /** Put a mark at a budget. */
  place(tick, at, sentence) {
    tick.hidden = !(at && at < this.most);
    if (tick.hidden) return;
    const share = positionOf(at, this.most) / STEPS;
    tick.style.left = `calc(8px + (100% - 16px) * ${share})`;
    tick.classList.toggle("left", share > 0.75);
    tick.title = `${sentence} ${number(at)} images`;
  }

  draw(budget) {
    const digits = Math.max(5, String(this.most).length, String(this.field.value || budget).length);
    this.field.style.width = `calc(${digits}ch + 18px)`;
    this.slider.setAttribute("aria-valuetext", `${number(budget)} images`);
    this.slider.style.setProperty("--share", positionOf(budget, this.most) / STEPS);
  }
}
