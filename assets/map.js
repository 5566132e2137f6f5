/* The map: points in WebGL, a density below them, targets and selected areas above.

   In (data): points, colours and targets (URLs), palette (hex), glyphs (a colour for each target
   set), marks (places to ring), area (corners in 0..1, or []), nearest (URL), query (names the
   project in URLs). Out (state): "area", the corners of what was drawn last, [] to clear all;
   "clicked", a uid. Points come in a random order: every beginning of them is a fair sample. While
   the map moves a small one is drawn, at rest as many of those in view as can be. */

const SAMPLE = 60000; // points drawn while moving
const DRAWN = 250000; // points in view drawn at rest, above the density
const GRID = 512; // cells along a side of the density
const CORNERS = 80; // of an area that is sent
const PEEK_DELAY = 90; // ms the pointer must rest before an image is asked for
const CLICK_DELAY = 220; // ms in which a second click makes a double click of it
const REACH = 14; // pixels around a point that count as on it
const STEP = 60; // pixels that an arrow key moves the map
const OUTLINE = "#101413"; // of glyphs, whose own colours are all light
const TOOLS = { lasso: "Lasso (L)", box: "Box (B)", pan: "Move (M)" };
const KEYS = { l: "lasso", b: "box", m: "pan" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const ZOOMS = { "+": 1.4, "=": 1.4, "-": 1 / 1.4 };
const maps = new WeakMap();

export default function (component) {
  const { parentElement, data, setStateValue } = component;
  let map = maps.get(parentElement);
  if (!map) {
    map = new PointMap(parentElement.querySelector(".sept-map"));
    maps.set(parentElement, map);
  }
  map.update(data, setStateValue);
  return () => map.detach();
}

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

const VERTEX = `
attribute vec2 place; attribute float kind;
uniform vec2 scale, shift; uniform float size;
varying float shade;
void main() {
  gl_Position = vec4(place * scale + shift, 0.0, 1.0);
  gl_PointSize = size;
  shade = kind;
}`;
const FRAGMENT = `
precision mediump float;
uniform sampler2D palette; uniform float alpha;
varying float shade;
void main() {
  vec2 from = gl_PointCoord - 0.5;
  if (dot(from, from) > 0.25) discard;
  vec4 colour = texture2D(palette, vec2((shade + 0.5) / 256.0, 0.5));
  gl_FragColor = vec4(colour.rgb * alpha, alpha);
}`;

class PointMap {
  constructor(root) {
    this.root = root;
    this.root.tabIndex = 0;
    this.root.setAttribute("role", "application");
    this.root.setAttribute("aria-label",
      "Map of the pool; L lasso, B box, M move, arrows, plus and minus, 0 whole map");
    this.density = element("canvas", "density");
    this.canvas = element("canvas", "points");
    this.overlay = element("canvas", "overlay");
    this.tools = element("div", "tools");
    this.told = element("div", "told");
    this.peek = element("div", "peek");
    this.targets = []; // {uids, places} of each set, once they are loaded
    this.root.replaceChildren(
      this.density, this.canvas, this.overlay, this.tools, this.told, this.peek);
    this.buttons = {};
    for (const [tool, label] of Object.entries(TOOLS)) this.addTool(tool, label);
    this.addButton("Clear (Esc)", () => this.choose([]));
    this.addButton("Whole map (0)", () => this.whole());
    this.view = { x: 0.5, y: 0.5, zoom: 1 };
    this.points = null;
    this.kinds = null;
    this.area = [];
    this.path = null;
    this.turn = 0; // of the pointer: an image asked for in an earlier one comes too late
    this.pick("lasso");
    this.startGl();
    this.listen();
  }

  addButton(label, onclick) {
    const button = element("button", "", label);
    button.type = "button";
    button.onclick = onclick;
    this.tools.append(button);
    return button;
  }

  addTool(tool, label) {
    this.buttons[tool] = this.addButton(label, () => this.pick(tool));
  }

  pick(tool) {
    this.tool = tool;
    this.root.dataset.tool = tool;
    for (const [name, button] of Object.entries(this.buttons)) {
      button.setAttribute("aria-pressed", String(name === tool));
    }
  }

  startGl() {
    const gl = this.canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true });
    this.gl = gl;
    if (!gl) {
      this.root.dataset.failed = "webgl";
      this.told.textContent = "This browser has no WebGL: choose the plain map above.";
      return;
    }
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.bindAttribLocation(program, 0, "place");
    gl.bindAttribLocation(program, 1, "kind");
    gl.linkProgram(program);
    gl.useProgram(program);
    this.uniform = Object.fromEntries(["scale", "shift", "size", "alpha"].map(
      (name) => [name, gl.getUniformLocation(program, name)]));
    this.placeBuffer = gl.createBuffer();
    this.kindBuffer = gl.createBuffer();
    this.rowBuffer = gl.createBuffer();
    gl.getExtension("OES_element_index_uint"); // all that have WebGL have it
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const [name, value] of [
      [gl.TEXTURE_MIN_FILTER, gl.NEAREST], [gl.TEXTURE_MAG_FILTER, gl.NEAREST],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    ]) gl.texParameteri(gl.TEXTURE_2D, name, value);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  listen() {
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.root);
    const top = this.overlay;
    top.onpointerdown = (event) => this.press(event);
    top.onpointermove = (event) => this.move(event);
    top.onpointerup = (event) => this.release(event);
    top.onpointercancel = () => this.letGo();
    top.onpointerleave = () => this.hidePeek();
    top.ondblclick = () => {
      clearTimeout(this.clicking);
      this.whole();
    };
    top.onwheel = (event) => this.wheel(event);
    this.root.onkeydown = (event) => this.key(event);
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.startGl();
      this.pointsUrl = this.kindsUrl = null;
      this.update(this.data, this.post);
    });
  }

  detach() {
    this.resizing.disconnect();
    this.hidePeek();
    clearTimeout(this.clicking);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    const arrow = ARROWS[event.key];
    if (KEYS[key]) this.pick(KEYS[key]);
    else if (key === "0") this.whole();
    else if (key === "escape") this.choose([]);
    else if (ZOOMS[key]) this.zoom(ZOOMS[key]);
    else if (arrow) this.shift(arrow[0] * STEP, arrow[1] * STEP);
    else return;
    event.preventDefault();
  }

  /** Move the view by pixels of the page. */
  shift(right, up) {
    this.view.x += right / this.cssUnit();
    this.view.y += up / this.cssUnit();
    this.draw();
  }

  zoom(factor) {
    this.view.zoom = Math.min(200, Math.max(0.5, this.view.zoom * factor));
    this.draw();
  }

  /** The bytes behind a URL, or null: then the map says so. */
  async load(url) {
    try {
      const answer = await fetch(url);
      if (answer.ok) return await answer.arrayBuffer();
    } catch {
      // told below, as any other failure
    }
    this.told.textContent = "The map could not be loaded; reload the page.";
    return null;
  }

  update(data, post) {
    this.data = data;
    this.post = post;
    this.resizing.observe(this.root);
    if (!this.path) this.area = data.area;
    if (this.targetsUrl !== data.targets) this.loadTargets(data.targets);
    if (this.gl && this.pointsUrl !== data.points) this.loadPoints(data.points);
    if (this.gl && this.kindsUrl !== data.colours) this.loadKinds(data.colours, data.palette);
    this.drawAbove();
  }

  async loadPoints(url) {
    this.pointsUrl = url;
    this.points = null;
    this.told.textContent = "Loading…";
    const bytes = await this.load(url);
    if (this.pointsUrl !== url || !bytes) return;
    this.points = new Uint16Array(bytes);
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.placeBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, this.points, gl.STATIC_DRAW);
    gl.vertexAttribPointer(0, 2, gl.UNSIGNED_SHORT, true, 4, 0);
    gl.enableVertexAttribArray(0);
    this.makeDensity();
    this.draw();
  }

  async loadTargets(url) {
    this.targetsUrl = url;
    const bytes = await this.load(url);
    if (this.targetsUrl !== url || !bytes) return;
    this.targets = JSON.parse(new TextDecoder().decode(bytes));
    this.draw();
  }

  async loadKinds(url, palette) {
    this.kindsUrl = url;
    const bytes = await this.load(url);
    if (this.kindsUrl !== url || !bytes) return;
    const kinds = new Uint8Array(bytes);
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.kindBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, kinds, gl.STATIC_DRAW);
    gl.vertexAttribPointer(1, 1, gl.UNSIGNED_BYTE, false, 1, 0);
    gl.enableVertexAttribArray(1);
    const texels = new Uint8Array(256 * 4).fill(255);
    palette.forEach((hex, i) => texels.set(rgb(hex), i * 4));
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, texels);
    this.kinds = kinds;
    this.draw();
  }

  /** Where more points are than can be drawn, how many there are shows as a grey ground. */
  makeDensity() {
    this.ground = null;
    if (this.points.length / 2 <= DRAWN) return;
    const counts = new Uint32Array(GRID * GRID);
    for (let i = 0; i < this.points.length; i += 2) {
      counts[((65535 - this.points[i + 1]) >> 7) * GRID + (this.points[i] >> 7)] += 1;
    }
    const most = Math.log1p(counts.reduce((a, b) => Math.max(a, b), 1));
    const image = new ImageData(GRID, GRID);
    counts.forEach((count, cell) => {
      image.data.set([120, 140, 136, count ? 40 + (150 * Math.log1p(count)) / most : 0], cell * 4);
    });
    this.ground = element("canvas");
    this.ground.width = this.ground.height = GRID;
    this.ground.getContext("2d").putImageData(image, 0, 0);
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.density, this.canvas, this.overlay]) {
      canvas.width = Math.max(1, Math.round(this.root.clientWidth * ratio));
      canvas.height = Math.max(1, Math.round(this.root.clientHeight * ratio));
    }
    this.draw();
  }

  /** Pixels of the canvas for one unit of the map. */
  unit() {
    return Math.min(this.canvas.width, this.canvas.height) * this.view.zoom;
  }

  /** Pixels of the page for one unit of the map. */
  cssUnit() {
    return (this.unit() * this.overlay.clientWidth) / this.canvas.width;
  }

  toScreen([x, y]) {
    const unit = this.unit();
    return [
      this.canvas.width / 2 + (x - this.view.x) * unit,
      this.canvas.height / 2 - (y - this.view.y) * unit,
    ];
  }

  toMap(event) {
    const box = this.overlay.getBoundingClientRect();
    const ratio = this.canvas.width / box.width;
    const unit = this.unit();
    return [
      this.view.x + ((event.clientX - box.left) * ratio - this.canvas.width / 2) / unit,
      this.view.y - ((event.clientY - box.top) * ratio - this.canvas.height / 2) / unit,
    ];
  }

  /** In the next frame; points only where they have changed, since there may be many. */
  draw() {
    this.stale = true;
    this.drawAbove();
  }

  drawAbove() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      if (this.stale) {
        this.drawGround();
        if (this.gl && this.points && this.kinds) this.drawPoints();
        this.stale = false;
      }
      this.drawOverlay();
    });
  }

  drawGround() {
    const to = this.density.getContext("2d");
    to.clearRect(0, 0, this.density.width, this.density.height);
    if (!this.ground) return;
    const [left, top] = this.toScreen([0, 1]);
    to.drawImage(this.ground, left, top, this.unit(), this.unit());
  }

  drawPoints() {
    const gl = this.gl;
    const { width, height } = this.canvas;
    const all = Math.min(this.points.length / 2, this.kinds.length);
    const part = this.moving || all <= DRAWN ? null : this.inView(all);
    const inView = part ? part.total : all;
    const count = part ? part.rows.length : Math.min(all, this.moving ? SAMPLE : DRAWN);
    const unit = this.unit();
    const sx = (2 * unit) / width;
    const sy = (2 * unit) / height;
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(this.uniform.scale, sx, sy);
    gl.uniform2f(this.uniform.shift, -this.view.x * sx, -this.view.y * sy);
    const ratio = window.devicePixelRatio || 1;
    const size = (inView > 100000 ? 1.6 : inView > 20000 ? 2.4 : 4.2) * ratio;
    gl.uniform1f(this.uniform.size, size * Math.min(2.5, Math.sqrt(this.view.zoom)));
    gl.uniform1f(this.uniform.alpha, inView > 100000 ? 0.6 : 0.85);
    if (part) {
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.rowBuffer);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, part.rows, gl.DYNAMIC_DRAW);
      gl.drawElements(gl.POINTS, count, gl.UNSIGNED_INT, 0);
    } else {
      gl.drawArrays(gl.POINTS, 0, count);
    }
    if (!this.moving) this.root.dataset.ready = this.pointsUrl + this.kindsUrl;
    const told = `${inView.toLocaleString("en")} images${inView < all ? " in view" : ""}`;
    this.told.textContent = count < inView ? `${count.toLocaleString("en")} of ${told} drawn` : told;
  }

  /** The first rows of the points in view, as many as are drawn, and how many points that are. */
  inView(all) {
    const unit = this.unit();
    const ends = (middle, pixels) =>
      [-1, 1].map((end) => 65535 * (middle + (end * pixels) / 2 / unit));
    const [left, right] = ends(this.view.x, this.canvas.width);
    const [low, high] = ends(this.view.y, this.canvas.height);
    const rows = new Uint32Array(Math.min(all, DRAWN));
    let total = 0;
    for (let row = 0; row < all; row++) {
      const x = this.points[2 * row];
      const y = this.points[2 * row + 1];
      if (x < left || x > right || y < low || y > high) continue;
      if (total < rows.length) rows[total] = row;
      total += 1;
    }
    return { rows: rows.subarray(0, Math.min(total, rows.length)), total };
  }

  drawOverlay() {
    const to = this.overlay.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    to.clearRect(0, 0, this.overlay.width, this.overlay.height);
    const style = getComputedStyle(this.root);
    const count = this.targets.reduce((sum, set) => sum + set.places.length, 0);
    const glyphs = crowd(count) * ratio; // thousands of glyphs must not hide the pool
    to.lineWidth = 1.5 * glyphs;
    this.targets.forEach((set, index) => {
      to.strokeStyle = OUTLINE;
      to.fillStyle = this.data.glyphs[index];
      for (const place of set.places) glyph(to, index, this.toScreen(place), 5 * glyphs);
    });
    const ground = style.getPropertyValue("--st-background-color");
    const rings = crowd((this.data?.marks || []).length) * ratio;
    this.ring(to, rings, 5, ground); // sets the ring off from what is under it
    this.ring(to, rings, 2, style.color);
    const corners = this.path || this.area;
    if (corners.length < 2) return;
    to.beginPath();
    corners.forEach((corner, i) => {
      const [x, y] = this.toScreen(corner);
      if (i) to.lineTo(x, y);
      else to.moveTo(x, y);
    });
    to.closePath();
    to.strokeStyle = style.getPropertyValue("--st-primary-color") || "teal";
    to.fillStyle = "rgb(15 138 128 / .12)";
    to.lineWidth = 2 * ratio;
    to.fill();
    to.stroke();
  }

  /** Rings around the marked images, the first one larger. */
  ring(to, scale, width, colour) {
    to.strokeStyle = colour;
    to.lineWidth = width * scale;
    (this.data?.marks || []).forEach((place, index) => {
      to.beginPath();
      to.arc(...this.toScreen(place), (index ? 6 : 9) * scale, 0, 7);
      to.stroke();
    });
  }

  /** The middle button and the shift key move the map whatever the tool. */
  press(event) {
    if (event.button > 1) return;
    this.root.focus();
    this.overlay.setPointerCapture(event.pointerId);
    this.hidePeek();
    const panning = this.tool === "pan" || event.button === 1 || event.shiftKey;
    const at = this.toMap(event);
    this.from = { at, panning, x: event.clientX, y: event.clientY, view: { ...this.view } };
    this.path = panning ? null : [at];
    this.moved = false;
  }

  move(event) {
    if (!this.from) return this.hover(event);
    const dx = event.clientX - this.from.x;
    const dy = event.clientY - this.from.y;
    if (Math.hypot(dx, dy) > 4) this.moved = true;
    if (!this.moved) return;
    if (this.from.panning) {
      const unit = this.cssUnit();
      this.moving = this.stale = true;
      this.view.x = this.from.view.x - dx / unit;
      this.view.y = this.from.view.y + dy / unit;
    } else if (this.tool === "box") {
      const [x1, y1] = this.from.at;
      const [x2, y2] = this.toMap(event);
      this.path = [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
    } else {
      this.path.push(this.toMap(event));
    }
    this.drawAbove();
  }

  release(event) {
    const { from, path, moved } = this;
    this.letGo();
    if (!from) return;
    if (!moved) this.click(event);
    else if (path && path.length > 2) this.choose(path);
  }

  letGo() {
    this.from = this.path = null;
    this.stale ||= this.moving; // what was left out while it moved
    this.moving = false;
    this.drawAbove();
  }

  /** Waits whether a double click comes of it, which shows the whole map and is no click. */
  click(event) {
    clearTimeout(this.clicking);
    const at = this.toMap(event);
    this.clicking = setTimeout(async () => {
      const uid = await this.nearest(at);
      if (uid) this.post("clicked", uid + " " + Date.now());
    }, CLICK_DELAY);
  }

  choose(corners) {
    const step = Math.max(1, Math.ceil(corners.length / CORNERS));
    this.area = corners.filter((_, i) => i % step === 0).map(
      (corner) => corner.map((value) => Math.round(value * 1e4) / 1e4));
    this.post("area", { corners: this.area, at: Date.now() });
    this.drawAbove();
  }

  whole() {
    this.view = { x: 0.5, y: 0.5, zoom: 1 };
    this.draw();
  }

  wheel(event) {
    event.preventDefault();
    const before = this.toMap(event);
    const lines = event.deltaMode === 1 ? 30 : 1; // Firefox counts lines
    this.zoom(Math.exp(-event.deltaY * lines * 0.0015));
    const after = this.toMap(event);
    this.view.x += before[0] - after[0];
    this.view.y += before[1] - after[1];
    this.moving = true;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.moving = false;
      this.draw();
    }, 160);
    this.draw();
  }

  hover(event) {
    clearTimeout(this.peeking);
    const at = this.toMap(event);
    const [x, y] = [event.offsetX, event.offsetY];
    const turn = ++this.turn;
    this.peeking = setTimeout(async () => {
      const uid = this.target(at) || (await this.nearest(at));
      if (turn !== this.turn) return; // the pointer has gone on
      if (uid) this.showPeek(uid, x, y);
      else this.hidePeek();
    }, PEEK_DELAY);
  }

  showPeek(uid, x, y) {
    const image = element("img");
    image.alt = "Image under the pointer";
    image.src = "/thumbnails/" + uid + this.data.query;
    this.peek.replaceChildren(image);
    this.peek.style.display = "block";
    this.peek.style.left = Math.min(x + 14, this.root.clientWidth - 136) + "px";
    this.peek.style.top = Math.max(4, Math.min(y + 14, this.root.clientHeight - 136)) + "px";
  }

  hidePeek() {
    this.turn += 1;
    clearTimeout(this.peeking);
    this.peek.style.display = "none";
  }

  /** The uid of the target whose glyph is at a place; targets lie above the pool. */
  target([x, y]) {
    const within = (REACH / 2 / this.cssUnit()) ** 2;
    for (const set of this.targets) {
      const at = set.places.findIndex((p) => (p[0] - x) ** 2 + (p[1] - y) ** 2 < within);
      if (at >= 0) return set.uids[at];
    }
    return null;
  }

  /** The uid of the pool image within some pixels of a place, or null. */
  async nearest([x, y]) {
    const within = REACH / this.cssUnit();
    try {
      const answer = await fetch(`${this.data.nearest}&x=${x}&y=${y}&within=${within}`);
      return answer.ok ? (await answer.json()).uid : null;
    } catch {
      return null; // a hint that does not come is no loss
    }
  }
}

/** One shape for each target set, with an outline. */
/** How much smaller signs are drawn where there are many of them: 1 up to 150, then less. */
function crowd(count) {
  return Math.max(0.4, Math.min(1, Math.sqrt(150 / Math.max(1, count))));
}

function glyph(to, index, [x, y], size) {
  to.beginPath();
  if (index % 4 === 0) {
    to.moveTo(x, y - size);
    to.lineTo(x + size, y + size * 0.8);
    to.lineTo(x - size, y + size * 0.8);
  } else if (index % 4 === 1) {
    to.rect(x - size * 0.8, y - size * 0.8, size * 1.6, size * 1.6);
  } else if (index % 4 === 2) {
    to.moveTo(x, y - size);
    to.lineTo(x + size, y);
    to.lineTo(x, y + size);
    to.lineTo(x - size, y);
  } else {
    to.arc(x, y, size, 0, 7);
  }
  to.closePath();
  to.fill();
  to.stroke();
}
