/* The review grid: a virtual list of images, reviewed by keyboard.

   In (data): selection, sheet (URL), query (names the project in URLs), marks, acknowledged, fresh,
   error. Out (state): "asked", the uid to decide on with a scope; "outbox", {selection, steps:
   [[client, number, action, uids], …]}, every step that is not acknowledged yet. A step stays
   pending, and in the tab's storage through a reload, until the server confirms that it is on disk;
   the server's marks replace the grid's only when nothing is pending. */

import { mounting } from "../shared/mounting.js";
import { styleSheets } from "../shared/styles.js";
import { Grid } from "./grid.js";

const styles = await styleSheets(import.meta.url, "./grid.css", "../shared/failure_notice.css");

export default mounting((root) => new Grid(root), styles);
