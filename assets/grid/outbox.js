/* Steps that wait for the server; they survive a reload of the tab if it has storage. */

import { unique } from "../shared/identity.js";
import * as tabStorage from "../shared/storage.js";

export class Outbox {
  constructor(selection, storage = tabStorage) {
    this.selection = selection;
    this.storage = storage;
    this.key = "sept-pending:" + selection;
    this.client = unique(); // new for every load, so that no two tabs share numbers
    this.number = 0;
    const stored = storage.recall(this.key, []);
    this.pending = Array.isArray(stored) ? stored : [];
    this.kept = true; // whether pending steps would survive a reload
  }

  add(action, uids) {
    this.number += 1;
    this.pending.push([this.client, this.number, action, uids]);
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
}
