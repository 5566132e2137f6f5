/* The scale of the budget slider: the square root gives small budgets more room. */

export const STEPS = 1000; // of the slider

/** The position of a budget on the slider, 0..STEPS. */
export function positionOf(budget, most) {
  return Math.round(Math.sqrt(Math.min(budget, most) / Math.max(1, most)) * STEPS);
}

/** The budget at a position, rounded to two digits, so that the slider gives plain numbers. */
export function budgetAt(position, most) {
  if (position >= STEPS) return most;
  const exact = (position / STEPS) ** 2 * most;
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, exact))) - 1);
  return Math.max(1, Math.min(most, Math.round(exact / unit) * unit));
}
