/* The map: points in WebGL, a density below them, targets and selected areas above.

   In (data): points, colours and targets (URLs), palette (hex), glyphs (a colour for each target
   set), marks (places to ring), area (corners in 0..1, or []), nearest (URL), query (names the
   project in URLs). Out (state): "area", the corners of the last drawn area, [] to clear all;
   "clicked", a uid. Points are in random order, so that every prefix is a fair sample. A small
   prefix is drawn while the map moves, as many points in view as possible at rest. */

import { mounting } from "../shared/mounting.js";
import { styleSheets } from "../shared/styles.js";
import { PointMap } from "./map.js";

const styles = await styleSheets(import.meta.url, "./map.css", "../shared/failure_notice.css");

export default mounting((root) => new PointMap(root), styles);
