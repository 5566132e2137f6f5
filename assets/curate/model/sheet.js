/* The ranking of a request: one entry for each pick, in selected order; budgets are slices of it. */

/** The steps in which a ranking is loaded: the first images early, then all. */
export const FIRST_REACH = 200;
export const FULL_REACH = 10000;

/** The entries of a sheet: {uid, row, similarity, target, rank, phase, group, part, weight} for each pick. */
export function entriesOf(sheet) {
  return sheet.uids.map((uid, i) => ({
    uid,
    row: sheet.rows[i],
    similarity: sheet.similarity[i] ?? null,
    target: sheet.target[i],
    rank: sheet.rank[i],
    phase: sheet.phase[i],
    group: sheet.dup_group[i],
    part: sheet.part?.[i] ?? "",
    weight: sheet.weight?.[i] ?? null,
  }));
}

/** Whether a budget can be cut from a sheet. */
export function serves(sheet, budget) {
  if (!sheet) return false;
  if (sheet.exact_at !== null && sheet.exact_at !== undefined) return sheet.exact_at === budget;
  return sheet.complete || sheet.uids.length >= budget;
}

/** The largest budget that a complete sheet can serve, or null while it is not complete. */
export function mostOf(sheet) {
  return sheet?.complete ? sheet.uids.length : null;
}

/** The reach to ask for, so that a budget can be cut: 200, then 10,000 and its doubles. */
export function reachFor(budget, prefix = true) {
  if (!prefix) return budget;
  let reach = FULL_REACH;
  while (reach < budget) reach *= 2;
  return reach;
}

/** The reach to ask for after a decision: little more than the budget, so that it arrives soon. */
export function shortReach(budget, prefix = true) {
  if (!prefix) return budget;
  let reach = FIRST_REACH;
  while (reach < budget) reach *= 2;
  return Math.min(reach, reachFor(budget));
}

/** The URL of a sheet with its reach, and other URLs with further parts before the query. */
export function extended(url, ...parts) {
  const [path, query] = url.split("?");
  return [path, ...parts].join("/") + (query === undefined ? "" : `?${query}`);
}

/** The part of a sheet's URL that names its request: {key, log}. */
export function namesIn(url) {
  const [key, log] = url.split("?")[0].split("/").slice(-2);
  return { key, log };
}

/** For each target: the number of entries that it brought and their lowest similarity. */
export function shares(entries, targetCount) {
  const counts = new Uint32Array(targetCount);
  const weakest = new Array(targetCount).fill(null);
  for (const { target, similarity } of entries) {
    if (target < 0 || target >= targetCount) continue;
    counts[target] += 1;
    if (similarity !== null && (weakest[target] === null || similarity < weakest[target])) {
      weakest[target] = similarity;
    }
  }
  return { counts, weakest };
}
