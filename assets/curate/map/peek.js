/* The image under the pointer. */

import { element, picture } from "../../shared/elements.js";

const SIDE = 136; // page pixels of the image and its border

export class Peek {
  constructor() {
    this.root = element("div", "peek");
    this.hide();
  }

  /** Show an image next to a page pixel. */
  show(url, [x, y], { width, height }) {
    if (this.url !== url) this.root.replaceChildren(picture(url, "Image under the pointer"));
    this.url = url;
    this.root.hidden = false;
    const left = x + 14 + SIDE > width ? x - 14 - SIDE : x + 14;
    this.root.style.left = Math.max(4, left) + "px";
    this.root.style.top = Math.max(4, Math.min(y + 14, height - SIDE)) + "px";
  }

  hide() {
    this.root.hidden = true;
  }
}
