/* The filters of the view, applied to rows and entries in the browser. */

/** Whether a cluster, fine or coarse, holds a row. */
export function clusterTest(clusters, wanted) {
  if (wanted === null || wanted === undefined || !clusters) return null;
  const { of, parent } = clusters;
  return (row) => {
    const own = of[row] ?? -1;
    return own === wanted || (own >= 0 && parent !== null && parent[own] === wanted);
  };
}

/** The states that a view may filter by, and the decisions that belong to them. */
export const STATES = { vetoed: ["veto", "negative"], kept: ["keep"], pinned: ["pin"] };

/** Whether an image has the wanted state; "undecided" has no decision, "new" is a refill, "round" is
    not among `before`, the images of the previous round. */
export function stateTest(marks, wanted, before = null) {
  if (!wanted) return null;
  if (wanted === "round") return before && (({ uid, ghost }) => !ghost && !before.has(uid));
  if (wanted === "new") return (entry) => Boolean(entry.fresh);
  if (wanted === "undecided") return ({ uid }) => !marks.of(uid);
  const actions = STATES[wanted] || [];
  return ({ uid }) => actions.includes(marks.of(uid));
}

/** Whether a target image brought an entry; `target` is a uid. */
export function targetTest(targets, target) {
  if (!target) return null;
  const index = targets.findIndex(({ uid }) => uid === target);
  return (entry) => entry.target === index;
}

/** Whether an entry belongs to a part of the recipe. */
export function partTest(part) {
  return part ? (entry) => entry.part === part : null;
}

/** The test that combines tests; null ones pass everything. */
export function every(...tests) {
  const active = tests.filter(Boolean);
  return (value) => active.every((test) => test(value));
}

/** The rows, of a list or of 0..count, that pass tests on rows. */
export function rowsPassing(count, among, tests) {
  const active = tests.filter(Boolean);
  if (!active.length) return among; // null: every row
  const total = among ? among.length : count;
  const found = new Uint32Array(total);
  let size = 0;
  for (let i = 0; i < total; i += 1) {
    const row = among ? among[i] : i;
    if (active.every((test) => test(row))) {
      found[size] = row;
      size += 1;
    }
  }
  return found.subarray(0, size);
}

/** A set of rows as a test; null for none. */
export function rowTest(rows, count) {
  if (!rows) return null;
  const inside = new Uint8Array(count);
  for (const row of rows) inside[row] = 1;
  return (row) => inside[row] === 1;
}
