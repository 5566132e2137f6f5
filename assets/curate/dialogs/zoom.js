/* The full image; the keys of the grid still work. */

import { element, picture } from "../../shared/elements.js";

export class Zoom {
  constructor(onKey, onClose) {
    this.root = element("dialog", "dialog zoom");
    this.root.setAttribute("aria-label", "Full image");
    this.frame = element("div", "image");
    this.caption = element("p", "caption");
    this.caption.setAttribute("aria-live", "polite");
    this.root.append(this.frame, this.caption);
    this.root.onkeydown = onKey;
    this.root.onclose = onClose;
    this.root.onclick = () => this.root.close();
  }

  get isOpen() {
    return this.root.open;
  }

  show(url, caption) {
    if (this.url !== url) this.frame.replaceChildren(picture(url, "Full image", false));
    this.url = url;
    this.caption.textContent = caption;
    if (!this.root.open) this.root.showModal();
  }

  close() {
    this.root.close();
  }
}
