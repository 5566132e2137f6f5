/* Every component, under the name that pages/shared declares. */

export { default as sept_grid } from "./grid/index.js";
export { default as sept_map } from "./map/index.js";
