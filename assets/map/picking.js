/* The target at a place, and the corners of an area. */

const MOST_CORNERS = 80; // of an area sent to the server

/** The uid of the target whose place is within reach, the first of several, or null. */
export function targetAt(targets, [x, y], reach) {
  for (const { uids, places } of targets) {
    const at = places.findIndex((p) => (p[0] - x) ** 2 + (p[1] - y) ** 2 < reach ** 2);
    if (at >= 0) return uids[at];
  }
  return null;
}

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
