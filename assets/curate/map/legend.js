/* The legend of the map: a click hides a class, a double click shows it alone. */

import { button, element, group, select, fill } from "../../shared/elements.js";
import { hiddenAfter } from "../model/colours.js";
import { number } from "../model/saving.js";

const GLYPHS = "▲■◆●";
const MOST = 18; // classes listed; the largest ones

export class Legend {
  /** `onHidden(classes)` after a click, `onColour(id)` after another choice of colours. */
  constructor(onHidden, onColour) {
    this.onHidden = onHidden;
    this.hidden = new Set();
    this.classes = element("div", "classes");
    this.colour = select("small", "Colour of the points", [], "", onColour);
    this.root = group("div", "legend", this.classes,
      group("label", "colour", element("span", "", "colour"), this.colour));
  }

  /** Show the choices of colours: pairs of id and title. */
  offer(choices, current) {
    fill(this.colour, choices, current);
  }

  /** Show classes ({label, colour, count, class}) and the names of the target sets. */
  show(entries, targets) {
    this.entries = entries;
    this.targets = targets;
    const listed = entries.length <= MOST
      ? entries : [...entries].sort((a, b) => b.count - a.count).slice(0, MOST);
    const parts = listed.map((entry) => this.entry(entry));
    if (listed.length < entries.length) {
      parts.push(element("span", "more", `and ${number(entries.length - listed.length)} smaller`));
    }
    targets.forEach((name, i) => parts.push(group("span", "glyph",
      element("b", "", GLYPHS[i % 4]), element("span", "", targets.length > 1 ? name : "targets"))));
    this.classes.replaceChildren(...parts);
  }

  entry({ label, colour, count, class: kind }) {
    const made = button("class", undefined, null);
    const dot = element("i");
    dot.style.background = colour;
    made.append(dot, element("span", "", label), element("small", "", number(count)));
    made.title = "Click: hide or show. Double click: show only this.";
    made.setAttribute("aria-pressed", String(!this.hidden.has(kind)));
    made.onclick = (event) => this.toggle(kind, event.detail > 1);
    return made;
  }

  toggle(kind, isolate) {
    const all = this.entries.map((entry) => entry.class);
    if (isolate) this.hidden = hiddenAfter(this.before, kind, all, true);
    else {
      this.before = this.hidden; // a double click starts with two single ones
      this.hidden = hiddenAfter(this.hidden, kind, all, false);
    }
    this.onHidden(this.hidden);
    this.show(this.entries, this.targets);
  }

  reset() {
    this.hidden = new Set();
  }
}
