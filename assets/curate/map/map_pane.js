/* The map: points in WebGL, a density below them, targets, rings and the area above, labels of
   clusters on top. It knows rows and places; the workspace says what they mean. */

import { element, group, iconButton } from "../../shared/elements.js";
import { areaTest, thinned } from "../model/area.js";
import { Cells, targetAt } from "../model/cells.js";
import { placedLabels } from "../model/labels.js";
import { Gesture, toolOf } from "./gesture.js";
import { drawGround, groundOf } from "./ground.js";
import { asked, TOOLS, wheelZoom } from "./keys.js";
import { drawOverlay } from "./overlay.js";
import { painterOf } from "./painter.js";
import { Peek } from "./peek.js";
import { DRAWN, drawn, look, told } from "./points.js";
import { Viewport } from "./viewport.js";

const CLICK_DELAY = 220; // ms within which a second click makes a double click
const SETTLE_DELAY = 160; // ms after the last turn of the wheel until all points are drawn
const REACH = 14; // page pixels around a point that belong to it
const TOP_SCALE = 1.5; // size of emphasised points, relative to the others
const LABEL = "Map of the pool. Keys: L lasso, B box, H move, arrows, plus and minus, 0 whole map";
const LABEL_REACH = [32, 12]; // page pixels from the centre of a label that belong to it
const WHOLE = 65535;

export class MapPane {
  /** `actions`: area(corners), pick(row), pickTarget(target), hover(row, target), cluster(number),
      enlarge(), thumbnail(uid), letters(). */
  constructor(actions) {
    this.actions = actions;
    this.viewport = new Viewport();
    this.targets = [];
    this.points = this.kinds = this.ground = this.clusters = null;
    this.top = new Uint32Array(0);
    this.area = [];
    this.current = this.hovered = null; // places
    this.hidden = new Set();
    this.palette = [];
    this.build();
    this.pick("lasso");
    this.painter = painterOf(this.canvas);
    this.assignHandlers();
  }

  build() {
    this.root = element("div", "map");
    this.root.tabIndex = 0;
    this.root.setAttribute("role", "application");
    this.root.setAttribute("aria-label", LABEL);
    [this.density, this.canvas, this.overlay] =
      ["density", "points", "overlay"].map((name) => element("canvas", name));
    this.labels = element("div", "labels");
    this.labels.setAttribute("aria-hidden", "true");
    this.told = element("div", "told");
    this.peek = new Peek();
    this.tools = Object.fromEntries(Object.entries(TOOLS).map(
      ([tool, label]) => [tool, iconButton("tool", tool, label, () => this.pick(tool))]));
    const whole = iconButton("tool", "whole", "Whole map (0)", () => this.whole());
    this.larger = iconButton("tool", "enlarge", "Map over the grid (M)", () => this.actions.enlarge());
    this.toolbar = group("div", "tools", ...Object.values(this.tools), whole, this.larger);
    this.toolbar.setAttribute("role", "toolbar");
    this.toolbar.setAttribute("aria-label", "Tools of the map");
    this.root.append(
      this.density, this.canvas, this.overlay, this.labels, this.toolbar, this.told, this.peek.root);
  }

