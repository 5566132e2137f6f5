/* The grid's state, and its changes by keys, clicks and responses of the server. */

import { element } from "../shared/elements.js";
import { FailureNotice } from "../shared/failure_notice.js";
import * as fetching from "../shared/fetching.js";
import { Latest } from "../shared/latest.js";
import { Bar } from "./bar.js";
import { helpDialog, keyLine } from "./help.js";
import { asked } from "./keys.js";
import { GAP, Layout } from "./layout.js";
import { Marks } from "./marks.js";
import { Outbox } from "./outbox.js";
import { Rows } from "./rows.js";
import { counted } from "./saving.js";
import { Selection } from "./selection.js";
import { Zoom } from "./zoom.js";

const SEND_DELAY = 60; // ms; batches fast key presses
const PATIENCE = 6000; // ms without an acknowledgement before the status says so

export class Grid {
  constructor(root) {
    this.root = root;
    this.marks = new Marks();
    this.selection = new Selection();
    this.fresh = new Set();
    this.history = []; // since this load: the marks that z restores immediately
    // Cached: asking the browser at every key would force it to compute the layout.
    this.top = this.height = 0;
    this.sheet = null;
    this.sheets = new Latest(
      fetching.json, (sheet) => this.open(sheet), (reason) => this.fail(reason));
    this.build();
    this.assignHandlers();
  }

