/* The current item, and the items that a decision applies to: a range, single ones, or all. */

export class Choice {
  constructor() {
    this.start(0);
  }

  /** Start over with a list of some length. */
  start(count) {
    this.count = count;
    this.cursor = this.anchor = 0;
    this.flags = new Uint8Array(count);
    this.size = 0;
  }

  /** Keep the choice through a change of the list: `places` maps old items to new ones or −1. */
  carry(count, place) {
    const before = this.flags;
    const cursor = this.count ? place(this.cursor) : 0;
    this.flags = new Uint8Array(count);
    this.size = 0;
    if (this.wasSome(before)) {
      for (let item = 0; item < before.length; item += 1) {
        if (before[item]) this.flag(place(item), 1);
      }
    }
    this.count = count;
    this.cursor = cursor >= 0 ? cursor : Math.min(this.cursor, Math.max(0, count - 1));
    this.anchor = this.cursor;
  }

  wasSome(flags) {
    return flags.some(Boolean);
  }

  has(item) {
    return this.flags[item] === 1;
  }

  /** Whether more than one image is chosen. */
  get several() {
    return this.size > 1;
  }

  flag(item, value) {
    if (item < 0 || item >= this.flags.length || this.flags[item] === value) return;
    this.flags[item] = value;
    this.size += value ? 1 : -1;
  }

  /** Move to an item; with `extend`, the range from the anchor is chosen, else nothing is. */
  move(item, extend = false) {
    this.cursor = item;
    if (extend) this.range(this.anchor, item);
    else {
      this.anchor = item;
      this.clear();
    }
  }

  range(from, to) {
    this.clear();
    for (let i = Math.min(from, to); i <= Math.max(from, to); i += 1) this.flag(i, 1);
  }

  /** Add or remove one item, and move to it; the first one adds the current item as well. */
  toggle(item) {
    if (!this.size) this.flag(this.cursor, 1);
    this.flag(item, this.has(item) ? 0 : 1);
    this.cursor = this.anchor = item;
  }

  all() {
    this.flags.fill(1);
    this.size = this.count;
  }

  clear() {
    if (this.size) this.flags.fill(0);
    this.size = 0;
  }

  /** The items that a decision applies to: the chosen ones, or the current one. */
  items() {
    if (!this.size) return this.count ? [this.cursor] : [];
    const found = [];
    for (let item = 0; item < this.count; item += 1) if (this.flags[item]) found.push(item);
    return found;
  }
}
