/* The review grid: a virtual list of images, judged by keyboard.

   In (data): selection, sheet (URL), query (names the project in URLs), marks, acknowledged, fresh, error.
   Out (state): "asked", the uid to decide on with a scope; "outbox", {selection, steps:
   [[client, number, action, uids], …]}, every step that is not acknowledged yet. A step stays in `pending`, and in sessionStorage through a reload,
   until the server says that it is on disk; only with nothing pending are the server's marks
   taken over. Text goes through textContent only. */

const LEAST_SIDE = 132; // of a tile, CSS pixels; tiles grow to fill the width
const GAP = 8;
const MARGIN_ROWS = 3; // drawn above and below what is visible
const SEND_DELAY = 60; // ms; gathers fast key presses
const PATIENCE = 6000; // ms without an acknowledgement until the reviewer is told

const ACTIONS = { x: "veto", k: "keep", p: "pin" };
const BADGES = { veto: "✕", negative: "✕", keep: "✓", pin: "★" };
const grids = new WeakMap();

export default function (component) {
  const { parentElement, data, setStateValue } = component;
  let grid = grids.get(parentElement);
  if (!grid) {
    grid = new Grid(parentElement.querySelector(".sept-grid"));
    grids.set(parentElement, grid);
  }
  grid.update(data, setStateValue);
  return () => grid.detach();
}

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Steps that wait for the server; survives a reload of the tab. */
class Outbox {
  constructor(selection) {
    this.selection = selection;
    this.key = "sept-pending:" + selection;
    this.client = crypto.randomUUID(); // new for every life, so that no two tabs share numbers
    this.number = 0;
    this.pending = JSON.parse(sessionStorage.getItem(this.key) || "[]");
  }

  add(action, uids) {
    this.number += 1;
    this.pending.push([this.client, this.number, action, uids]);
    this.store();
  }

  acknowledge(acknowledged) {
    const before = this.pending.length;
    this.pending = this.pending.filter(([client, number]) => number > (acknowledged[client] || 0));
    if (this.pending.length !== before) this.store();
  }

  store() {
    sessionStorage.setItem(this.key, JSON.stringify(this.pending));
  }
}

class Grid {
  constructor(root) {
    this.root = root;
    this.bar = element("div", "bar");
    this.counts = element("span", "counts");
    this.method = element("span", "method");
    this.status = element("button", "status");
    this.status.type = "button";
    this.bar.append(this.counts, this.method, this.status);
    this.view = element("div", "view");
    this.view.tabIndex = 0;
    this.view.setAttribute("role", "listbox");
    this.view.setAttribute("aria-multiselectable", "true");
    this.view.setAttribute("aria-label", "Images of the selection");
    this.canvas = element("div", "canvas");
    this.view.append(this.canvas);
    this.keys = element("div", "keys");
    for (const [key, does] of [
      ["← ↑ ↓ →", "move"], ["x", "veto"], ["k", "keep"], ["p", "pin"], ["z", "undo"],
      ["shift", "range"], ["a", "all visible"], ["space", "zoom"], ["s", "scope"], ["?", "help"],
    ]) {
      this.keys.append(element("kbd", "", key), element("span", "", does));
    }
    this.zoom = new Zoom();
    this.help = helpDialog();
    this.root.append(this.bar, this.view, this.keys, this.zoom.dialog, this.help);
    this.drawn = new Map(); // number of a row → its element and what it holds
    this.tiles = new Map(); // item → its tile, of the drawn rows
    // What layout would have to be computed for, were it asked for at every key.
    this.top = this.height = 0;
    this.rows = [];
    this.sheet = null;
    this.members = new Set();
    this.setMarks([]);
    this.history = []; // of this life: what z puts back at once
    this.cursor = this.anchor = 0;
    this.resizing = new ResizeObserver(() => this.layout());
    this.leaving = (event) => {
      if (this.outbox.pending.length) event.preventDefault();
    };
    this.assignHandlers();
  }

