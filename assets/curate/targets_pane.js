/* The target images: how many images each brought within the budget, and their lowest similarity. */

import { element, group, iconButton, picture, select } from "../shared/elements.js";
import { counted, number } from "./model/saving.js";

const RATIO = 0.72; // height of a picture, of its width
const WIDEST = 320; // CSS pixels of a picture
const GAP = 8;
const MARGIN = 300;
const SORTS = [["set", "in order"], ["most", "most images"], ["fewest", "fewest images"],
  ["weakest", "weakest first"]];

export class TargetsPane {
  /** `actions`: filter(uid), veto(target), thumbnail(uid), hover(uid). */
  constructor(actions) {
    this.actions = actions;
    this.targets = [];
    this.sort = "set";
    this.chosen = null;
    this.count = element("span", "count");
    this.sorting = select("small", "Order of the targets", SORTS, "set", (sort) => {
      this.sort = sort;
      this.arrange();
    });
    this.list = element("div", "list");
    this.list.setAttribute("role", "list");
    this.canvas = element("div", "canvas");
    this.canvas.setAttribute("role", "presentation");
    this.list.append(this.canvas);
    this.list.onscroll = () => this.draw();
    this.list.onpointerleave = () => this.actions.hover(null);
    this.root = group("section", "targets",
      group("div", "titled", this.count, this.sorting), this.list);
    this.root.setAttribute("aria-label", "Target images");
    this.resizing = new ResizeObserver(() => this.arrange());
    this.drawn = new Map();
  }

  attach() {
    this.resizing.observe(this.list);
  }

  detach() {
    this.resizing.disconnect();
  }

  /** Show targets ({uid, label, vetoed, gap, index}), their shares, and the one filtered by. */
  show(targets, shares, chosen) {
    this.targets = targets;
    this.shares = shares;
    this.chosen = chosen;
    this.count.textContent = counted(targets.length, "target");
    this.arrange();
  }

  arrange() {
    const { counts, weakest } = this.shares || { counts: [], weakest: [] };
    const key = {
      set: () => 0,
      most: (i) => -(counts[i] || 0),
      fewest: (i) => counts[i] || 0,
      weakest: (i) => weakest[i] ?? 2,
    }[this.sort];
    this.order = this.targets.map((_, i) => i).sort((a, b) => key(a) - key(b) || a - b);
    this.step = Math.round(Math.min(this.list.clientWidth, WIDEST) * RATIO) || 60;
    this.canvas.style.height = this.order.length * (this.step + GAP) + "px";
    this.canvas.replaceChildren();
    this.drawn.clear();
    this.draw();
  }

  draw() {
    const top = this.list.scrollTop;
    const pitch = this.step + GAP;
    const first = Math.max(0, Math.floor((top - MARGIN) / pitch));
    const end = Math.min(
      this.order.length, Math.ceil((top + this.list.clientHeight + MARGIN) / pitch));
    for (const [place, made] of this.drawn) {
      if (place >= first && place < end) continue;
      made.remove();
      this.drawn.delete(place);
    }
    for (let place = first; place < end; place += 1) {
      if (!this.drawn.has(place)) this.drawCard(place, pitch);
    }
  }

  drawCard(place, pitch) {
    const made = this.card(this.order[place]);
    made.style.transform = `translateY(${place * pitch}px)`;
    made.style.height = this.step + "px";
    this.canvas.append(made);
    this.drawn.set(place, made);
  }

  card(i) {
    const target = this.targets[i];
    const count = this.shares?.counts[i] ?? null;
    const weakest = this.shares?.weakest[i] ?? null;
    const text = count === null ? "" : [number(count), weakest?.toFixed(2)].filter(Boolean).join(" · ");
    const open = element("button", "open");
    open.type = "button";
    open.append(picture(this.actions.thumbnail(target.uid), ""),
      element("span", "hidden-text", named(target, i, count, weakest)), element("span", "value", text));
    if (target.gap) open.append(element("span", "gap", "gap"));
    if (target.vetoed) open.append(element("span", "badge", "✕"));
    open.setAttribute("aria-pressed", String(this.chosen === target.uid));
    open.title = described(target, count, weakest);
    open.onclick = () => this.actions.filter(target.uid);
    const veto = iconButton("veto", target.vetoed ? "undo" : "cross",
      target.vetoed ? "Use this target again" : "Veto this target", () => this.actions.veto(target));
    const made = group("div", "card", open, veto);
    made.setAttribute("role", "listitem");
    made.classList.toggle("gapped", Boolean(target.gap));
    made.classList.toggle("vetoed", Boolean(target.vetoed));
    made.onpointerenter = () => this.actions.hover(target);
    return made;
  }
}

function named(target, i, count, weakest) {
  const parts = [`Target ${i + 1}`, target.label, target.vetoed ? "vetoed" : ""];
  if (count !== null) parts.push(counted(count, "image"));
  if (weakest !== null) parts.push(`lowest similarity ${weakest.toFixed(2)}`);
  if (target.gap) parts.push("the pool has few similar images");
  return parts.filter(Boolean).join(", ");
}

function described(target, count, weakest) {
  const lines = [target.label];
  if (count !== null) lines.push(`${counted(count, "image")} within the budget`);
  if (weakest !== null) lines.push(`lowest similarity ${weakest.toFixed(3)}`);
  if (target.best !== null && target.best !== undefined) {
    lines.push(`most similar pool image ${target.best.toFixed(3)}`);
  }
  if (target.gap) lines.push("Gap: the pool has few images similar to this target.");
  return [...lines.filter(Boolean), "Click: show only what it brought."].join("\n");
}
