/* Steps that wait for the server; they survive a reload of the tab if the browser has storage. */

import { unique } from "../shared/identity.js";
import * as tabStorage from "../shared/storage.js";

export class Outbox {
  constructor(selection, storage = tabStorage) {
    this.selection = selection;
    this.storage = storage;
    this.key = "sept-pending:" + selection;
    this.client = unique(); // new for every life, so that no two tabs share numbers
    this.number = 0;
    const stored = storage.recall(this.key, []);
    this.pending = Array.isArray(stored) ? stored : [];
    this.kept = true; // whether a reload would bring back what is pending
  }

  add(action, uids) {
    this.number += 1;
    this.pending.push([this.client, this.number, action, uids]);
    this.store();
  }

  /** Drop what is on disk: `acknowledged` has the last number of each client. */
  acknowledge(acknowledged) {
    const before = this.pending.length;
    this.pending = this.pending.filter(([client, number]) => number > (acknowledged[client] || 0));
    if (this.pending.length !== before) this.store();
  }

  store() {
    this.kept = this.storage.keep(this.key, this.pending);
  }
}