  assignHandlers() {
    this.view.onscroll = () => {
      this.top = this.view.scrollTop;
      this.draw();
    };
    this.view.onkeydown = (event) => this.press(event);
    this.zoom.dialog.onkeydown = (event) => this.press(event);
    this.zoom.dialog.onclose = () => this.view.focus();
    this.help.onclose = () => this.view.focus();
    this.view.onclick = (event) => {
      const tile = event.target.closest("[data-row]");
      if (tile) this.move(Number(tile.dataset.row), event.shiftKey);
    };
    this.view.ondblclick = () => this.openZoom();
    this.status.onclick = () => this.send();
  }

  update(data, post) {
    this.post = post;
    this.resizing.observe(this.view);
    window.addEventListener("beforeunload", this.leaving);
    if (!this.outbox || this.outbox.selection !== data.selection) {
      this.outbox = new Outbox(data.selection);
      this.history = [];
      if (this.outbox.pending.length) this.sendSoon();
    }
    this.outbox.acknowledge(data.acknowledged);
    this.error = this.outbox.pending.length ? data.error : null;
    if (!this.outbox.pending.length) {
      clearTimeout(this.impatience);
      this.late = false;
      this.setMarks(Object.entries(data.marks));
    } else if (this.marks.size === 0) {
      this.setMarks(Object.entries(data.marks)); // a reload with steps still to send
      for (const [, , action, uids] of this.outbox.pending) {
        if (action !== "undo") for (const uid of uids) this.mark(uid, action);
      }
    }
    this.fresh = new Set(data.fresh);
    this.query = data.query;
    if (this.url !== data.sheet) this.load(data.sheet);
    else this.refresh();
  }

  /* ---- marks, and how many of each kind are in the sheet: a key press walks over neither ---- */

  setMarks(entries) {
    this.marks = new Map();
    this.count = { veto: 0, keep: 0, pin: 0 };
    for (const [uid, mark] of entries) this.mark(uid, mark);
  }

  mark(uid, mark) {
    const before = this.marks.get(uid);
    if (mark) this.marks.set(uid, mark);
    else this.marks.delete(uid);
    if (!this.members.has(uid)) return;
    if (before) this.count[before === "negative" ? "veto" : before] -= 1;
    if (mark) this.count[mark === "negative" ? "veto" : mark] += 1;
  }

  detach() {
    this.resizing.disconnect();
    window.removeEventListener("beforeunload", this.leaving);
  }

  async load(url) {
    this.url = url;
    this.sheet = null;
    this.method.textContent = "Loading…";
    const answer = await fetch(url);
    const text = answer.ok ? null : await answer.text();
    const sheet = answer.ok ? await answer.json() : null;
    if (this.url !== url) return; // another order was chosen meanwhile
    if (!sheet) {
      this.method.textContent = text;
      return;
    }
    this.sheet = sheet;
    this.members = new Set(sheet.uids);
    this.setMarks([...this.marks]);
    this.method.textContent = sheet.method;
    this.cursor = this.anchor = 0;
    this.scrollTo(0);
    this.layout();
    this.root.dataset.ready = url;
  }

  /* ---- layout: rows of tiles; by target, the first column holds the target ---- */

  layout() {
    if (!this.sheet) return;
    const width = this.view.clientWidth - GAP;
    this.height = this.view.clientHeight;
    const columns = Math.max(2, Math.floor(width / (LEAST_SIDE + GAP)));
    this.rowHeight = Math.floor(width / columns);
    this.canvas.style.setProperty("--side", this.rowHeight - GAP + "px");
    const divided = this.sheet.sections.length > 0;
    this.rows = [];
    this.rowOf = new Int32Array(this.sheet.uids.length);
    this.sheet.uids.forEach((_, item) => {
      const section = this.sheet.section[item];
      const last = this.rows[this.rows.length - 1];
      const room = columns - (divided ? 1 : 0);
      if (!last || last.count === room || last.section !== section) {
        const head = divided && (!last || last.section !== section);
        this.rows.push({ first: item, count: 0, section, head, divided });
      }
      this.rows[this.rows.length - 1].count += 1;
      this.rowOf[item] = this.rows.length - 1;
    });
    this.canvas.style.height = this.rows.length * this.rowHeight + GAP + "px";
    for (const row of [...this.drawn.keys()]) this.eraseRow(row);
    this.refresh();
  }

