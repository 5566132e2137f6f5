/* The positions of tiles: rows of equal squares that fill the width, under optional headers. */

export const GAP = 6; // CSS pixels between tiles
export const HEAD = 34; // height of a header
export const SIZES = { least: 64, most: 256, step: 16, usual: 104 };

export class Layout {
  /** `count` items; `sections`: {first, count} of each header's items, or null; `width` for tiles;
      `size`, the least side of a tile. */
  constructor(count, sections, width, size) {
    this.count = count;
    this.columns = Math.max(1, Math.floor((width + GAP) / (size + GAP)));
    this.side = Math.max(1, Math.floor((width + GAP) / this.columns) - GAP);
    this.rowHeight = this.side + GAP;
    this.divided = sections !== null;
    this.build(sections ?? (count ? [{ first: 0, count }] : []));
  }

  build(sections) {
    let top = GAP;
    let row = 0;
    this.sections = sections.map((section) => {
      const rows = Math.ceil(section.count / this.columns);
      const head = this.divided ? HEAD : 0;
      const made = { ...section, top, row, rows, body: top + head };
      top += head + rows * this.rowHeight;
      row += rows + (this.divided ? 1 : 0);
      return made;
    });
    this.height = top;
    this.rows = row; // headers included
  }

  /** The number of the section that holds an item or a height: the last one that begins before. */
  sectionAt(value, start) {
    let low = 0;
    let high = this.sections.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (start(this.sections[middle]) <= value) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  sectionOf(item) {
    return this.sectionAt(item, (section) => section.first);
  }

  sectionIn(top) {
    return this.sectionAt(top, (section) => section.top);
  }

  /** The parts between two heights: {key, head, section, first, count, top, row} of each row. */
  partsIn(top, bottom) {
    const parts = [];
    if (!this.sections.length) return parts;
    for (let at = this.sectionIn(top); at < this.sections.length; at += 1) {
      const section = this.sections[at];
      if (section.top > bottom) break;
      if (this.divided && section.body > top) {
        parts.push({ key: `h${at}`, head: true, section: at, top: section.top, row: section.row });
      }
      this.addRows(parts, section, at, top, bottom);
    }
    return parts;
  }

  addRows(parts, section, at, top, bottom) {
    const first = Math.max(0, Math.floor((top - section.body) / this.rowHeight));
    const end = Math.min(section.rows, Math.ceil((bottom - section.body) / this.rowHeight));
    for (let row = first; row < end; row += 1) {
      const item = section.first + row * this.columns;
      const count = Math.min(this.columns, section.first + section.count - item);
      const shift = this.divided ? 1 : 0;
      parts.push({
        key: item, head: false, section: at, first: item, count,
        top: section.body + row * this.rowHeight, row: section.row + shift + row,
      });
    }
  }

  /** The top of the row of an item. */
  topOf(item) {
    const section = this.sections[this.sectionOf(item)];
    return section.body + Math.floor((item - section.first) / this.columns) * this.rowHeight;
  }

  /** The scroll position that shows an item; `top` if it is in view. */
  scrollFor(item, top, height) {
    const above = this.topOf(item) - GAP - (this.divided ? HEAD : 0);
    const below = this.topOf(item) + this.rowHeight - height;
    if (above < top) return Math.max(0, above);
    return Math.max(below, top);
  }

  /** The item that a key moves to from another one; undefined for other keys. */
  neighbour(item, key, height) {
    const page = Math.max(1, Math.floor(height / this.rowHeight) - 1);
    const rows = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    if (key in rows) return this.below(item, rows[key]);
    const items = { ArrowRight: item + 1, ArrowLeft: item - 1, Home: 0, End: this.count - 1 };
    return key in items ? this.clamp(items[key]) : undefined;
  }

  /** The item some rows below, in the same column where the row has one. */
  below(item, rows) {
    let at = this.sectionOf(item);
    const own = this.sections[at];
    const column = (item - own.first) % this.columns;
    let row = Math.floor((item - own.first) / this.columns) + rows;
    while (row < 0 && at > 0) {
      at -= 1;
      row += this.sections[at].rows;
    }
    while (row >= this.sections[at].rows && at + 1 < this.sections.length) {
      row -= this.sections[at].rows;
      at += 1;
    }
    const section = this.sections[at];
    const within = Math.min(Math.max(row, 0), section.rows - 1);
    const last = section.first + section.count - 1;
    return Math.min(section.first + within * this.columns + column, last);
  }

  clamp(item) {
    return Math.min(Math.max(item, 0), this.count - 1);
  }
}
