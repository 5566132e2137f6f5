/* The colour classes of the map's points when they show the selection, and their legend. */

export const CLASSES = ["pool", "selected", "new", "vetoed", "kept", "pinned", "found"];
const LIGHT = ["#b4bab5", "#0f766e", "#7c3aed", "#c2410c", "#15803d", "#1d4ed8", "#b45309"];
const DARK = ["#4d5753", "#2dd4bf", "#a78bfa", "#fb923c", "#4ade80", "#60a5fa", "#fbbf24"];
const OF_MARK = { veto: 3, negative: 3, keep: 4, pin: 5 };

export function palette(dark) {
  return dark ? DARK : LIGHT;
}

/** The class of each row: `entries` with a row are selected or found, `marks` gives decisions.

    Returns {classes, top, counts}: `top` are the rows that are not plain pool, drawn last. */
export function selectionClasses(count, entries, marks, { found = false, decided = [] } = {}) {
  const classes = new Uint8Array(count);
  const counts = new Array(CLASSES.length).fill(0);
  const top = [];
  const set = (row, kind) => {
    if (row < 0 || row >= count) return;
    if (!classes[row]) top.push(row);
    else counts[classes[row]] -= 1;
    classes[row] = kind;
    counts[kind] += 1;
  };
  for (const { row, action } of decided) set(row, OF_MARK[action] ?? 0);
  for (const entry of entries) {
    const action = marks.of(entry.uid);
    if (action) set(entry.row, OF_MARK[action]);
    else if (!entry.ghost) set(entry.row, found ? 6 : entry.fresh ? 2 : 1);
  }
  counts[0] = count - top.length;
  return { classes, top: Uint32Array.from(top), counts };
}

/** The legend of the selection's classes that occur; the pool always does. */
export function selectionLegend(counts, colours) {
  return CLASSES.map((label, kind) => ({
    label, colour: colours[kind], count: counts[kind], class: kind,
  })).filter(({ count, class: kind }) => count > 0 || kind === 0);
}

/** Bytes of a base64 text. */
export function decoded(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Little-endian int16 values of a base64 text. */
export function decodedShorts(text) {
  return new Int16Array(decoded(text).buffer);
}

/** The hidden classes after a click on one of the legend, or a double click, which isolates it. */
export function hiddenAfter(hidden, kind, all, isolate) {
  const next = new Set(hidden);
  if (!isolate) {
    if (!next.delete(kind)) next.add(kind);
    return next;
  }
  const others = all.filter((other) => other !== kind);
  const alone = !hidden.has(kind) && others.every((other) => hidden.has(other));
  return new Set(alone ? [] : others);
}
