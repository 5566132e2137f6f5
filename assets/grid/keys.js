/* Keys and what they ask for. */

export const DECISIONS = { x: "veto", k: "keep", p: "pin" };
const OTHERS = { z: "undo", a: "visible", s: "scope", "?": "help", " ": "zoom" };

/** What a key press asks for: {decide: action}, {run: name}, {go: key, extend}; null with Ctrl,
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
  "← ↑ ↓ →": "go to another image; Page up, Page down, Home and End go further",
  x: "veto: never in a selection for these target sets",
  k: "keep: judged and right",
  p: "pin: always in, counts towards the budget",
  z: "undo the latest decision, whoever made it",
  "shift + arrow or click": "choose a range; x, k and p then act on all of it",
  a: "choose all that is visible",
  space: "full size, and why the image is here; keys go on working",
  s: "decide on its near-duplicates, its cluster or all images like it",
  "?": "this list",
};
