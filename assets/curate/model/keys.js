/* Keys and their commands. */

export const DECISIONS = { x: "veto", k: "keep", p: "pin" };
const OTHERS = {
  z: "undo", s: "scope", "?": "help", " ": "zoom", "/": "search", m: "enlarge",
  "+": "larger", "=": "larger", "-": "smaller",
};
const HELD = { z: "undo", y: "redo", a: "all" };
const MOVES = new Set([
  "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "PageUp", "PageDown", "Home", "End",
]);

/** Whether this machine has a Cmd key. */
export function isMac(platform = globalThis.navigator?.platform || "") {
  return /^(Mac|iP)/.test(platform);
}

/** The command of a key press: {decide: action}, {run: name} or {go: key, extend}; null for keys
    that belong to the browser. `letters` is false while single-letter keys are switched off. */
export function asked({ key, ctrlKey, metaKey, altKey, shiftKey }, letters = true, mac = isMac()) {
  if (altKey) return null;
  const name = key.length === 1 ? key.toLowerCase() : key;
  if (mac ? metaKey && !ctrlKey : ctrlKey && !metaKey) return held(name, shiftKey);
  if (ctrlKey || metaKey) return null;
  if (MOVES.has(name)) return { go: name, extend: Boolean(shiftKey) };
  if (name === "Escape") return { run: "clear" };
  if (!letters) return null;
  if (Object.hasOwn(DECISIONS, name)) return { decide: DECISIONS[name] };
  return Object.hasOwn(OTHERS, name) ? { run: OTHERS[name] } : null;
}

function held(name, shift) {
  if (!Object.hasOwn(HELD, name)) return null;
  return { run: name === "z" && shift ? "redo" : HELD[name] };
}

/** The keys in the line below the workspace. */
export function shortHelp(mac = isMac()) {
  const ctrl = mac ? "⌘" : "Ctrl";
  return [
    ["x", "veto"], ["k", "keep"], ["p", "pin"], [`${ctrl}+Z`, "undo"], ["Shift", "range"],
    [`${ctrl}+A`, "all that match"], ["Space", "zoom"], ["s", "scope"], ["/", "search"],
    ["m", "map"],
  ];
}

/** All keys, for the help dialog. */
export function help(mac = isMac()) {
  const ctrl = mac ? "⌘" : "Ctrl";
  return {
    "← ↑ ↓ →": "Move to another image; Page Up, Page Down, Home and End move further.",
    x: "Veto: exclude the image from every selection for these target sets.",
    k: "Keep: mark the image as relevant.",
    p: "Pin: always include the image; it counts towards the budget.",
    [`z, ${ctrl}+Z`]: "Undo the latest decision, including those of others.",
    [`${ctrl}+Shift+Z, ${ctrl}+Y`]: "Redo what was undone.",
    "Shift + arrow or click": "Choose a range; x, k and p apply to all of it.",
    [`${ctrl} + click`]: "Add an image to the chosen ones, or remove it.",
    [`${ctrl}+A`]: "Choose all images that match the filters.",
    Esc: "Clear the choice.",
    Space: "Show the image in full size; the keys still work.",
    s: "Decide for its near-duplicates, its cluster or all similar images.",
    "+ and −": "Change the size of the tiles.",
    "/": "Search by text, or by a pasted, dropped or chosen image.",
    m: "Show the map over the grid, or put it back.",
    "L, B, H on the map": "Lasso, box, move; 0 shows the whole map, arrows and + − move it.",
    "?": "Show this list.",
  };
}
