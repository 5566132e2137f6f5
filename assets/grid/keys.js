/* Keys and their commands. */

export const DECISIONS = { x: "veto", k: "keep", p: "pin" };
const OTHERS = { z: "undo", a: "visible", s: "scope", "?": "help", " ": "zoom" };

/** The command of a key press: {decide: action}, {run: name}, {go: key, extend}; null with Ctrl,
    Alt or Cmd, which belong to the browser. */
export function asked({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  if (ctrlKey || metaKey || altKey) return null;
  const name = key.length === 1 ? key.toLowerCase() : key;
  if (Object.hasOwn(DECISIONS, name)) return { decide: DECISIONS[name] };
  if (Object.hasOwn(OTHERS, name)) return { run: OTHERS[name] };
  return { go: name, extend: Boolean(shiftKey) };
}

export const SHORT_HELP = [
  ["← ↑ ↓ →", "move"], ["x", "veto"], ["k", "keep"], ["p", "pin"], ["z", "undo"],
  ["shift", "range"], ["a", "all visible"], ["space", "zoom"], ["s", "scope"], ["?", "help"],
];

export const HELP = {
  "← ↑ ↓ →": "move to another image; Page Up, Page Down, Home and End move further",
  x: "veto: exclude from every selection for these target sets",
  k: "keep: mark as relevant",
  p: "pin: always include; counts towards the budget",
  z: "undo the latest decision, including those of others",
  "shift + arrow or click": "select a range; x, k and p apply to all of it",
  a: "select all visible images",
  space: "show the full image and the reason for its selection; keys still work",
  s: "decide for its near-duplicates, its cluster or all similar images",
  "?": "show this help",
};
