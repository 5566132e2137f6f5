/* Every component, under the name by which pages/shared declares it. */

export { default as sept_grid } from "./grid/index.js";
export { default as sept_map } from "./map/index.js";
