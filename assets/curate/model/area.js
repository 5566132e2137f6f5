/* Areas on the map: their corners, and the test of a place. */

const MOST_CORNERS = 80; // of an area that is sent to the server
const WHOLE = 65535;

/** The corners of the box between two places. */
export function box([x1, y1], [x2, y2]) {
  return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];
}

/** At most `most` evenly chosen corners, rounded, for sending. */
export function thinned(corners, most = MOST_CORNERS) {
  const step = Math.max(1, Math.ceil(corners.length / most));
  return corners.filter((_, i) => i % step === 0).map(
    (corner) => corner.map((value) => Math.round(value * 1e4) / 1e4));
}

/** Whether a place lies inside an area: a ray to the right crosses its edges an odd number of times. */
export function inside(corners, x, y) {
  let within = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i, i += 1) {
    const [x1, y1] = corners[i];
    const [x2, y2] = corners[j];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within;
  }
  return within;
}

/** Whether the point of a row lies in an area; null without points or area. */
export function areaTest(points, corners) {
  if (!points || corners.length < 3) return null;
  const scaled = corners.map(([x, y]) => [x * WHOLE, y * WHOLE]);
  const xs = scaled.map(([x]) => x);
  const ys = scaled.map(([, y]) => y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  return (row) => {
    const x = points[2 * row];
    const y = points[2 * row + 1];
    if (x < left || x > right || y < low || y > high) return false;
    return !(x === WHOLE && y === WHOLE) && inside(scaled, x, y);
  };
}
