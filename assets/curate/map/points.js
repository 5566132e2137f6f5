/* The pool's points: the part that is drawn, its size, and the density.

   Points are uint16 pairs x, y (65535 is 1) in random order: every prefix is a fair sample. Both
   65535: the image is not on the map. */

const WHOLE = 65535;
const MOVING = 60000; // points drawn while the map moves
export const DRAWN = 250000; // points in view drawn at rest, above the density
export const CELLS = 512; // along a side of the density

/** The part of the first `all` points to draw: {count, inView, rows}; without `rows`, a prefix. */
export function drawn(points, all, bounds, moving, most = DRAWN) {
  if (moving) return { count: Math.min(all, MOVING), inView: all, rows: null };
  if (all <= most) return { count: all, inView: all, rows: null };
  return within(points, all, bounds, most);
}

/** The first rows of points inside bounds, at most `most`, and the number of all inside. */
function within(points, all, bounds, most) {
  const [left, right, low, high] =
    [bounds.left, bounds.right, bounds.low, bounds.high].map((end) => end * WHOLE);
  const rows = new Uint32Array(most);
  let inView = 0;
  for (let row = 0; row < all; row += 1) {
    const x = points[2 * row];
    const y = points[2 * row + 1];
    if (x < left || x > right || y < low || y > high) continue;
    if (inView < most) rows[inView] = row;
    inView += 1;
  }
  const count = Math.min(inView, most);
  return { count, inView, rows: rows.subarray(0, count) };
}

/** Diameter in page pixels and opacity of points, by how many are in view. */
export function look(inView, zoom) {
  const size = inView > 100000 ? 1.6 : inView > 20000 ? 2.4 : 4.2;
  return { size: size * Math.min(2.5, Math.sqrt(zoom)), alpha: inView > 100000 ? 0.6 : 0.85 };
}

/** The text on the number of points that are drawn, if there are more in view. */
export function told(count, inView) {
  if (count >= inView) return "";
  return `${count.toLocaleString("en")} of ${inView.toLocaleString("en")} points in view drawn`;
}

/** The number of points in each cell, row by row from the top. */
export function density(points, cells = CELLS) {
  const counts = new Uint32Array(cells * cells);
  const side = (WHOLE + 1) / cells;
  for (let i = 0; i < points.length; i += 2) {
    if (points[i] === WHOLE && points[i + 1] === WHOLE) continue;
    const row = Math.floor((WHOLE - points[i + 1]) / side);
    counts[row * cells + Math.floor(points[i] / side)] += 1;
  }
  return counts;
}

/** Opacities in 0..255 for counts; cells without points are clear. */
export function opacities(counts) {
  const most = Math.log1p(counts.reduce((a, b) => Math.max(a, b), 1));
  return Uint8ClampedArray.from(
    counts, (count) => (count ? 40 + (150 * Math.log1p(count)) / most : 0));
}
