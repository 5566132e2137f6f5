/* The layer above the points: target images, rings around marked images, the area. */

const OUTLINE = "#101413"; // of glyphs, which have light colours
const AREA_FILL = "rgb(15 138 128 / .12)";

/** Draw the layer on a 2D context.

    `targets`: {places} of each set; `glyphs`: their colours; `marks`: places; `area`: corners;
    `colours`: {ground, text, primary}. */
export function drawOverlay(to, viewport, { targets, glyphs, marks, area, colours }) {
  to.clearRect(0, 0, viewport.width, viewport.height);
  drawTargets(to, viewport, targets, glyphs);
  const scale = crowd(marks.length) * viewport.ratio;
  rings(to, viewport, marks, scale, 5, colours.ground); // separates the ring from the points below
  rings(to, viewport, marks, scale, 2, colours.text);
  if (area.length > 1) drawArea(to, viewport, area, colours.primary);
}

/** The scale of glyphs and rings by their number: 1 up to 150, then less. */
export function crowd(count) {
  return Math.max(0.4, Math.min(1, Math.sqrt(150 / Math.max(1, count))));
}

function drawTargets(to, viewport, targets, glyphs) {
  const count = targets.reduce((sum, set) => sum + set.places.length, 0);
  const scale = crowd(count) * viewport.ratio; // thousands of glyphs must not hide the pool
  to.lineWidth = 1.5 * scale;
  targets.forEach((set, index) => {
    to.strokeStyle = OUTLINE;
    to.fillStyle = glyphs[index];
    for (const place of set.places) glyph(to, index, viewport.toScreen(place), 5 * scale);
  });
}

/** Rings around places, the first one larger. */
function rings(to, viewport, marks, scale, width, colour) {
  to.strokeStyle = colour;
  to.lineWidth = width * scale;
  marks.forEach((place, index) => {
    to.beginPath();
    to.arc(...viewport.toScreen(place), (index ? 6 : 9) * scale, 0, 7);
    to.stroke();
  });
}

function drawArea(to, viewport, area, colour) {
  to.beginPath();
  outline(to, area.map((corner) => viewport.toScreen(corner)));
  to.strokeStyle = colour;
  to.fillStyle = AREA_FILL;
  to.lineWidth = 2 * viewport.ratio;
  to.fill();
  to.stroke();
}

/** One shape for each target set, with an outline. */
function glyph(to, index, [x, y], size) {
  const shapes = [
    [[0, -1], [1, 0.8], [-1, 0.8]],
    [[-0.8, -0.8], [0.8, -0.8], [0.8, 0.8], [-0.8, 0.8]],
    [[0, -1], [1, 0], [0, 1], [-1, 0]],
  ];
  const shape = shapes[index % 4];
  to.beginPath();
  if (shape) outline(to, shape.map(([right, down]) => [x + right * size, y + down * size]));
  else to.arc(x, y, size, 0, 7);
  to.closePath();
  to.fill();
  to.stroke();
}

function outline(to, corners) {
  corners.forEach(([x, y], i) => {
    if (i) to.lineTo(x, y);
    else to.moveTo(x, y);
  });
  to.closePath();
}