  assignHandlers() {
    this.resizing = new ResizeObserver(() => this.resize());
    const top = this.overlay;
    top.onpointerdown = (event) => this.press(event);
    top.onpointermove = (event) => this.move(event);
    top.onpointerup = (event) => this.release(event);
    top.onpointercancel = () => this.letGo();
    top.onpointerleave = () => this.leave();
    top.ondblclick = () => {
      clearTimeout(this.clicking);
      this.whole();
    };
    this.root.onwheel = (event) => this.wheel(event);
    this.root.onkeydown = (event) => this.key(event);
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => this.restart());
  }

  attach() {
    this.resizing.observe(this.root);
  }

  detach() {
    this.resizing.disconnect();
    clearTimeout(this.clicking);
  }

  pick(tool) {
    this.tool = tool;
    this.root.dataset.tool = tool;
    for (const [name, made] of Object.entries(this.tools)) {
      made.setAttribute("aria-pressed", String(name === tool));
    }
  }

  /* ---- data ---- */

  /** Upload everything again after the browser has lost and restored WebGL. */
  restart() {
    this.painter = painterOf(this.canvas);
    if (this.points) this.takePoints(this.points);
    if (this.kinds) this.paint({ classes: this.kinds, palette: this.palette, top: this.top });
  }

  /** Show points, uint16 pairs by row; null removes them. */
  takePoints(points) {
    this.points = points;
    this.cells = points && new Cells(points);
    this.painter.takePoints(points || new Uint16Array(0));
    this.ground = points && points.length / 2 > DRAWN ? groundOf(points) : null;
    this.kinds = null;
    this.draw();
  }

  takeClusters(clusters) {
    this.clusters = clusters;
    this.drawLabels();
  }

  takeTargets(targets) {
    this.targets = targets;
    this.drawAbove();
  }

  /** Colour the points: a class of each row, the classes' colours, the rows drawn last. */
  paint({ classes, palette, top, hidden = this.hidden }) {
    this.kinds = classes;
    this.palette = palette;
    this.top = top;
    this.hidden = hidden;
    this.painter.takeKinds(classes);
    this.painter.takePalette(palette, hidden);
    this.draw();
  }

  setArea(corners) {
    if (this.gesture?.path) return;
    this.area = corners;
    this.drawAbove();
  }

  placeOf(row) {
    if (!this.points || row === null || row < 0 || row * 2 >= this.points.length) return null;
    const [x, y] = [this.points[2 * row], this.points[2 * row + 1]];
    return x === WHOLE && y === WHOLE ? null : [x / WHOLE, y / WHOLE];
  }

  /** Ring the current image, by its place. */
  ringCurrent(place) {
    this.current = place;
    this.drawAbove();
  }

  /** Ring the image under the pointer elsewhere, by its place. */
  ringHovered(place) {
    if (this.hovered === place) return;
    this.hovered = place;
    this.drawAbove();
  }

  /* ---- drawing ---- */

  resize() {
    const { clientWidth, clientHeight } = this.root;
    this.viewport.resize(clientWidth, clientHeight, window.devicePixelRatio || 1);
    for (const canvas of [this.density, this.canvas, this.overlay]) {
      canvas.width = this.viewport.width;
      canvas.height = this.viewport.height;
    }
    this.draw();
  }

  /** Redraw in the next frame, points included. */
  draw() {
    this.stale = true;
    this.drawAbove();
  }

  /** Redraw in the next frame, without the points unless they are stale: there may be many. */
  drawAbove() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      if (this.stale) {
        drawGround(this.density, this.ground, this.viewport);
        this.drawPoints();
        this.drawLabels();
        this.stale = false;
      }
      this.drawOverlay();
    });
  }

  drawPoints() {
    if (!this.points || !this.kinds) return;
    const all = Math.min(this.points.length / 2, this.kinds.length);
    const part = drawn(this.points, all, this.viewport.bounds, this.moving);
    const { size, alpha } = look(part.inView, this.viewport.zoom);
    const ratio = window.devicePixelRatio || 1;
    this.painter.begin(this.viewport);
    this.painter.draw(part, size * ratio, alpha);
    if (this.top.length) {
      const count = this.moving ? Math.min(this.top.length, DRAWN) : this.top.length;
      this.painter.draw({ count, rows: this.top }, Math.max(4, size * TOP_SCALE) * ratio, 1);
    }
    if (!this.moving) this.root.dataset.ready = String(all);
    this.told.textContent = told(part.count, part.inView);
  }

  drawOverlay() {
    const style = getComputedStyle(this.root);
    drawOverlay(this.overlay.getContext("2d"), this.viewport, {
      targets: this.targets,
      current: this.current,
      hovered: this.hovered,
      area: this.gesture?.path || this.area,
      colours: {
        ground: style.getPropertyValue("--st-background-color"),
        text: style.color,
        primary: style.getPropertyValue("--st-primary-color") || "teal",
        ring: style.getPropertyValue("--ring") || "purple",
      },
    });
  }

  drawLabels() {
    if (!this.clusters) {
      this.labels.replaceChildren();
      return;
    }
    const room = { width: this.root.clientWidth, height: this.root.clientHeight };
    const toPage = (place) => this.viewport.toScreen(place).map((part) => part / this.viewport.ratio);
    const placed = placedLabels(this.clusters, this.viewport.zoom, toPage, room);
    const before = new Map([...this.labels.children].map((made) => [made.dataset.cluster, made]));
    this.placed = placed;
    this.labels.replaceChildren(...placed.map(({ cluster, x, y }) => {
      const made = before.get(String(cluster)) || this.label(cluster);
      made.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px) translate(-50%, -50%)`;
      return made;
    }));
  }

  /** A label; it lets the pointer through, so that points below it can be reached and drawn around. */
  label(cluster) {
    const { names, pictures } = this.clusters;
    const made = element("div", "cluster");
    made.dataset.cluster = cluster;
    if (names[cluster]) made.append(element("span", "", names[cluster]));
    else for (const uid of pictures[cluster] || []) {
      const image = element("img");
      image.alt = "";
      image.src = this.actions.thumbnail(uid);
      made.append(image);
    }
    return made;
  }

  /** The cluster whose label is at a page pixel, or null. */
  labelAt([x, y]) {
    const found = (this.placed || []).find(
      (label) => Math.abs(label.x - x) < LABEL_REACH[0] && Math.abs(label.y - y) < LABEL_REACH[1]);
    return found ? found.cluster : null;
  }

  whole() {
    this.viewport.whole();
    this.draw();
  }

  /* ---- keys and pointer ---- */

  key(event) {
    if (event.target !== this.root) return;
    const wish = asked(event, this.actions.letters());
    if (!wish) return;
    event.preventDefault();
    event.stopPropagation();
    if (wish.pick) this.pick(wish.pick);
    else if (wish.run === "clear") this.choose([]);
    else this.turn(wish);
  }

  /** Zoom, shift or reset the view. */
  turn({ zoom, shift }) {
    if (zoom) this.viewport.zoomBy(zoom);
    else if (shift) this.viewport.shift(...shift);
    else this.viewport.whole();
    this.draw();
  }

  /** The position of an event in page pixels from the map's upper left corner. */
  pixel(event) {
    const corner = this.overlay.getBoundingClientRect();
    return [event.clientX - corner.left, event.clientY - corner.top];
  }

  press(event) {
    if (event.button > 1) return;
    this.root.focus({ preventScroll: true });
    this.overlay.setPointerCapture(event.pointerId);
    this.peek.hide();
    this.gesture = new Gesture(toolOf(event, this.tool), this.pixel(event), this.viewport);
  }

  move(event) {
    if (!this.gesture) this.hover(event);
    else if (this.gesture.follow(this.pixel(event))) {
      if (this.gesture.pans) this.moving = this.stale = true;
      this.drawAbove();
    }
  }

  release(event) {
    const { gesture } = this;
    this.letGo();
    if (!gesture) return;
    if (!gesture.moved) this.click(event);
    else if (gesture.area) this.choose(gesture.area);
  }

  letGo() {
    this.gesture = null;
    this.stale ||= this.moving; // draw the points skipped while it moved
    this.moving = false;
    this.drawAbove();
  }

  leave() {
    this.peek.hide();
    this.ringHovered(null);
    this.actions.hover(-1, null);
  }

  /** Handle a click unless a second one follows: a double click shows the whole map instead. */
  click(event) {
    clearTimeout(this.clicking);
    const pixel = this.pixel(event);
    const at = this.viewport.toMap(pixel);
    this.clicking = setTimeout(() => {
      const cluster = this.labelAt(pixel);
      if (cluster !== null) return this.actions.cluster(cluster);
      const target = this.target(at);
      if (target) return this.actions.pickTarget(target);
      const row = this.nearest(at);
      return row >= 0 ? this.actions.pick(row) : null;
    }, CLICK_DELAY);
  }

  choose(corners) {
    this.area = thinned(corners);
    this.actions.area(this.area);
    this.drawAbove();
  }

  wheel(event) {
    event.preventDefault();
    this.viewport.zoomAt(this.pixel(event), wheelZoom(event));
    this.moving = true;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.moving = false;
      this.draw();
    }, SETTLE_DELAY);
    this.draw();
  }

  /* ---- images under the pointer ---- */

  hover(event) {
    const pixel = this.pixel(event);
    const at = this.viewport.toMap(pixel);
    this.hoverLabel(this.labelAt(pixel));
    const target = this.target(at);
    const row = target ? -1 : this.nearest(at);
    this.ringHovered(target ? target.place : this.placeOf(row));
    this.hoverAt = pixel;
    this.actions.hover(row, target);
    if (row < 0 && !target) this.peek.hide();
  }

  /** Say what a label stands for while the pointer is on it. */
  hoverLabel(cluster) {
    this.root.classList.toggle("onlabel", cluster !== null);
    if (cluster === null) this.overlay.removeAttribute("title");
    else {
      const { names, counts } = this.clusters;
      const count = counts[cluster].toLocaleString("en");
      this.overlay.title = `${names[cluster] || `cluster ${cluster}`}: ${count} images; click to filter`;
    }
  }

  /** Show an image at the pointer, if it is still on the map. */
  showPeek(url) {
    const room = { width: this.root.clientWidth, height: this.root.clientHeight };
    if (this.hovered && !this.gesture) this.peek.show(url, this.hoverAt, room);
  }

  /** The target whose glyph is at a place; targets lie above the pool. */
  target(place) {
    return targetAt(this.targets, place, REACH / 2 / this.viewport.pageUnit);
  }

  /** The row of the visible point within some pixels of a place, or −1. */
  nearest(place) {
    if (!this.cells) return -1;
    const seen = this.hidden.size && this.kinds
      ? (row) => !this.hidden.has(this.kinds[row]) : undefined;
    return this.cells.nearest(place, REACH / this.viewport.pageUnit, seen);
  }

  /** The test whether a row lies in the area, or null. */
  get areaTest() {
    return areaTest(this.points, this.area);
  }
}
