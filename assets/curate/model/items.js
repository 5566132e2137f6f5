/* What the grid shows: entries of a list, or rows of the pool whose uids may still be loading. */

/** Entries in order, with their sections ({name, first, count}) or null. */
export class ListItems {
  constructor(entries, sections = null) {
    this.entries = entries;
    this.sections = sections;
    this.count = entries.length;
    this.byUid = null;
    this.byRow = null;
  }

  at(item) {
    return this.entries[item];
  }

  find(uid) {
    this.byUid ??= new Map(this.entries.map((entry, item) => [entry.uid, item]));
    return this.byUid.get(uid) ?? -1;
  }

  findRow(row) {
    this.byRow ??= new Map(this.entries.map((entry, item) => [entry.row, item]));
    return this.byRow.get(row) ?? -1;
  }

  uidsOf(items) {
    return Promise.resolve(items.map((item) => this.entries[item].uid));
  }
}

/** Rows of the pool, ascending; null stands for all of them. */
export class PoolItems {
  constructor(pool, rows = null) {
    this.pool = pool;
    this.rows = rows;
    this.sections = null;
    this.count = rows ? rows.length : pool.count;
  }

  rowAt(item) {
    return this.rows ? this.rows[item] : item;
  }

  at(item) {
    const row = this.rowAt(item);
    return { ...NOTHING, uid: this.pool.uidAt(row), row };
  }

  find() {
    return -1; // a uid's row is looked up with the pool
  }

  findRow(row) {
    if (!this.rows) return row >= 0 && row < this.count ? row : -1;
    let low = 0;
    let high = this.rows.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle] === row) return middle;
      if (this.rows[middle] < row) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  uidsOf(items) {
    return this.pool.uidsOf(items.map((item) => this.rowAt(item)));
  }
}

/** The fields of an entry that the selection does not hold. */
export const NOTHING = {
  similarity: null, target: -1, rank: null, phase: "", group: -1, part: "", weight: null, ghost: false, fresh: false,
};

/** The accessible name of a tile. */
export function nameOf({ similarity, target, ghost, fresh }, mark, item) {
  const parts = [
    mark || "undecided",
    ghost && !mark ? "removed" : "",
    fresh ? "new" : "",
    similarity === null ? "" : `similarity ${similarity.toFixed(2)}`,
    target >= 0 ? `brought by target ${target + 1}` : "",
  ];
  return `Image ${item + 1}: ${parts.filter(Boolean).join(", ")}`;
}