  visible() {
    const first = Math.max(0, Math.floor(this.top / this.rowHeight));
    const last = Math.ceil((this.top + this.height) / this.rowHeight);
    return [first, Math.min(last, this.rows.length)];
  }

  draw() {
    if (!this.sheet) return;
    const [first, last] = this.visible();
    const from = Math.max(0, first - MARGIN_ROWS);
    const to = Math.min(this.rows.length, last + MARGIN_ROWS);
    for (const row of [...this.drawn.keys()]) if (row < from || row >= to) this.eraseRow(row);
    for (let row = from; row < to; row += 1) {
      if (!this.drawn.has(row)) this.drawRow(row);
    }
  }

  eraseRow(number) {
    const { made, row } = this.drawn.get(number);
    for (let item = row.first; item < row.first + row.count; item += 1) this.tiles.delete(item);
    made.remove();
    this.drawn.delete(number);
  }

  drawRow(number) {
    const row = this.rows[number];
    const made = element("div", "row");
    made.style.transform = `translateY(${number * this.rowHeight + GAP}px)`;
    if (row.divided) made.append(this.sectionCell(row));
    for (let item = row.first; item < row.first + row.count; item += 1) {
      const tile = element("div", "tile");
      tile.dataset.row = item;
      tile.dataset.uid = this.sheet.uids[item];
      tile.id = "tile-" + item;
      tile.setAttribute("role", "option");
      tile.append(picture("/thumbnails/" + this.sheet.uids[item] + this.query, "Image " + (item + 1)));
      tile.append(element("span", "badge"), element("span", "new"));
      made.append(tile);
      this.tiles.set(item, tile);
      this.paint(tile);
    }
    this.canvas.append(made);
    this.drawn.set(number, { made, row });
  }

  /** What the images beside it have in common: their target image, or a cluster's name. */
  sectionCell(row) {
    const cell = element("div", "target");
    if (!row.head) return cell;
    const { uid, label } = this.sheet.sections[row.section];
    if (uid) cell.append(picture("/thumbnails/" + uid + this.query, "Target image"));
    cell.append(element("span", "label", label));
    return cell;
  }

  paint(tile) {
    const item = Number(tile.dataset.row);
    const mark = this.marks.get(tile.dataset.uid) || "";
    const [first, last] = this.range();
    tile.dataset.mark = mark;
    tile.classList.toggle("current", item === this.cursor);
    tile.classList.toggle("chosen", first !== last && item >= first && item <= last);
    tile.setAttribute("aria-selected", String(item >= first && item <= last));
    tile.querySelector(".badge").textContent = BADGES[mark] || "";
    tile.querySelector(".new").textContent = this.fresh.has(tile.dataset.uid) ? "new" : "";
  }

  /** Everything that may have changed without a new sheet. */
  refresh() {
    if (!this.sheet) return;
    this.draw();
    this.repaint(0, this.sheet.uids.length);
  }

  /** The tiles from one item to another, and what tells of the current one. */
  repaint(from, to) {
    for (const [item, tile] of this.tiles) if (item >= from && item <= to) this.paint(tile);
    this.view.setAttribute("aria-activedescendant", "tile-" + this.cursor);
    this.tell();
    if (this.zoom.dialog.open) this.openZoom();
  }

  tell() {
    const count = this.count;
    const total = this.sheet.uids.length.toLocaleString("en");
    this.counts.textContent =
      `${total} images · ${count.veto} vetoed · ${count.keep} kept · ${count.pin} pinned`;
    const waiting = this.outbox.pending.length;
    const state = this.error ? "failed" : this.late ? "late" : waiting ? "saving" : "saved";
    this.status.dataset.state = state;
    this.status.disabled = state === "saved" || state === "saving";
    this.status.textContent = {
      saved: "Saved",
      saving: `Saving ${waiting}…`,
      late: `${waiting} not saved yet, no answer from the app. Send again`,
      failed: `${waiting} not saved: ${this.error} Send again`,
    }[state];
  }

