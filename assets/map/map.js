/* The map's state, and its changes by the pointer, keys and responses of the server. */

import { element } from "../shared/elements.js";
import { FailureNotice } from "../shared/failure_notice.js";
import * as fetching from "../shared/fetching.js";
import { Latest } from "../shared/latest.js";
import { Gesture, toolOf } from "./gesture.js";
import { drawGround, groundOf } from "./ground.js";
import { asked, wheelZoom } from "./keys.js";
import { drawOverlay } from "./overlay.js";
import { painterOf } from "./painter.js";
import { Peek } from "./peek.js";
import { targetAt, thinned } from "./picking.js";
import { DRAWN, drawn, look, told } from "./points.js";
import { Toolbar } from "./toolbar.js";
import { Viewport } from "./viewport.js";

const CLICK_DELAY = 220; // ms within which a second click makes a double click
const SETTLE_DELAY = 160; // ms after the last turn of the wheel until all points are drawn
const REACH = 14; // page pixels around a point that belong to it
const LABEL = "Map of the pool. Keys: L lasso, B box, M move, arrows, plus and minus, 0 whole map";

export class PointMap {
  constructor(root) {
    this.root = root;
    this.viewport = new Viewport();
    this.targets = []; // {uids, places} of each set, once they are loaded
    this.points = this.kinds = this.ground = null;
    this.area = [];
    this.build();
    this.pick("lasso");
    this.start();
    this.assignHandlers();
    const failed = (reason) => this.fail(reason);
    const kinds = (bytes) => this.takeKinds(new Uint8Array(bytes));
    this.loading = {
      targets: new Latest(fetching.json, (targets) => this.takeTargets(targets), failed),
      points: new Latest(fetching.bytes, (bytes) => this.takePoints(bytes), failed),
      colours: new Latest(fetching.bytes, kinds, failed),
    };
  }

  build() {
    this.root.tabIndex = 0;
    this.root.setAttribute("role", "application");
    this.root.setAttribute("aria-label", LABEL);
    this.density = element("canvas", "density");
    this.canvas = element("canvas", "points");
    this.overlay = element("canvas", "overlay");
    this.told = element("div", "told");
    this.peek = new Peek();
    this.failure = new FailureNotice("The map", () => this.load());
    this.toolbar = new Toolbar({
      pick: (tool) => this.pick(tool), clear: () => this.choose([]), whole: () => this.whole(),
    });
    this.root.replaceChildren(
      this.density, this.canvas, this.overlay, this.toolbar.root, this.told, this.peek.root,
      this.failure.root);
  }

