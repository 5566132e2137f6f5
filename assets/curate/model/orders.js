/* The orders of the grid: which entries, in which order, under which headers. */

export const ORDERS = {
  similarity: "by similarity",
  target: "by target",
  cluster: "by cluster",
  part: "by part",
  doubt: "by doubt",
  refills: "newest refills first",
  audit: "audit sample",
  uid: "whole pool",
};

/** Orders that need a list of uids from the server. */
export const LISTED = new Set(["doubt", "audit"]);

/** Orders whose sections have headers. */
export const SECTIONED = new Set(["target", "cluster", "part"]);

/** The function that gives the section of an entry in an order. */
export function sectionOf(order, clusterOf) {
  if (order === "target") return (entry) => entry.target;
  if (order === "cluster") return (entry) => clusterOf(entry.row);
  if (order === "part") return (entry) => entry.part || -1;
  return () => 0;
}

/** Arrange entries: `listed` has the uids of an order made by the server, `clusterOf` the cluster of
    a row (−1 without). Sections come in the order of their first entry; those without one last. */
export function arranged(entries, order, { listed = null, clusterOf = () => -1 } = {}) {
  if (LISTED.has(order)) return inOrder(entries, listed || []);
  if (order === "similarity") return bySimilarity(entries);
  if (SECTIONED.has(order)) return grouped(entries, sectionOf(order, clusterOf));
  return [...entries];
}

/** Entries by falling similarity; those without one (pins, fills) keep their order at the end. */
function bySimilarity(entries) {
  return [...entries].sort((a, b) => (b.similarity ?? -2) - (a.similarity ?? -2));
}

function inOrder(entries, uids) {
  const known = new Map(entries.map((entry) => [entry.uid, entry]));
  return uids.map((uid) => known.get(uid)).filter(Boolean);
}

function grouped(entries, section) {
  const groups = new Map();
  for (const entry of entries) {
    const name = section(entry);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(entry);
  }
  const rest = groups.get(-1) || [];
  groups.delete(-1);
  return [...[...groups.values()].flatMap(bySimilarity), ...rest];
}

/** The sections of a list: {name, first, count} of each run of equal names. */
export function sectionsOf(entries, section) {
  const found = [];
  entries.forEach((entry, i) => {
    const name = section(entry);
    const last = found.at(-1);
    if (last && last.name === name) last.count += 1;
    else found.push({ name, first: i, count: 1 });
  });
  return found;
}

/** New images first, in a list that has them; the rest keeps its order. */
export function newestFirst(entries) {
  return [...entries.filter((entry) => entry.fresh), ...entries.filter((entry) => !entry.fresh)];
}
