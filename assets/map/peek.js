/* The image under the pointer, once the pointer rests. */

import { element } from "../shared/elements.js";

const DELAY = 90; // ms the pointer must rest before an image is asked for
const SIDE = 136; // page pixels of the image and its border

export class Peek {
  constructor() {
    this.root = element("div", "peek");
    this.turn = 0; // of the pointer: an image asked for in an earlier one comes too late
  }

  /** Show in a moment what `find` brings, the URL of an image or null, beside a page pixel. */
  soon(pixel, room, find) {
    clearTimeout(this.waiting);
    const turn = ++this.turn;
    this.waiting = setTimeout(async () => {
      const url = await find();
      if (turn !== this.turn) return; // the pointer has gone on
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