  /* ---- keys ---- */

  range() {
    return [Math.min(this.anchor, this.cursor), Math.max(this.anchor, this.cursor)];
  }

  press(event) {
    if (!this.sheet || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key in ACTIONS) this.decide(ACTIONS[key]);
    else if (key === "z") this.undo();
    else if (key === "a") this.chooseVisible();
    else if (key === "s") this.post("asked", this.sheet.uids[this.cursor] + " " + Date.now());
    else if (key === "?") this.help.showModal();
    else if (key === " ") this.zoom.dialog.open ? this.zoom.dialog.close() : this.openZoom();
    else if (!this.moveBy(key, event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  moveBy(key, extend) {
    const row = this.rows[this.rowOf[this.cursor]];
    const across = this.cursor - row.first;
    const toRow = (number) => {
      const next = this.rows[Math.min(Math.max(number, 0), this.rows.length - 1)];
      return next.first + Math.min(across, next.count - 1);
    };
    const page = Math.max(1, Math.floor(this.height / this.rowHeight));
    const here = this.rowOf[this.cursor];
    const moves = {
      ArrowRight: () => this.cursor + 1,
      ArrowLeft: () => this.cursor - 1,
      ArrowDown: () => toRow(here + 1),
      ArrowUp: () => toRow(here - 1),
      PageDown: () => toRow(here + page),
      PageUp: () => toRow(here - page),
      Home: () => 0,
      End: () => this.sheet.uids.length - 1,
    };
    if (!(key in moves)) return false;
    this.move(moves[key](), extend);
    return true;
  }

  move(item, extend) {
    const before = this.range();
    this.cursor = Math.min(Math.max(item, 0), this.sheet.uids.length - 1);
    if (!extend) this.anchor = this.cursor;
    const top = this.rowOf[this.cursor] * this.rowHeight;
    const below = top + this.rowHeight + GAP - this.height;
    if (top < this.top || below > this.top) this.scrollTo(top < this.top ? top : below);
    const touched = [...before, ...this.range()];
    this.repaint(Math.min(...touched), Math.max(...touched));
  }

  scrollTo(top) {
    this.view.scrollTop = this.top = top;
    this.draw();
  }

  chooseVisible() {
    const [first, last] = this.visible();
    this.anchor = this.rows[first].first;
    const end = this.rows[last - 1];
    this.cursor = end.first + end.count - 1;
    this.refresh();
  }

  /* ---- decisions ---- */

  decide(action) {
    const [first, last] = this.range();
    const uids = this.sheet.uids.slice(first, last + 1);
    this.history.push(uids.map((uid) => [uid, this.marks.get(uid)]));
    for (const uid of uids) this.mark(uid, action);
    this.outbox.add(action, uids);
    this.sendSoon();
    this.move(last + 1, false);
  }

  undo() {
    for (const [uid, before] of this.history.pop() || []) this.mark(uid, before);
    this.outbox.add("undo", []);
    this.sendSoon();
    this.refresh();
  }

  sendSoon() {
    clearTimeout(this.sending);
    this.sending = setTimeout(() => this.send(), SEND_DELAY);
  }

  send() {
    clearTimeout(this.impatience);
    this.impatience = setTimeout(() => {
      this.late = true;
      if (this.sheet) this.tell();
    }, PATIENCE);
    this.late = false;
    this.error = null;
    // `at` makes a repeated outbox a change, so that the server sees it again.
    this.post("outbox", { selection: this.outbox.selection, steps: this.outbox.pending, at: Date.now() });
    if (this.sheet) this.tell();
  }

  openZoom() {
    const item = this.cursor;
    const sheet = this.sheet;
    this.zoom.show({
      query: this.query,
      why: `/why/${this.outbox.selection}/${sheet.uids[item]}${this.query}`,
      uid: sheet.uids[item],
      target: sheet.targets[sheet.target[item]],
      mark: this.marks.get(sheet.uids[item]) || "undecided",
      rank: sheet.rank[item],
      similarity: sheet.similarity[item],
      phase: sheet.phase[item],
    });
  }
}

function picture(url, name) {
  const made = element("img");
  made.loading = "lazy";
  made.decoding = "async";
  made.alt = name;
  made.draggable = false;
  made.onerror = () => made.replaceWith(element("span", "missing", "no preview"));
  made.src = url;
  return made;
}

/** One image in full with the reason why it is here; keys go on working. */
class Zoom {
  constructor() {
    this.dialog = element("dialog", "panel zoom");
    this.shown = null;
  }

  show(facts) {
    const known = JSON.stringify(facts);
    if (!this.dialog.open) this.dialog.showModal();
    if (this.shown === known) return;
    this.shown = known;
    const image = element("figure", "image");
    image.append(picture("/images/" + facts.uid + facts.query, "The image"));
    const why = element("div", "why");
    why.append(element("h3", "", "Why is this here?"));
    if (facts.target) {
      const target = element("figure", "target");
      target.append(picture("/images/" + facts.target + facts.query, "Its target image"));
      target.append(element("figcaption", "", "the target image that brought it"));
      why.append(target);
    }
    why.append(listed(describe(facts)));
    const more = element("div", "more");
    why.append(more);
    this.dialog.replaceChildren(image, why);
    this.tellMore(more, facts);
  }

  /** What the server knows besides: other targets, copies, decisions, files. */
  async tellMore(more, facts) {
    const answer = await fetch(facts.why);
    if (!answer.ok) {
      more.append(element("p", "", await answer.text()));
      return;
    }
    const { targets, copies, decisions, places } = await answer.json();
    const row = (title, uids, captions) => {
      if (!uids.length) return;
      const pictures = element("div", "pictures");
      uids.forEach((uid, i) => {
        const figure = element("figure");
        figure.append(picture("/thumbnails/" + uid + facts.query, title));
        if (captions) figure.append(element("figcaption", "", captions[i]));
        pictures.append(figure);
      });
      more.append(element("h4", "", title), pictures);
    };
    const figures = targets.map(([, value]) => value.toFixed(3));
    row("Nearest target images", targets.map(([uid]) => uid), figures);
    row("Its near-duplicates in the pool", copies);
    if (decisions.length) more.append(element("h4", "", "Decisions"));
    for (const { at, who, action, scope, reason, stands } of decisions) {
      const when = new Date(at).toLocaleString();
      const said = [`${action} by ${who}, ${when}`, scope === "image" ? "" : `scope ${scope}`,
        reason, stands ? "" : "taken back"].filter(Boolean).join(" · ");
      more.append(element("p", stands ? "" : "past", said));
    }
    more.append(element("h4", "", places.length > 1 ? "Files" : "File"));
    for (const place of places) more.append(element("p", "place", place));
  }
}

function listed(entries) {
  const list = element("dl");
  for (const [name, value] of Object.entries(entries)) {
    list.append(element("dt", "", name), element("dd", "", value));
  }
  return list;
}

/** Every key with what it does; closes with Esc, as dialogs do. */
function helpDialog() {
  const dialog = element("dialog", "panel help");
  const text = element("div");
  text.append(element("h3", "", "Keys"), listed({
    "← ↑ ↓ →": "go to another image; Page up, Page down, Home and End go further",
    x: "veto: never in a selection for these target sets",
    k: "keep: judged and right",
    p: "pin: always in, counts towards the budget",
    z: "undo the latest decision, whoever made it",
    "shift + arrow or click": "choose a range; x, k and p then act on all of it",
    a: "choose all that is visible",
    space: "full size, and why the image is here; keys go on working",
    s: "decide on its near-duplicates, its cluster or all images like it",
    "?": "this list",
  }), element("p", "", "A decision shows at once and is on disk when the bar says Saved. It "
    + "belongs to the target sets: other strategies, budgets and encoders keep it."));
  dialog.append(text);
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  return dialog;
}

function describe(facts) {
  return {
    Decision: facts.mark,
    Rank: facts.rank === null ? "–" : `neighbour ${facts.rank} of its target`,
    Similarity: facts.similarity < 0 ? "–" : facts.similarity.toFixed(3),
    Phase: facts.phase,
    Image: facts.uid,
  };
}
