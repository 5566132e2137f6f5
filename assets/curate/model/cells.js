/* The points of the map by cell, so that the one nearest to a place is found at once. */

const WHOLE = 65535;
const SIDE = 256; // cells along a side

export class Cells {
  /** `points`: uint16 pairs by row; 65535, 65535 is not on the map. */
  constructor(points) {
    this.points = points;
    const count = points.length / 2;
    this.starts = new Uint32Array(SIDE * SIDE + 1);
    for (let row = 0; row < count; row += 1) {
      if (!this.missing(row)) this.starts[this.cell(row) + 1] += 1;
    }
    for (let i = 0; i < SIDE * SIDE; i += 1) this.starts[i + 1] += this.starts[i];
    const next = this.starts.slice(0, -1);
    this.rows = new Uint32Array(this.starts.at(-1));
    for (let row = 0; row < count; row += 1) {
      if (this.missing(row)) continue;
      const cell = this.cell(row);
      this.rows[next[cell]] = row;
      next[cell] += 1;
    }
  }

  missing(row) {
    return this.points[2 * row] === WHOLE && this.points[2 * row + 1] === WHOLE;
  }

  cell(row) {
    return (this.points[2 * row + 1] >> 8) * SIDE + (this.points[2 * row] >> 8);
  }

  /** The row of the point nearest to a place within a distance, or −1; `passes` may refuse rows. */
  nearest([x, y], within, passes = () => true) {
    const [px, py, reach] = [x * WHOLE, y * WHOLE, within * WHOLE];
    let best = reach * reach;
    let found = -1;
    const [left, right] = [bounded(px - reach), bounded(px + reach)];
    for (let down = bounded(py - reach); down <= bounded(py + reach); down += 1) {
      const first = this.starts[down * SIDE + left];
      const end = this.starts[down * SIDE + right + 1];
      for (let i = first; i < end; i += 1) {
        const row = this.rows[i];
        const far = (this.points[2 * row] - px) ** 2 + (this.points[2 * row + 1] - py) ** 2;
        if (far <= best && passes(row)) [best, found] = [far, row];
      }
    }
    return found;
  }
}

function bounded(value) {
  return Math.max(0, Math.min(SIDE - 1, Math.floor(value / SIDE)));
}

/** The target at a place, the first of several within reach, or null. */
export function targetAt(targets, [x, y], reach) {
  const near = (place) => (place[0] - x) ** 2 + (place[1] - y) ** 2 < reach ** 2;
  return targets.find(({ place }) => place && near(place)) || null;
}
