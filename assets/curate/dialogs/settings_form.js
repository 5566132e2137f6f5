/* The form of the request's settings, in three tabs: recipe, weights, rules. */

import { button, checkbox, element, field, group, input, select } from "../../shared/elements.js";
import { RecipeForm } from "./recipe_form.js";
import { WeightsForm } from "./weights_form.js";

export const TABS = { recipe: "Recipe", weights: "Weights", rules: "Rules" };

/** The form: {content, chosen, value(), show(tab)}. `known` has choices, targets and percentiles,
    which give the similarity of a floor, if they are known; `actions` see `RecipeForm`. */
export function settingsForm(request, { choices, targets, percentiles, mix = false }, actions) {
  const weights = new WeightsForm(request, targets);
  const recipe = new RecipeForm(request, choices, { ...actions, changed: () => weights.say(recipe.weighted) });
  weights.say(recipe.weighted);
  if (mix) recipe.mix();
  const rules = rulesForm(request, choices, percentiles);
  const panels = { recipe: recipe.root, weights: weights.root, rules: rules.root };
  const tabs = tabsOf(panels);
  return {
    content: [tabs.root, ...Object.values(panels)],
    chosen: rules.chosen,
    rules: rules.root,
    show: tabs.show,
    value: () => ({ ...request, ...recipe.value(), ...weights.value(), ...rules.value() }),
  };
}

/** A row of tabs over panels; arrows move among them. */
function tabsOf(panels) {
  const names = Object.keys(panels);
  const made = Object.fromEntries(names.map((name) => {
    const tab = button("tab", TABS[name], () => show(name));
    tab.setAttribute("role", "tab");
    tab.id = `settings-tab-${name}`;
    panels[name].id = `settings-panel-${name}`;
    panels[name].setAttribute("role", "tabpanel");
    panels[name].setAttribute("aria-labelledby", tab.id);
    tab.setAttribute("aria-controls", panels[name].id);
    return [name, tab];
  }));
  const root = group("div", "tabs", ...Object.values(made));
  root.setAttribute("role", "tablist");
  function show(shown) {
    for (const name of names) {
      panels[name].hidden = name !== shown;
      made[name].setAttribute("aria-selected", String(name === shown));
      made[name].tabIndex = name === shown ? 0 : -1;
    }
  }
  root.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = names.findIndex((name) => made[name].tabIndex === 0);
    const next = names[(at + step + names.length) % names.length];
    show(next);
    made[next].focus();
  };
  show(names[0]);
  return { root, show };
}

function rulesForm(request, choices, percentiles) {
  const floor = input("range", request.floor ?? 0, { min: 0, max: 100, step: 1 });
  const shown = element("output");
  const tell = () => {
    const value = Number(floor.value);
    const cut = percentiles ? `: similarity ${percentiles[value].toFixed(2)}` : "";
    shown.textContent = value ? `${value}th percentile of random pairs${cut}` : "no floor";
  };
  floor.oninput = tell;
  tell();
  const cap = input("number", request.cap, { min: 1, max: 100 });
  const seed = input("number", request.seed, { min: 0, max: 2 ** 31 });
  const scaling = checkbox("Local scaling: discount images that are similar to everything",
    request.scaling);
  const fill = checkbox("Fill the remaining budget from the targets' clusters, then at random",
    request.fill);
  const refill = checkbox("Allow near-duplicates of vetoed images as refills", request.refill);
  const guard = checkbox("Contamination guard: exclude near-duplicates of held-out target images",
    request.guard);
  const filter = input("text", request.filter || "",
    { placeholder: 'width >= 256 and source = web and caption ~ "red fox"', spellcheck: "false" });
  const chosen = select("", "Named group",
    [["", "whole pool"], ...choices.groups.map((name) => [name, name])], request.group || "", () => {});
  const root = group("div", "tabpanel",
    field("Similarity floor", group("span", "ranged", floor, shown),
      "Only images that are more similar to a target than this share of random pairs."),
    group("div", "two", field("Images per near-duplicate group", cap), field("Random seed", seed)),
    scaling, fill, refill, guard,
    field("Metadata filter", filter,
      `Fields: ${choices.fields.join(", ")}. Operators: = != < <= > >= and ~ (contains).`),
    field("Named group", chosen, "Restricts the pool to the images of a group."));
  return {
    root,
    chosen,
    value: () => ({
      floor: Number(floor.value) || null,
      cap: Math.max(1, Number(cap.value) || 1),
      seed: Math.max(0, Number(seed.value) || 0),
      scaling: scaling.box.checked,
      fill: fill.box.checked,
      refill: refill.box.checked,
      guard: guard.box.checked,
      filter: filter.value.trim(),
      group: chosen.value,
    }),
  };
}
