/* Decisions in the browser: marks at once, steps in the outbox until they are saved, local undo. */

import { Marks } from "./model/marks.js";
import { Outbox } from "./model/outbox.js";

const SEND_DELAY = 60; // ms; batches fast key presses
const PATIENCE = 6000; // ms without an acknowledgement before the status says so

export class Deciding {
  /** `post(name, value)` sends to the app; `onChange(uids)` after marks or saving changed, null for
      all marks. */
  constructor(post, onChange) {
    this.post = post;
    this.onChange = onChange;
    this.marks = new Marks();
    this.vetoedTargets = new Set();
    this.outbox = null;
    this.done = []; // since this load: what undo restores immediately
    this.undone = [];
    this.late = false;
    this.error = null;
  }

  /** Apply the data of a rerun. */
  update({ context, acknowledged, marks, error, vetoed_targets: targets }) {
    if (!this.outbox || this.outbox.context !== context) this.begin(context);
    this.outbox.acknowledge(acknowledged);
    this.error = this.outbox.pending.length ? error : null;
    if (!this.outbox.pending.length) {
      clearTimeout(this.impatience);
      this.late = false;
      this.marks.adopt(Object.entries(marks));
      this.vetoedTargets = new Set(targets);
    } else if (this.starting) this.restore(marks, targets);
    this.starting = false;
    if (this.outbox.pending.length && !this.error && this.sentAt + PATIENCE < Date.now()) this.sendSoon();
  }

  begin(context) {
    this.outbox = new Outbox(context);
    this.done = [];
    this.undone = [];
    this.starting = true;
    this.sentAt = 0; // pending steps of an earlier load are sent
    this.marks.adopt([]);
  }

  /** Show the server's marks and the pending steps above them, after a reload. */
  restore(marks, targets) {
    this.marks.adopt(Object.entries(marks));
    this.vetoedTargets = new Set(targets);
    for (const [, , action, uids, scope] of this.outbox.pending) {
      if (scope === "image" && this.isMark(action)) for (const uid of uids) this.marks.set(uid, action);
    }
  }

  isMark(action) {
    return ["veto", "keep", "pin", "negative"].includes(action);
  }

  get waiting() {
    return this.outbox?.pending.length || 0;
  }

  get progress() {
    return { waiting: this.waiting, late: this.late, error: this.error, kept: this.outbox?.kept ?? true };
  }

  /** Decide on images: mark them, and send the decision soon. */
  decide(action, uids, { scope = "image", reason = "" } = {}) {
    if (scope !== "target") {
      this.done.push(new Map(uids.map((uid) => [uid, this.marks.of(uid)])));
      for (const uid of uids) this.marks.set(uid, action);
    } else {
      this.done.push(new Map());
      for (const uid of uids) this.vetoedTargets[action === "veto" ? "add" : "delete"](uid);
    }
    this.undone = [];
    this.outbox.add(action, uids, { scope, reason });
    this.sendSoon();
    this.onChange(uids);
  }

  /** Undo the latest decision; marks that this tab made are restored at once. */
  undo() {
    this.step("undo", this.done, this.undone);
  }

  redo() {
    this.step("redo", this.undone, this.done);
  }

  step(action, from, to) {
    const before = from.pop();
    this.outbox.add(action, []);
    if (before) {
      to.push(new Map([...before.keys()].map((uid) => [uid, this.marks.of(uid)])));
      for (const [uid, mark] of before) this.marks.set(uid, mark);
    }
    this.sendSoon();
    this.onChange(before ? [...before.keys()] : null);
  }

  undoTo(position) {
    this.done = [];
    this.undone = [];
    this.outbox.add("undo-to", [], { to: position });
    this.sendSoon();
    this.onChange(null);
  }

  sendSoon() {
    clearTimeout(this.sending);
    this.sending = setTimeout(() => this.send(), SEND_DELAY);
  }

  send() {
    if (!this.waiting) return;
    this.late = false;
    this.error = null;
    this.sendAgain();
    this.onChange([]);
  }

  sendAgain() {
    clearTimeout(this.impatience);
    this.impatience = setTimeout(() => this.wait(), PATIENCE);
    this.sentAt = Date.now();
    this.post("outbox", this.outbox.message(this.sentAt));
  }

  /** Say that nothing has come back, and send the steps again: a server that was started again
      gives no sign of its own. */
  wait() {
    if (!this.waiting || this.error) return;
    this.late = true;
    this.onChange([]);
    this.sendAgain();
  }

  stop() {
    clearTimeout(this.impatience);
    clearTimeout(this.sending);
  }
}
