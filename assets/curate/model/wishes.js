/* Requests to the app that are not decisions: numbered, sent until the app says they are done. */

import { unique } from "../../shared/identity.js";

/** Kinds of which only the latest counts, while it has not been sent. */
const LATEST = new Set(["request", "view", "order", "budget"]);

export class Wishes {
  constructor() {
    this.client = unique();
    this.number = 0;
    this.sent = 0; // the last number that was posted
    this.seen = 0; // the last number whose effect this browser has received
    this.pending = []; // [number, kind, payload]
  }

  add(kind, payload = {}) {
    if (LATEST.has(kind)) {
      this.pending = this.pending.filter(([n, other]) => n <= this.sent || other !== kind);
    }
    this.number += 1;
    this.pending.push([this.number, kind, payload]);
    return this.number;
  }

  /** Drop what the app has done. */
  acknowledge(done) {
    this.seen = Math.max(this.seen, done);
    this.pending = this.pending.filter(([number]) => number > done);
  }

  /** Whether a wish of a kind waits. */
  waits(kind) {
    return this.pending.some(([, other]) => other === kind);
  }

  /** The value to post; `at` makes a repeated list a new value, so that it is sent again. */
  message(at) {
    this.sent = this.number;
    return { list: this.pending, client: this.client, at };
  }
}
