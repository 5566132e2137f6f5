/* A dialog with a title, content and buttons; Esc or a click outside closes it. */

import { button, element, group } from "../../shared/elements.js";

export class Dialog {
  constructor(name, title, onClose = () => {}) {
    this.root = element("dialog", `dialog ${name}`);
    this.title = element("h2", "", title);
    this.title.id = `title-${name}`;
    this.root.setAttribute("aria-labelledby", this.title.id);
    this.body = element("div", "content");
    this.root.append(this.title, this.body);
    this.root.onclick = (event) => { if (event.target === this.root) this.root.close(); };
    this.root.onclose = onClose;
    this.root.addEventListener("keydown", (event) => event.stopPropagation());
  }

  get isOpen() {
    return this.root.open;
  }

  /** Open with content and buttons: {label, run, primary, disabled} each. */
  open(title, content, buttons = []) {
    this.title.textContent = title;
    const made = buttons.map(({ label, run, primary, disabled }) => {
      const one = button(primary ? "primary" : "", label, () => {
        if (run() !== false) this.root.close();
      });
      one.disabled = Boolean(disabled);
      return one;
    });
    const cancel = button("", buttons.length ? "Cancel" : "Close", () => this.root.close());
    this.foot = group("div", "foot", cancel, ...made);
    this.body.replaceChildren(...content, this.foot);
    if (!this.root.open) this.root.showModal();
  }

  close() {
    this.root.close();
  }
}
