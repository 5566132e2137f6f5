/* The parts of a subset: shares in whole percent that always sum to 100, and their names. */

export const MOST_PARTS = 6;
export const OWN = "target"; // name of the part of the target's own images
export const USUAL_SHARE = 30; // percent of a part that is added to a single strategy

/** Whole numbers with a sum of `total` in proportion to weights (largest remainders), at least 1 each. */
export function apportioned(weights, total) {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const exact = weights.map((weight) => total * (sum ? weight / sum : 1 / weights.length));
  const whole = exact.map((value) => Math.floor(value + 1e-9));
  const rest = exact.map((value, i) => ({ i, left: value - whole[i] })).sort((a, b) => b.left - a.left || a.i - b.i);
  const open = total - whole.reduce((all, value) => all + value, 0);
  for (const { i } of rest.slice(0, open)) whole[i] += 1;
  for (let i = whole.indexOf(0); i >= 0; i = whole.indexOf(0)) {
    whole[i] = 1;
    whole[whole.indexOf(Math.max(...whole))] -= 1;
  }
  return whole;
}

/** The percents after one of them was set; the others keep their proportions. */
export function rebalanced(percents, index, value) {
  if (percents.length === 1) return [100];
  const own = Math.max(1, Math.min(100 - (percents.length - 1), Math.round(value)));
  const others = apportioned(percents.filter((_, i) => i !== index), 100 - own);
  return percents.map((_, i) => (i === index ? own : others[i < index ? i : i - 1]));
}

/** The parts of a request, {name, strategy, percent} each; a plain strategy is one part of 100%. */
export function partsOf({ strategy, recipe }) {
  if (!recipe?.length) return [{ name: "", strategy, percent: 100 }];
  const percents = apportioned(recipe.map(({ share }) => share), 100);
  return recipe.map((part, i) => ({ name: part.name, strategy: part.strategy, percent: percents[i] }));
}

/** The parts with another one of `strategy`. */
export function withPart(parts, strategy) {
  const share = parts.length === 1 ? USUAL_SHARE : Math.round(100 / (parts.length + 1));
  return shared([...parts, { name: "", strategy, percent: share }], parts.length, share);
}

/** The parts without one; the others take over its share. */
export function withoutPart(parts, index) {
  const rest = parts.filter((_, i) => i !== index);
  const percents = apportioned(rest.map(({ percent }) => percent), 100);
  return rest.map((part, i) => ({ ...part, percent: percents[i] }));
}

/** The parts after the share of one was set. */
export function shared(parts, index, percent) {
  const percents = rebalanced(parts.map((part) => part.percent), index, percent);
  return parts.map((part, i) => ({ ...part, percent: percents[i] }));
}

/** What a request says of parts: a strategy alone, or a recipe under the default strategy. An
    unchanged recipe keeps its exact shares. */
export function requestOf(parts, before, usual) {
  if (parts.length === 1) return { strategy: parts[0].strategy, recipe: [] };
  if (JSON.stringify(parts) === JSON.stringify(partsOf(before))) {
    return { strategy: before.strategy, recipe: before.recipe };
  }
  const names = named(parts);
  return {
    strategy: usual,
    recipe: parts.map(({ strategy, percent }, i) => ({ name: names[i], strategy, share: percent / 100 })),
  };
}

/** A name for each part: its own, or its strategy, numbered where it occurs again. */
export function named(parts) {
  const taken = new Set(parts.map(({ name }) => name).filter(Boolean));
  return parts.map(({ name, strategy }) => {
    if (name) return name;
    let found = strategy;
    for (let number = 2; taken.has(found); number += 1) found = `${strategy} ${number}`;
    taken.add(found);
    return found;
  });
}

/** The parts of a recipe as a text: `70% search + 30% random`. */
export function summary(request) {
  return partsOf(request).map(({ name, percent }) => `${percent}% ${name}`).join(" + ");
}

/** The strategies that a request uses, as records of the choices. */
export function usedBy({ strategy, recipe }, strategies) {
  const names = recipe?.length ? recipe.map((part) => part.strategy) : [strategy];
  return strategies.filter(({ id }) => names.includes(id));
}

/** Whether the subset of a request has parts. */
export function isMixed({ recipe, with_target: own }) {
  return Boolean(recipe?.length || own);
}

/** The parts of a request's subset, {part, label, count, tone} each: the own images, then the recipe. */
export function countedParts({ recipe, with_target: own }, entries) {
  const counts = new Map();
  for (const { part } of entries) counts.set(part, (counts.get(part) || 0) + 1);
  const row = (part, label, tone) => ({ part, label, count: counts.get(part) || 0, tone });
  const rows = (recipe || []).map(({ name }, i) => row(name, name, i % MOST_PARTS));
  return own ? [row(OWN, "own", "own"), ...rows] : rows;
}
