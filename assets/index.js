/* Every component, under the name that pages/shared declares. */

export { default as sept_curate } from "./curate/index.js";
