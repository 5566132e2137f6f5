/* The grid: a virtual list of images of any length, with a current one and a choice of several. */

import { element } from "../../shared/elements.js";
import { Choice } from "../model/choice.js";
import { GAP, Layout } from "./layout.js";
import { Tiles } from "./tiles.js";

const TALLEST = 8_000_000; // CSS pixels; browsers limit the height of an element
const PAD = 8; // left and right of the tiles

export class GridPane {
  /** `actions`: look(item), header(section), thumbnail(uid), moved(item), zoom(), hover(item),
      chosen(size). */
  constructor(actions) {
    this.actions = actions;
    this.choice = new Choice();
    this.items = null;
    this.size = 104;
    this.top = this.height = 0; // cached: asking the browser would force it to compute the layout
    this.ratio = 1; // heights of the layout per pixel of scrolling
    this.build();
    this.assignHandlers();
  }

  build() {
    this.root = element("div", "gridpane");
    this.view = element("div", "view");
    this.view.tabIndex = 0;
    this.view.setAttribute("role", "grid");
    this.view.setAttribute("aria-multiselectable", "true");
    this.view.setAttribute("aria-label", "Images");
    this.tiles = new Tiles(this.actions);
    this.view.append(this.tiles.root);
    this.sticky = element("div", "sticky");
    this.sticky.setAttribute("aria-hidden", "true");
    this.empty = element("div", "empty");
    this.empty.hidden = true;
    this.root.append(this.view, this.sticky, this.empty);
  }

  assignHandlers() {
    this.view.onscroll = () => {
      this.top = this.view.scrollTop * this.ratio;
      this.draw();
    };
    this.view.onwheel = (event) => this.wheel(event);
    this.view.onclick = (event) => this.click(event);
    this.view.ondblclick = () => this.actions.zoom();
    this.view.onpointerover = (event) => this.point(event);
    this.view.onpointerleave = () => this.actions.hover(-1);
    this.resizing = new ResizeObserver(() => this.arrange());
  }

  attach() {
    this.resizing.observe(this.view);
  }

  detach() {
    this.resizing.disconnect();
  }

  /** Show other items; `place` maps old items to new ones, and null starts at the top. */
  show(items, place) {
    this.items = items;
    if (place) this.choice.carry(items.count, place);
    else {
      this.choice.start(items.count);
      this.view.scrollTop = this.top = 0;
    }
    this.arrange();
    this.actions.chosen(this.choice.size);
  }

  resize(size) {
    if (size === this.size) return;
    const anchor = this.choice.cursor;
    this.size = size;
    this.arrange();
    if (this.items?.count) this.reveal(anchor);
  }

  arrange() {
    if (!this.items) return;
    this.height = this.view.clientHeight;
    const width = this.view.clientWidth - 2 * PAD;
    if (width <= 0) return;
    this.layout = new Layout(this.items.count, this.items.sections, width, this.size);
    const total = Math.min(this.layout.height, TALLEST);
    this.ratio = total > this.height
      ? (this.layout.height - this.height) / (total - this.height) : 1;
    this.tiles.root.style.height = total + "px";
    this.view.setAttribute("aria-rowcount", String(this.layout.rows));
    this.view.setAttribute("aria-colcount", String(this.layout.columns));
    this.tiles.arrange(this.layout);
    this.top = this.view.scrollTop * this.ratio;
    this.draw();
    this.paint();
  }

  draw() {
    if (!this.layout) return;
    this.tiles.draw(this.top, this.height, this.view.scrollTop - this.top);
    this.drawSticky();
  }

  /** The header of the section in view, kept at the top while its images scroll below it. */
  drawSticky() {
    const { layout } = this;
    const at = layout.divided && layout.sections.length ? layout.sectionIn(this.top + GAP) : -1;
    const shown = at >= 0 && layout.sections[at].top < this.top;
    this.sticky.hidden = !shown;
    if (!shown) return;
    const next = layout.sections[at + 1];
    const push = next ? Math.min(0, next.top - this.top - 34) : 0;
    this.sticky.style.transform = `translateY(${push}px)`;
    if (this.stuck === `${at}/${this.items.sections[at].count}`) return;
    this.stuck = `${at}/${this.items.sections[at].count}`;
    this.sticky.replaceChildren(this.tiles.headCell(at));
  }

  /** Redraw everything that can change without other items. */
  paint() {
    if (!this.layout) return;
    this.tiles.paint();
    this.view.setAttribute("aria-activedescendant", "tile-" + this.choice.cursor);
  }

  say(sentence) {
    this.empty.hidden = !sentence;
    this.empty.textContent = sentence || "";
  }

  /* ---- current and chosen items ---- */

  get current() {
    return this.items?.count ? this.choice.cursor : -1;
  }

  /** Move by a key; returns whether it moves. */
  go(key, extend) {
    if (!this.items?.count) return false;
    const item = this.layout.neighbour(this.choice.cursor, key, this.height);
    if (item === undefined) return false;
    this.move(item, extend);
    return true;
  }

  move(item, extend = false) {
    this.choice.move(this.layout.clamp(item), extend);
    this.changed();
  }

  changed() {
    this.reveal(this.choice.cursor);
    this.paint();
    this.actions.moved(this.choice.cursor);
    this.actions.chosen(this.choice.size);
  }

  chooseAll() {
    this.choice.all();
    this.paint();
    this.actions.chosen(this.choice.size);
  }

  clear() {
    this.choice.clear();
    this.paint();
    this.actions.chosen(0);
  }

  /** Whether every chosen item is in view. */
  seesAll(items) {
    return items.every((item) => {
      const top = this.layout.topOf(item);
      return top + this.layout.rowHeight > this.top && top < this.top + this.height;
    });
  }

  reveal(item) {
    const top = this.layout.scrollFor(item, this.top, this.height);
    if (top === this.top) return;
    this.view.scrollTop = top / this.ratio;
    this.top = top;
    this.draw();
  }

  click(event) {
    const tile = event.target.closest("[data-item]");
    if (!tile) return;
    const item = Number(tile.dataset.item);
    if (event.ctrlKey || event.metaKey) {
      this.choice.toggle(item);
      this.changed();
    } else this.move(item, event.shiftKey);
  }

  point(event) {
    const tile = event.target.closest("[data-item]");
    this.actions.hover(tile ? Number(tile.dataset.item) : -1);
  }

  /** Scroll long lists by what the wheel says, not by its multiple. */
  wheel(event) {
    if (this.ratio <= 1 || event.ctrlKey) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 30 : event.deltaMode === 2 ? this.height : 1;
    const most = this.layout.height - this.height;
    this.top = Math.max(0, Math.min(most, this.top + event.deltaY * unit));
    const exact = this.top;
    this.view.scrollTop = exact / this.ratio;
    this.top = exact;
    this.draw();
  }
}
