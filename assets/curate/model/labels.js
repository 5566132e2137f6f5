/* The labels of clusters that fit on the map: large clusters first, none over another. */

const MOST = 40;
const WIDTH = 78; // page pixels that a label needs
const HEIGHT = 34;
const COARSE_BELOW = 1.8; // zoom up to which the coarse clusters of a large pool are named

/** The numbers of the clusters of the level that suits a zoom: coarse ones when zoomed out. */
export function levelOf({ names, parent }, zoom) {
  const all = names.map((_, number) => number);
  if (!parent || !parent.some((above) => above >= 0)) return all;
  const coarse = new Set(parent.filter((above) => above !== null && above >= 0));
  return all.filter((number) => coarse.has(number) === zoom < COARSE_BELOW);
}

/** {cluster, x, y} of the labels in view, in page pixels; `toPage` converts a place. */
export function placedLabels(clusters, zoom, toPage, { width, height }) {
  const found = [];
  const order = levelOf(clusters, zoom).sort((a, b) => clusters.counts[b] - clusters.counts[a]);
  for (const cluster of order) {
    if (found.length === MOST) break;
    if (!clusters.centres[cluster]) continue;
    const [x, y] = toPage(clusters.centres[cluster]);
    if (x < WIDTH / 2 || y < HEIGHT / 2 || x > width - WIDTH / 2 || y > height - HEIGHT / 2) continue;
    const free = found.every(
      (other) => Math.abs(other.x - x) > WIDTH || Math.abs(other.y - y) > HEIGHT);
    if (free) found.push({ cluster, x, y });
  }
  return found;
}
