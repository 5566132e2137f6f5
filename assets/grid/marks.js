/* The decision on each image and the counts of the sheet, kept up to date so that no key counts. */

export class Marks {
  constructor() {
    this.members = new Set(); // uids of the sheet
    this.adopt([]);
  }

  get size() {
    return this.actions.size;
  }

  of(uid) {
    return this.actions.get(uid);
  }

  /** Replace all marks by pairs of uid and action. */
  adopt(entries) {
    this.actions = new Map();
    this.counts = { veto: 0, keep: 0, pin: 0 };
    for (const [uid, action] of entries) this.set(uid, action);
  }

  /** Mark an image, or remove its mark. */
  set(uid, action) {
    const before = this.actions.get(uid);
    if (action) this.actions.set(uid, action);
    else this.actions.delete(uid);
    if (!this.members.has(uid)) return;
    if (before) this.counts[kind(before)] -= 1;
    if (action) this.counts[kind(action)] += 1;
  }

  /** Count the marks of another sheet. */
  countIn(uids) {
    this.members = new Set(uids);
    this.adopt([...this.actions]);
  }
}

function kind(action) {
  return action === "negative" ? "veto" : action;
}
