/* The borders between panes: dragged or moved by arrow keys, and remembered by the browser. */

import { element } from "../shared/elements.js";
import { remember, remembered } from "../shared/storage.js";

const KEY = "sept-curate-panes";
const STEP = 16; // CSS pixels per arrow key

/** The panes' sizes: least, usual and most CSS pixels. */
const SIZES = {
  left: { least: 76, usual: 116, most: 320 },
  right: { least: 280, usual: 440, most: 1100 },
  below: { least: 120, usual: Math.round(Math.min(270, innerHeight * 0.3)), most: 700 },
};

export class Splitters {
  constructor(root, onChange) {
    this.root = root;
    this.onChange = onChange;
    this.sizes = Object.fromEntries(Object.entries(SIZES).map(([name, { usual }]) => [name, usual]));
    const stored = remembered(KEY, {});
    for (const name of Object.keys(SIZES)) {
      if (Number.isFinite(stored[name])) this.sizes[name] = stored[name];
    }
    for (const name of Object.keys(SIZES)) this.apply(name);
  }

  /** The border of a pane; `sign` is 1 if the pane grows to the right or downwards, else −1. */
  make(name, label, sign) {
    const across = name === "below";
    const made = element("div", `splitter ${across ? "across" : ""}`);
    made.tabIndex = 0;
    made.setAttribute("role", "separator");
    made.setAttribute("aria-orientation", across ? "horizontal" : "vertical");
    made.setAttribute("aria-label", label);
    made.setAttribute("aria-valuemin", SIZES[name].least);
    made.setAttribute("aria-valuemax", SIZES[name].most);
    made.onpointerdown = (event) => this.drag(event, made, name, sign, across);
    made.ondblclick = () => this.set(name, SIZES[name].usual);
    made.onkeydown = (event) => {
      const turn = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!turn) return;
      event.preventDefault();
      event.stopPropagation();
      this.set(name, this.sizes[name] + sign * turn * STEP);
    };
    this[name] = made;
    this.apply(name);
    return made;
  }

  drag(event, made, name, sign, across) {
    if (event.button) return;
    event.preventDefault();
    made.setPointerCapture(event.pointerId);
    const start = across ? event.clientY : event.clientX;
    const before = this.sizes[name];
    made.onpointermove = (moved) => {
      const now = across ? moved.clientY : moved.clientX;
      this.set(name, before + sign * (now - start));
    };
    made.onpointerup = made.onpointercancel = () => { made.onpointermove = null; };
  }

  set(name, size) {
    const { least, most } = SIZES[name];
    this.sizes[name] = Math.round(Math.max(least, Math.min(most, size)));
    this.apply(name);
    remember(KEY, this.sizes);
    this.onChange();
  }

  apply(name) {
    this.root.style.setProperty(`--${name}`, this.sizes[name] + "px");
    this[name]?.setAttribute("aria-valuenow", this.sizes[name]);
  }
}
