/* The status line above the grid. */

import { button, element } from "../shared/elements.js";
import { saving } from "./saving.js";

export class Bar {
  constructor(send) {
    this.root = element("div", "bar");
    this.counts = element("span", "counts");
    this.method = element("span", "method");
    this.status = button("status", "", send);
    this.root.append(this.counts, this.method, this.status);
  }

  say(method) {
    this.method.textContent = method;
  }

  show(counts, progress) {
    const { state, sentence, canSend } = saving(progress);
    this.counts.textContent = counts;
    this.status.dataset.state = state;
    this.status.disabled = !canSend;
    this.status.textContent = sentence;
  }
}
