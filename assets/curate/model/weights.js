/* Weights of target sets, classes and images as a request holds them: {sets, classes, images}. */

export const LEAST = 0.01;
export const MOST = 100;

/** The rows of the editor: each chosen set, then its classes: {kind, key, label, count, weight}. */
export function rowsOf(weights, sets, targets) {
  const rows = [];
  for (const set of sets) {
    const own = targets.filter((target) => target.set === set);
    rows.push({ kind: "sets", key: set, label: set, count: own.length, weight: weights.sets?.[set] ?? 1 });
    const counts = new Map();
    for (const { label } of own) if (label) counts.set(label, (counts.get(label) || 0) + 1);
    const names = [...counts.keys()].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
    for (const label of names) {
      const key = `${set}/${label}`;
      rows.push({ kind: "classes", key, label, count: counts.get(label), weight: weights.classes?.[key] ?? 1 });
    }
  }
  return rows;
}

/** A typed weight within the bounds of the engine; null if it is no number. */
export function bounded(text) {
  const value = Number(text);
  if (String(text).trim() === "" || !Number.isFinite(value)) return null;
  return Math.max(LEAST, Math.min(MOST, Math.round(value * 100) / 100));
}

/** The weights of rows and single images, without those of 1 and empty kinds. */
export function weightsOf(rows, images = {}) {
  const found = { sets: {}, classes: {}, images };
  for (const { kind, key, weight } of rows) if (weight !== 1) found[kind][key] = weight;
  return Object.fromEntries(Object.entries(found).filter(([, own]) => Object.keys(own).length));
}

/** A short text: `weights 0.5 to 4`; empty if all are 1. */
export function summary(weights) {
  const values = Object.values(weights || {}).flatMap((own) => Object.values(own));
  if (!values.length) return "";
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? `weight ${low} for ${values.length}` : `weights ${low} to ${high}`;
}
