/* The density of the points as a grey background, for maps with more points than are drawn. */

import { element } from "../../shared/elements.js";
import { CELLS, density, opacities } from "./points.js";

const GREY = [120, 140, 136];

/** A square picture of the density of the points. */
export function groundOf(points) {
  const image = new ImageData(CELLS, CELLS);
  opacities(density(points)).forEach((opacity, cell) => {
    image.data.set([...GREY, opacity], cell * 4);
  });
  const ground = element("canvas");
  ground.width = ground.height = CELLS;
  ground.getContext("2d").putImageData(image, 0, 0);
  return ground;
}

/** Draw the background, if there is one, in the viewport. */
export function drawGround(canvas, ground, viewport) {
  const to = canvas.getContext("2d");
  to.clearRect(0, 0, canvas.width, canvas.height);
  if (!ground) return;
  const [left, top] = viewport.toScreen([0, 1]);
  to.drawImage(ground, left, top, viewport.unit, viewport.unit);
}
