/* The side: tabs for map, figures and history, above the current image. */

import { button, element, group } from "../../shared/elements.js";

const TABS = { map: "Map", figures: "Figures", history: "History" };

export class Side {
  /** `panes`: an element for each tab; `onTab(name)`. */
  constructor(panes, onTab) {
    this.panes = panes;
    this.onTab = onTab;
    this.tabs = Object.fromEntries(Object.entries(TABS).map(([name, label]) => {
      const made = button("tab", label, () => this.show(name));
      made.setAttribute("role", "tab");
      made.id = `tab-${name}`;
      made.setAttribute("aria-controls", `panel-${name}`);
      panes[name].setAttribute("role", "tabpanel");
      panes[name].id = `panel-${name}`;
      panes[name].setAttribute("aria-labelledby", made.id);
      return [name, made];
    }));
    this.list = group("div", "tabs", ...Object.values(this.tabs));
    this.list.setAttribute("role", "tablist");
    this.list.setAttribute("aria-label", "Side");
    this.list.onkeydown = (event) => this.key(event);
    this.root = group("div", "tabbed", this.list, ...Object.values(panes));
    this.show("map");
  }

  show(name) {
    this.current = name;
    for (const [other, made] of Object.entries(this.tabs)) {
      made.setAttribute("aria-selected", String(other === name));
      made.tabIndex = other === name ? 0 : -1;
      this.panes[other].hidden = other !== name;
    }
    this.onTab(name);
  }

  key(event) {
    const names = Object.keys(TABS);
    const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!turn) return;
    event.preventDefault();
    event.stopPropagation();
    const next = names[(names.indexOf(this.current) + turn + names.length) % names.length];
    this.show(next);
    this.tabs[next].focus();
  }
}

/** The frame of the map's tab: the map with its legend, and an offer while there is none. */
export function mapTab(map, legend, onDraw) {
  const offer = element("div", "offer");
  const sentence = element("p");
  const draw = button("primary", "Draw map", onDraw);
  offer.append(sentence, draw);
  const root = group("div", "maptab", map.root, offer, legend.root);
  return {
    root,
    /** Show the map, or an offer to draw it. */
    show({ drawn, fresh, note, job }) {
      map.root.hidden = !drawn;
      offer.hidden = drawn && fresh && !job;
      offer.classList.toggle("thin", drawn);
      draw.hidden = Boolean(job);
      draw.textContent = drawn ? "Redraw map" : "Draw map";
      sentence.textContent = job ? `The map is being drawn${typeof job === "string" ? `: ${job}` : ""}.`
        : drawn ? "The pool has changed since the map was drawn." : "The map has not been drawn.";
      root.title = note || "";
    },
  };
}
