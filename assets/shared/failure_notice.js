/* A notice over a pane: what could not be loaded, the reason, and a Retry button. */

import { button, element } from "./elements.js";

export class FailureNotice {
  constructor(what, retry) {
    this.what = what;
    this.root = element("div", "failure");
    this.root.setAttribute("role", "alert");
    this.root.hidden = true;
    this.sentence = element("span");
    this.root.append(this.sentence, button("", "Retry", retry));
  }

  show(reason) {
    this.sentence.textContent = `${this.what} could not be loaded. ${reason}`;
    this.root.hidden = false;
  }

  hide() {
    this.root.hidden = true;
  }
}
