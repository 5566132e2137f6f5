/* The bar: target sets, strategy, encoder, budget, search, settings, undo, redo, save. */

import {
  button, checkbox, element, fill, group, iconButton, select,
} from "../../shared/elements.js";
import { icon } from "../../shared/icons.js";
import { summary } from "../model/recipe.js";
import { number } from "../model/saving.js";
import { BudgetSlider } from "./budget_slider.js";
import { Menu } from "./menu.js";

const RECIPE = "recipe"; // option of the strategy menu that opens the settings

export class Bar {
  /** `actions`: targets(names), strategy(id), encoder(id), budget(n, final), settings(), search(),
      undo(), redo(), save(), recipe(). */
  constructor(actions) {
    this.actions = actions;
    this.targets = new Menu("targetsets", "Target sets", (panel) => this.fillTargets(panel));
    this.strategy = select("", "Strategy", [], "", (id) => this.choose(id));
    this.encoder = select("", "Encoder", [], "", (id) => actions.encoder(id));
    this.budget = new BudgetSlider(actions.budget);
    this.undo = iconButton("square", "undo", "Undo", actions.undo);
    this.redo = iconButton("square", "redo", "Redo", actions.redo);
    this.search = this.labelled("search", "Search", actions.search);
    this.settings = this.labelled("tune", "Settings", actions.settings);
    this.save = this.labelled("check", "Save selection", actions.save);
    this.save.className = "primary";
    this.root = group("div", "bar",
      this.control("Target sets", this.targets.root), this.control("Strategy", this.strategy),
      this.control("Encoder", this.encoder), this.budget.root,
      group("div", "buttons", this.search, this.settings, this.undo, this.redo, this.save));
  }

  labelled(symbol, label, run) {
    const made = button("", undefined, run);
    made.append(icon(symbol), element("span", "", label));
    return made;
  }

  control(label, content) {
    return group("div", "control", element("span", "label", label), content);
  }

  show({ choices, request, canUndo, canRedo, canSave }) {
    this.choices = choices;
    this.request = request;
    const names = request.targets;
    this.targets.say(names.length ? names.join(" + ") : "whole pool");
    this.targets.root.classList.toggle("some", names.length > 0);
    const mixed = request.recipe?.length > 0;
    fill(this.strategy, [...choices.strategies.map(({ id, title }) => [id, title]),
      [RECIPE, mixed ? `Recipe: ${summary(request)}` : "Recipe…"]], mixed ? RECIPE : request.strategy);
    const found = choices.strategies.find(({ id }) => id === request.strategy);
    this.strategy.title = mixed ? summary(request) : found?.description || "";
    fill(this.encoder, choices.encoders.map(({ id, title }) => [id, title]), request.encoder);
    this.strategy.disabled = !names.length;
    this.undo.disabled = !canUndo;
    this.redo.disabled = !canRedo;
    this.save.disabled = !canSave;
  }

  /** Take a strategy; a recipe is made in the settings. */
  choose(id) {
    if (id !== RECIPE) return this.actions.strategy(id);
    this.strategy.value = this.request.recipe?.length ? RECIPE : this.request.strategy;
    return this.actions.recipe();
  }

  fillTargets(panel) {
    const chosen = new Set(this.request.targets);
    const boxes = this.choices.targets.map(({ name, count }) => {
      const made = checkbox(name, chosen.has(name), (checked) => {
        if (checked) chosen.add(name);
        else chosen.delete(name);
        this.actions.targets(this.choices.targets.map((t) => t.name).filter((n) => chosen.has(n)));
      });
      made.append(element("small", "", number(count)));
      return made;
    });
    const hint = boxes.length
      ? "Without a target set, the grid shows the pool." : "This project has no target set yet.";
    panel.replaceChildren(...boxes, element("small", "hint", hint));
  }
}
