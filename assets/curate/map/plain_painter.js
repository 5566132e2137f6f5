/* Points in a 2D canvas, for browsers without WebGL; the same calls as the painter's. */

import { element } from "../../shared/elements.js";

const WHOLE = 65535;
const DISC = 3; // canvas pixels from which points are discs; smaller ones are squares

export class PlainPainter {
  constructor(to, disc = discOf) {
    this.to = to;
    this.disc = disc;
    this.points = new Uint16Array(0);
    this.kinds = new Uint8Array(0);
    this.palette = [];
    this.hidden = new Set();
  }

  /** Keep places, uint16 pairs. */
  takePoints(points) {
    this.points = points;
  }

  /** Keep the colour class of each point, one byte. */
  takeKinds(kinds) {
    this.kinds = kinds;
  }

  /** Keep the classes' colours; those of `hidden` classes are not drawn. */
  takePalette(palette, hidden) {
    this.palette = palette;
    this.hidden = hidden;
  }

  /** Start a frame. */
  begin(viewport) {
    this.viewport = viewport;
    this.to.clearRect(0, 0, viewport.width, viewport.height);
  }

  /** Draw `count` points, those of `rows` or the first ones; `size` is in canvas pixels. */
  draw({ count, rows }, size, alpha) {
    const { to, palette, hidden } = this;
    const byKind = Array.from(palette, () => []);
    for (let i = 0; i < count; i += 1) {
      const row = rows ? rows[i] : i;
      byKind[this.kinds[row]]?.push(row);
    }
    to.globalAlpha = alpha;
    byKind.forEach((members, kind) => {
      if (!members.length || hidden.has(kind)) return;
      to.fillStyle = palette[kind];
      const disc = size >= DISC ? this.disc(size, palette[kind]) : null;
      this.drawKind(members, size, disc);
    });
    to.globalAlpha = 1;
  }

  drawKind(members, size, disc) {
    const { to, points, viewport } = this;
    const { unit, width, height, x, y } = viewport;
    const [left, top] = [width / 2 - x * unit - size / 2, height / 2 + y * unit - size / 2];
    const scale = unit / WHOLE;
    for (const row of members) {
      if (points[2 * row] === WHOLE && points[2 * row + 1] === WHOLE) continue; // not on the map
      const right = left + points[2 * row] * scale;
      const down = top - points[2 * row + 1] * scale;
      if (right < -size || right > width || down < -size || down > height) continue;
      if (disc) to.drawImage(disc, right, down);
      else to.fillRect(right, down, size, size);
    }
  }
}

/** A picture of a disc. */
function discOf(size, colour) {
  const made = element("canvas");
  made.width = made.height = Math.ceil(size);
  const to = made.getContext("2d");
  to.fillStyle = colour;
  to.beginPath();
  to.arc(size / 2, size / 2, size / 2, 0, 2 * Math.PI);
  to.fill();
  return made;
}
