/* One press of the pointer until its release: a click, a shift of the map, or an area drawn. */

import { box } from "./picking.js";

const SLACK = 4; // page pixels that a click may wander

export class Gesture {
  /** `pixel` is where it began, from the map's upper left corner. */
  constructor(tool, pixel, viewport) {
    this.tool = tool;
    this.viewport = viewport;
    this.start = pixel;
    this.from = { x: viewport.x, y: viewport.y };
    this.path = tool === "pan" ? null : [viewport.toMap(pixel)]; // corners of an area
    this.moved = false;
  }

  /** Follow the pointer; returns whether anything has to be drawn. */
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

  /** The corners of the area that was drawn, or null. */
  get area() {
    return this.moved && this.path && this.path.length > 2 ? this.path : null;
  }
}

/** The tool of a press: the middle button and the shift key move the map whatever is chosen. */
export function toolOf(event, chosen) {
  return event.button === 1 || event.shiftKey ? "pan" : chosen;
}