  build() {
    this.bar = new Bar(() => this.send());
    this.failure = new FailureNotice("The images", () => this.retry());
    this.view = element("div", "view");
    this.view.tabIndex = 0;
    this.view.setAttribute("role", "listbox");
    this.view.setAttribute("aria-multiselectable", "true");
    this.view.setAttribute("aria-label", "Images of the selection");
    this.rows = new Rows((item) => this.look(item));
    this.view.append(this.rows.root);
    this.zoom = new Zoom();
    this.help = helpDialog();
    this.root.append(
      this.bar.root, this.failure.root, this.view, keyLine(), this.zoom.dialog, this.help);
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
      if (tile && this.sheet) this.move(Number(tile.dataset.row), event.shiftKey);
    };
    this.view.ondblclick = () => { if (this.sheet?.uids.length) this.openZoom(); };
    this.resizing = new ResizeObserver(() => this.arrange());
    this.leaving = (event) => { if (this.outbox.pending.length) event.preventDefault(); };
  }

  /** Apply the data of a rerun of the page. */
  update(data, post) {
    this.post = post;
    this.resizing.observe(this.view);
    window.addEventListener("beforeunload", this.leaving);
    if (!this.outbox || this.outbox.selection !== data.selection) this.begin(data.selection);
    this.outbox.acknowledge(data.acknowledged);
    this.error = this.outbox.pending.length ? data.error : null;
    this.adoptMarks(Object.entries(data.marks));
    this.fresh = new Set(data.fresh);
    this.query = this.rows.query = data.query;
    this.tell();
    if (this.sheets.url !== data.sheet || this.sheets.failed) this.load(data.sheet);
    else this.refresh();
  }

  begin(selection) {
    this.outbox = new Outbox(selection);
    this.history = [];
    if (this.outbox.pending.length) this.sendSoon();
  }

  adoptMarks(entries) {
    if (!this.outbox.pending.length) {
      clearTimeout(this.impatience);
      this.late = false;
      this.marks.adopt(entries);
    } else if (this.marks.size === 0) {
      this.marks.adopt(entries); // a reload with pending steps
      for (const [, , action, uids] of this.outbox.pending) {
        if (action !== "undo") for (const uid of uids) this.marks.set(uid, action);
      }
    }
  }

  detach() {
    this.resizing.disconnect();
    window.removeEventListener("beforeunload", this.leaving);
  }

  /* ---- the sheet: the images in order ---- */

  load(url) {
    this.sheet = null;
    this.failure.hide();
    this.bar.say("Loading…");
    this.sheets.want(url);
  }

  retry() {
    this.failure.hide();
    this.bar.say("Loading…");
    this.sheets.retry();
  }

  fail(reason) {
    this.bar.say("");
    this.rows.clear(); // of the previous sheet
    this.failure.show(reason);
  }

  open(sheet) {
    this.sheet = sheet;
    this.marks.countIn(sheet.uids);
    this.bar.say(sheet.method);
    this.selection.start();
    this.view.scrollTop = this.top = 0;
    this.arrange();
    this.root.dataset.ready = this.sheets.url;
  }

  arrange() {
    if (!this.sheet) return;
    this.height = this.view.clientHeight;
    const divided = this.sheet.sections.length > 0;
    this.layout = new Layout(this.sheet.section, divided, this.view.clientWidth - GAP);
    this.rows.arrange(this.layout, this.sheet);
    this.refresh();
  }

  draw() {
    if (this.sheet) this.rows.draw(this.top, this.height);
  }

  look(item) {
    const uid = this.sheet.uids[item];
    return {
      mark: this.marks.of(uid) || "",
      current: item === this.selection.cursor,
      chosen: this.selection.has(item),
      several: !this.selection.isOne,
      fresh: this.fresh.has(uid),
    };
  }

  /** Redraw everything that can change without a new sheet. */
  refresh() {
    if (!this.sheet) return;
    this.draw();
    this.repaint(0, this.sheet.uids.length);
  }

  /** Redraw the tiles from one item to another, and the mark of the current one. */
  repaint(from, to) {
    this.rows.paint(from, to);
    this.view.setAttribute("aria-activedescendant", "tile-" + this.selection.cursor);
    this.tell();
    if (this.zoom.dialog.open) this.openZoom();
  }

  tell() {
    const { pending, kept } = this.outbox;
    const progress = { waiting: pending.length, late: this.late, error: this.error, kept };
    this.bar.show(this.sheet ? counted(this.sheet.uids.length, this.marks.counts) : "", progress);
  }

  /* ---- keys ---- */

  press(event) {
    const wish = this.sheet?.uids.length ? asked(event) : null;
    if (!wish || !this.obey(wish)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Run the command of a key; returns whether it has one. */
  obey({ decide, run, go, extend }) {
    if (decide) this.decide(decide);
    else if (run) this.run(run);
    else return this.go(go, extend);
    return true;
  }

  run(name) {
    const runs = {
      undo: () => this.undo(),
      visible: () => this.chooseVisible(),
      scope: () => this.post("asked", this.sheet.uids[this.selection.cursor] + " " + Date.now()),
      help: () => this.help.showModal(),
      zoom: () => (this.zoom.dialog.open ? this.zoom.dialog.close() : this.openZoom()),
    };
    runs[name]();
  }

  go(key, extend) {
    const item = this.layout.neighbour(this.selection.cursor, key, this.height);
    if (item === undefined) return false;
    this.move(item, extend);
    return true;
  }

  move(item, extend) {
    const to = this.layout.clamp(item);
    const [first, last] = this.selection.move(to, extend);
    const top = this.layout.scrollFor(to, this.top, this.height);
    if (top !== this.top) this.scrollTo(top);
    this.repaint(first, last);
  }

  scrollTo(top) {
    this.view.scrollTop = this.top = top;
    this.draw();
  }

  chooseVisible() {
    this.selection.choose(...this.layout.itemsIn(this.top, this.height));
    this.refresh();
  }

  /* ---- decisions ---- */

  decide(action) {
    const [first, last] = this.selection.range;
    const uids = this.sheet.uids.slice(first, last + 1);
    this.history.push(uids.map((uid) => [uid, this.marks.of(uid)]));
    for (const uid of uids) this.marks.set(uid, action);
    this.outbox.add(action, uids);
    this.sendSoon();
    this.move(last + 1, false);
  }

  undo() {
    for (const [uid, before] of this.history.pop() || []) this.marks.set(uid, before);
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
      this.tell();
    }, PATIENCE);
    this.late = false;
    this.error = null;
    // `at` makes a repeated outbox a new value, so that Streamlit sends it again.
    const { selection, pending } = this.outbox;
    this.post("outbox", { selection, steps: pending, at: Date.now() });
    this.tell();
  }

  openZoom() {
    const { sheet, query } = this;
    const item = this.selection.cursor;
    const uid = sheet.uids[item];
    this.zoom.show({
      query,
      uid,
      why: `/why/${this.outbox.selection}/${uid}${query}`,
      target: sheet.targets[sheet.target[item]],
      mark: this.marks.of(uid) || "undecided",
      rank: sheet.rank[item],
      similarity: sheet.similarity[item],
      phase: sheet.phase[item],
    });
  }
}
