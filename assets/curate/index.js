/* The Curate workspace: one component for targets, grid, map, figures, history and inspector.

   In (data): see `pages/shared/workspace.py`. Out (state): "outbox", {context, steps, at}, every
   decision that is not acknowledged yet; "wishes", {list, client, at}, every other request that is
   not done yet. A step stays pending, and in the tab's storage through a reload, until the server
   confirms that it is on disk; the server's marks replace the grid's only when nothing is pending.
   All images, points and rankings come from URLs that never change for their content. */

import { mounting } from "../shared/mounting.js";
import { styleSheets } from "../shared/styles.js";
import { Workspace } from "./workspace.js";

const styles = await styleSheets(import.meta.url,
  "./frame.css", "./grid.css", "./side.css", "./dialogs.css", "../shared/failure_notice.css");

export default mounting((root) => new Workspace(root), styles);
