/* Decisions that wait for the server; they survive a reload of the tab if it has storage. */

import { unique } from "../../shared/identity.js";
import * as tabStorage from "../../shared/storage.js";

export class Outbox {
  /** `context`: the ids of the target sets, joined by "+". */
  constructor(context, storage = tabStorage) {
    this.context = context;
    this.storage = storage;
    this.key = "sept-pending:" + context;
    this.client = unique(); // new for every load, so that no two tabs share numbers
    this.number = 0;
    const stored = storage.recall(this.key, []);
    this.pending = Array.isArray(stored) ? stored : [];
    this.kept = true; // whether pending steps would survive a reload
  }

  /** Add a step: an action on uids with a scope and a reason; `to` is for "undo-to". */
  add(action, uids, { scope = "image", reason = "", to = null } = {}) {
    this.number += 1;
    this.pending.push([this.client, this.number, action, uids, scope, reason, to]);
    this.store();
  }

  /** Drop the steps on disk: `acknowledged` has the last number of each client. */
  acknowledge(acknowledged) {
    const before = this.pending.length;
    this.pending = this.pending.filter(([client, number]) => number > (acknowledged[client] || 0));
    if (this.pending.length !== before) this.store();
  }

  store() {
    this.kept = this.storage.keep(this.key, this.pending);
  }

  message(at) {
    return { context: this.context, steps: this.pending, at };
  }
}
