/* Tools of the map, and keys and their commands. */

export const TOOLS = { lasso: "Lasso (L)", box: "Box (B)", pan: "Move (H)" };
const KEYS = { l: { pick: "lasso" }, b: { pick: "box" }, h: { pick: "pan" } };
const STEP = 60; // page pixels that an arrow key moves the map
const ARROWS = { arrowleft: [-1, 0], arrowright: [1, 0], arrowup: [0, 1], arrowdown: [0, -1] };
const ZOOM = 1.4;
const ZOOMS = { "+": ZOOM, "=": ZOOM, "-": 1 / ZOOM };

/** The command of a key press: {pick: tool}, {zoom: factor}, {shift: [right, up]}, {run: name};
    null for keys that are not the map's. `letters` is false while single-letter keys are off. */
export function asked({ key, ctrlKey, metaKey, altKey }, letters = true) {
  if (ctrlKey || metaKey || altKey) return null;
  const name = key.toLowerCase();
  if (Object.hasOwn(ARROWS, name)) return { shift: ARROWS[name].map((part) => part * STEP) };
  if (!letters && key.length === 1) return null;
  if (Object.hasOwn(KEYS, name)) return KEYS[name];
  if (Object.hasOwn(ZOOMS, name)) return { zoom: ZOOMS[name] };
  if (name === "0") return { run: "whole" };
  if (name === "escape") return { run: "clear" };
  return null;
}

/** The zoom factor of a turn of the wheel; Firefox counts lines. */
export function wheelZoom({ deltaY, deltaMode }) {
  return Math.exp(-deltaY * (deltaMode === 1 ? 30 : 1) * 0.0015);
}
