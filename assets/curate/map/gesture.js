/* One press of the pointer until its release: a click, a pan, or a drawn area. */

import { box } from "../model/area.js";

const SLACK = 4; // page pixels that a click may move

export class Gesture {
  /** `pixel` is the start of the press, from the map's upper left corner. */
  constructor(tool, pixel, viewport) {
    this.tool = tool;
    this.viewport = viewport;
    this.start = pixel;
    this.from = { x: viewport.x, y: viewport.y };
    this.path = tool === "pan" ? null : [viewport.toMap(pixel)]; // corners of an area
    this.moved = false;
  }

  /** Follow the pointer; returns whether the map must be redrawn. */
  follow(pixel) {
    const right = pixel[0] - this.start[0];
    const down = pixel[1] - this.start[1];
    if (Math.hypot(right, down) > SLACK) this.moved = true;
    if (!this.moved) return false;
    if (this.tool === "pan") this.viewport.shift(-right, down, this.from);
    else if (this.tool === "box") this.path = box(this.path[0], this.viewport.toMap(pixel));
    else this.path.push(this.viewport.toMap(pixel));
    return true;
  }

  get pans() {
    return this.moved && this.tool === "pan";
  }

  /** The corners of the drawn area, or null. */
  get area() {
    return this.moved && this.path && this.path.length > 2 ? this.path : null;
  }
}

/** The tool of a press: the middle button and the shift key always pan. */
export function toolOf(event, chosen) {
  return event.button === 1 || event.shiftKey ? "pan" : chosen;
}
