/* The image under the pointer, shown once the pointer rests. */

import { element } from "../shared/elements.js";

const DELAY = 90; // ms that the pointer must rest before an image is requested
const SIDE = 136; // page pixels of the image and its border

export class Peek {
  constructor() {
    this.root = element("div", "peek");
    this.turn = 0; // of the pointer: an image requested in an earlier turn is dropped
  }

  /** Show the image of `find` (a URL or null) next to a page pixel, after a delay. */
  soon(pixel, room, find) {
    clearTimeout(this.waiting);
    const turn = ++this.turn;
    this.waiting = setTimeout(async () => {
      const url = await find();
      if (turn !== this.turn) return; // the pointer has moved on
      if (url) this.show(url, pixel, room);
      else this.hide();
    }, DELAY);
  }

  show(url, [x, y], { width, height }) {
    const image = element("img");
    image.alt = "Image under the pointer";
    image.src = url;
    this.root.replaceChildren(image);
    this.root.style.display = "block";
    this.root.style.left = Math.min(x + 14, width - SIDE) + "px";
    this.root.style.top = Math.max(4, Math.min(y + 14, height - SIDE)) + "px";
  }

  hide() {
    this.turn += 1;
    clearTimeout(this.waiting);
    this.root.style.display = "none";
  }
}