  assignHandlers() {
    this.resizing = new ResizeObserver(() => this.resize());
    const top = this.overlay;
    top.onpointerdown = (event) => this.press(event);
    top.onpointermove = (event) => this.move(event);
    top.onpointerup = (event) => this.release(event);
    top.onpointercancel = () => this.letGo();
    top.onpointerleave = () => this.peek.hide();
    top.ondblclick = () => {
      clearTimeout(this.clicking);
      this.whole();
    };
    top.onwheel = (event) => this.wheel(event);
    this.root.onkeydown = (event) => this.key(event);
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => this.restart());
  }

  pick(tool) {
    this.tool = tool;
    this.root.dataset.tool = tool;
    this.toolbar.show(tool);
  }

  /* ---- data ---- */

  start() {
    this.painter = painterOf(this.canvas);
    if (this.painter) return;
    this.root.dataset.failed = "webgl";
    this.told.textContent = "This browser has no WebGL; choose the plain renderer above.";
  }

  /** Upload everything again after the browser has lost and restored WebGL. */
  restart() {
    this.start();
    this.loading.points.forget();
    this.loading.colours.forget();
    this.update(this.data, this.post);
  }

  detach() {
    this.resizing.disconnect();
    this.peek.hide();
    clearTimeout(this.clicking);
  }

  /** Apply the data of a rerun of the page. */
  update(data, post) {
    this.data = data;
    this.post = post;
    this.resizing.observe(this.root);
    if (!this.gesture?.path) this.area = data.area;
    this.load();
    this.drawAbove();
  }

  /** Load missing data, and retry failed loads. */
  load() {
    const { targets, points, colours } = this.data;
    this.failure.hide();
    this.loading.targets.want(targets);
    if (!this.painter) return;
    if (this.loading.points.url !== points) {
      this.points = null;
      this.told.textContent = "Loading…";
    }
    this.loading.points.want(points);
    this.loading.colours.want(colours);
  }

  fail(reason) {
    if (!(this.points && this.kinds)) this.told.textContent = "";
    this.failure.show(reason);
  }

  takeTargets(targets) {
    this.targets = targets;
    this.draw();
  }

  takePoints(bytes) {
    this.points = new Uint16Array(bytes);
    this.painter.takePoints(this.points);
    this.ground = this.points.length / 2 > DRAWN ? groundOf(this.points) : null;
    this.draw();
  }

  takeKinds(kinds) {
    this.kinds = kinds;
    this.painter.takeKinds(kinds, this.data.palette);
    this.draw();
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
        if (this.painter && this.points && this.kinds) this.drawPoints();
        this.stale = false;
      }
      this.drawOverlay();
    });
  }

  drawPoints() {
    const all = Math.min(this.points.length / 2, this.kinds.length);
    const part = drawn(this.points, all, this.viewport.bounds, this.moving);
    const { size, alpha } = look(part.inView, this.viewport.zoom);
    this.painter.draw(this.viewport, part, size * (window.devicePixelRatio || 1), alpha);
    if (!this.moving) this.root.dataset.ready = this.data.points + this.data.colours;
    this.told.textContent = told(part.count, part.inView, all);
  }

  drawOverlay() {
    if (!this.data) return;
    const style = getComputedStyle(this.root);
    drawOverlay(this.overlay.getContext("2d"), this.viewport, {
      targets: this.targets,
      glyphs: this.data.glyphs,
      marks: this.data.marks,
      area: this.gesture?.path || this.area,
      colours: {
        ground: style.getPropertyValue("--st-background-color"),
        text: style.color,
        primary: style.getPropertyValue("--st-primary-color") || "teal",
      },
    });
  }

  whole() {
    this.viewport.whole();
    this.draw();
  }

  /* ---- keys and pointer ---- */

  key(event) {
    const wish = asked(event);
    if (!wish) return;
    event.preventDefault();
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
    this.root.focus();
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

  /** Handle a click unless a second one follows: a double click shows the whole map instead. */
  click(event) {
    clearTimeout(this.clicking);
    const at = this.viewport.toMap(this.pixel(event));
    this.clicking = setTimeout(async () => {
      const uid = await this.nearest(at);
      if (uid) this.post("clicked", uid + " " + Date.now());
    }, CLICK_DELAY);
  }

  choose(corners) {
    this.area = thinned(corners);
    this.post("area", { corners: this.area, at: Date.now() });
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
    const room = { width: this.root.clientWidth, height: this.root.clientHeight };
    this.peek.soon(pixel, room, async () => {
      const uid = this.target(at) || (await this.nearest(at));
      return uid && "/thumbnails/" + uid + this.data.query;
    });
  }

  /** The uid of the target whose glyph is at a place; targets lie above the pool. */
  target(place) {
    return targetAt(this.targets, place, REACH / 2 / this.viewport.pageUnit);
  }

  /** The uid of the pool image within some pixels of a place, or null. */
  async nearest([x, y]) {
    const within = REACH / this.viewport.pageUnit;
    try {
      return (await fetching.json(`${this.data.nearest}&x=${x}&y=${y}&within=${within}`)).uid;
    } catch (problem) {
      if (problem instanceof fetching.Failure) return null; // a missing hint is harmless
      throw problem;
    }
  }
}
