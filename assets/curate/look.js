/* Choices of this browser that are not part of a link: tile size, colours, tab, letter keys. */

import { remember, remembered } from "../shared/storage.js";
import { SIZES } from "./grid/layout.js";

const KEY = "sept-curate-look";
const USUAL = { size: SIZES.usual, colour: "selection", tab: "map", letters: true };

export class Look {
  constructor() {
    const stored = remembered(KEY, {});
    this.values = { ...USUAL };
    for (const name of Object.keys(USUAL)) {
      if (typeof stored?.[name] === typeof USUAL[name]) this.values[name] = stored[name];
    }
  }

  get(name) {
    return this.values[name];
  }

  set(name, value) {
    this.values[name] = value;
    remember(KEY, this.values);
  }
}

/** Whether an element has a dark background. */
export function isDark(root) {
  const colour = getComputedStyle(root).getPropertyValue("--st-background-color").trim();
  const parts = colour.startsWith("#")
    ? [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16))
    : (colour.match(/[\d.]+/g) || [255, 255, 255]).map(Number);
  return 0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2] < 128;
}
