/* The decision on each image, with counts that are kept up to date, so that no key counts. */

export class Marks {
  constructor() {
    this.adopt([]);
  }

  get size() {
    return this.actions.size;
  }

  of(uid) {
    return this.actions.get(uid);
  }

  /** The uids with a mark of some kind ("veto", "keep" or "pin"). */
  with(wanted) {
    return [...this.actions].filter(([, action]) => kind(action) === wanted).map(([uid]) => uid);
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
    if (before) this.counts[kind(before)] -= 1;
    if (action) this.counts[kind(action)] += 1;
  }
}

function kind(action) {
  return action === "negative" ? "veto" : action;
}
