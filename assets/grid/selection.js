/* The current item and the range that decisions apply to. */

export class Selection {
  constructor() {
    this.start();
  }

  start() {
    this.cursor = this.anchor = 0;
  }

  /** First and last item of the range. */
  get range() {
    return [Math.min(this.anchor, this.cursor), Math.max(this.anchor, this.cursor)];
  }

  has(item) {
    const [first, last] = this.range;
    return item >= first && item <= last;
  }

  get isOne() {
    return this.anchor === this.cursor;
  }

  /** Move to an item, extending the range or not; returns the first and last changed item. */
  move(item, extend) {
    const before = this.range;
    this.cursor = item;
    if (!extend) this.anchor = item;
    const touched = [...before, ...this.range];
    return [Math.min(...touched), Math.max(...touched)];
  }

  choose(first, last) {
    this.anchor = first;
    this.cursor = last;
  }
}
