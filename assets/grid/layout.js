/* The positions of tiles: rows of equal squares; if divided, the first column is for sections. */

const LEAST_SIDE = 132; // of a tile, CSS pixels; tiles grow to fill the width
export const GAP = 8;

export class Layout {
  /** `section` has the section of each item, in order; `width` is the width for tiles. */
  constructor(section, divided, width) {
    const columns = Math.max(2, Math.floor(width / (LEAST_SIDE + GAP)));
    this.rowHeight = Math.floor(width / columns);
    this.side = this.rowHeight - GAP;
    this.divided = divided;
    this.count = section.length;
    this.rows = []; // {first, count, section, head}
    this.rowOf = new Int32Array(section.length);
    this.fill(section, columns - (divided ? 1 : 0));
    this.height = this.rows.length * this.rowHeight + GAP;
  }

  fill(sections, room) {
    sections.forEach((section, item) => {
      let row = this.rows.at(-1);
      if (!row || row.count === room || row.section !== section) {
        const head = this.divided && (!row || row.section !== section);
        row = { first: item, count: 0, section, head };
        this.rows.push(row);
      }
      row.count += 1;
      this.rowOf[item] = this.rows.length - 1;
    });
  }

  top(row) {
    return row * this.rowHeight + GAP;
  }

  /** The first row in view and the one after the last, with a margin above and below. */
  rowsIn(top, height, margin = 0) {
    const first = Math.floor(top / this.rowHeight) - margin;
    const last = Math.ceil((top + height) / this.rowHeight) + margin;
    return [Math.max(0, first), Math.min(last, this.rows.length)];
  }

  /** The first and last item in view. */
  itemsIn(top, height) {
    const [first, last] = this.rowsIn(top, height);
    const end = this.rows[last - 1];
    return [this.rows[first].first, end.first + end.count - 1];
  }

  /** The scroll position that shows an item; `top` if it is in view. */
  scrollFor(item, top, height) {
    const above = this.rowOf[item] * this.rowHeight;
    const below = above + this.rowHeight + GAP - height;
    if (above < top) return above;
    return Math.max(below, top);
  }

  /** The item that a key moves to from another one; undefined for other keys. */
  neighbour(item, key, height) {
    const row = this.rowOf[item];
    const page = Math.max(1, Math.floor(height / this.rowHeight));
    const rows = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    if (key in rows) return this.below(item, row + rows[key]);
    const items = { ArrowRight: item + 1, ArrowLeft: item - 1, Home: 0, End: this.count - 1 };
    return key in items ? this.clamp(items[key]) : undefined;
  }

  /** The item of a row in the column of another item. */
  below(item, number) {
    const row = this.rows[Math.min(Math.max(number, 0), this.rows.length - 1)];
    const across = item - this.rows[this.rowOf[item]].first;
    return row.first + Math.min(across, row.count - 1);
  }

  clamp(item) {
    return Math.min(Math.max(item, 0), this.count - 1);
  }
}
