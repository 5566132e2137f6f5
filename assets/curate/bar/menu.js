/* A button that opens a small panel below it; Esc or a click elsewhere closes it. */

import { element } from "../../shared/elements.js";
import { icon } from "../../shared/icons.js";

export class Menu {
  /** `fill(panel)` draws the content at each opening. */
  constructor(name, label, fill) {
    this.root = element("div", `menu ${name}`);
    this.button = element("button", "opener");
    this.button.type = "button";
    this.button.setAttribute("aria-haspopup", "dialog");
    this.button.setAttribute("aria-expanded", "false");
    this.text = element("span", "", label);
    this.button.append(this.text, icon("chevron"));
    this.panel = element("div", "panel");
    this.panel.hidden = true;
    this.panel.setAttribute("role", "group");
    this.panel.setAttribute("aria-label", label);
    this.button.onclick = () => (this.panel.hidden ? this.open() : this.close());
    this.root.append(this.button, this.panel);
    this.fill = fill;
    this.root.onkeydown = (event) => {
      if (event.key !== "Escape" || this.panel.hidden) return;
      event.stopPropagation();
      this.close();
      this.button.focus();
    };
    this.root.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !this.root.contains(event.relatedTarget)) this.close();
    });
    this.outside = (event) => {
      if (!event.composedPath().includes(this.root)) this.close();
    };
  }

  open() {
    this.fill(this.panel);
    this.panel.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", this.outside, true);
    this.panel.querySelector("input, button, select")?.focus();
  }

  close() {
    this.panel.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", this.outside, true);
  }

  say(text) {
    this.text.textContent = text;
  }
}
