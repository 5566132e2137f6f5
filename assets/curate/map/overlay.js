/* The layer above the points: target images, rings around images, the area. */

const AREA_FILL = "rgb(15 138 128 / .12)";

/** Draw the layer on a 2D context.

    `targets`: {place, set} of each image, `set` the number of its target set; `current` and
    `hovered`: places or null; `area`: corners; `colours`: {ground, text, primary, ring}. */
export function drawOverlay(to, viewport, { targets, current, hovered, area, colours }) {
  to.clearRect(0, 0, viewport.width, viewport.height);
  drawTargets(to, viewport, targets, colours);
  if (area.length > 1) drawArea(to, viewport, area, colours.primary);
  if (current) ring(to, viewport, current, 9, colours.ring, colours.ground);
  if (hovered) ring(to, viewport, hovered, 7, colours.text, colours.ground);
}

/** The scale of glyphs and rings by their number: 1 up to 150, then less. */
export function crowd(count) {
  return Math.max(0.4, Math.min(1, Math.sqrt(150 / Math.max(1, count))));
}

function drawTargets(to, viewport, targets, { text, ground }) {
  const scale = crowd(targets.length) * viewport.ratio; // many glyphs must not hide the pool
  to.lineWidth = 1.5 * scale;
  to.strokeStyle = text;
  to.fillStyle = ground;
  for (const { place, set } of targets) {
    if (place) glyph(to, set, viewport.toScreen(place), 5 * scale);
  }
}

/** A ring around a place, set off from the points below it. */
function ring(to, viewport, place, radius, colour, ground) {
  for (const [width, style] of [[5, ground], [2.5, colour]]) {
    to.beginPath();
    to.arc(...viewport.toScreen(place), radius * viewport.ratio, 0, 7);
    to.lineWidth = width * viewport.ratio;
    to.strokeStyle = style;
    to.stroke();
  }
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
