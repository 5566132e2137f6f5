/* The part of the map in view, and the conversion between places and pixels.

   Places are in 0..1, y upwards. Pixels are of the canvas or, where stated, of the page; y
   downwards. */

const LEAST_ZOOM = 0.5;
const MOST_ZOOM = 200;

export class Viewport {
  constructor() {
    this.resize(1, 1, 1);
    this.whole();
  }

  whole() {
    this.x = this.y = 0.5;
    this.zoom = 1;
  }

  /** Set the size of the element in page pixels, and the canvas pixels per page pixel. */
  resize(width, height, ratio) {
    this.width = Math.max(1, Math.round(width * ratio));
    this.height = Math.max(1, Math.round(height * ratio));
    this.ratio = this.width / Math.max(1, width);
  }

  /** Canvas pixels per unit of the map. */
  get unit() {
    return Math.min(this.width, this.height) * this.zoom;
  }

  /** Page pixels per unit of the map. */
  get pageUnit() {
    return this.unit / this.ratio;
  }

  /** Canvas pixel of a place. */
  toScreen([x, y]) {
    const { unit } = this;
    return [this.width / 2 + (x - this.x) * unit, this.height / 2 - (y - this.y) * unit];
  }

  /** Place at a page pixel from the map's upper left corner. */
  toMap([left, top]) {
    const { unit, ratio } = this;
    return [
      this.x + (left * ratio - this.width / 2) / unit,
      this.y - (top * ratio - this.height / 2) / unit,
    ];
  }

  /** Pan by page pixels, from another centre if one is given. */
  shift(right, up, { x, y } = this) {
    this.x = x + right / this.pageUnit;
    this.y = y + up / this.pageUnit;
  }

  zoomBy(factor) {
    this.zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, this.zoom * factor));
  }

  /** Zoom around a page pixel, whose place stays fixed. */
  zoomAt(pixel, factor) {
    const before = this.toMap(pixel);
    this.zoomBy(factor);
    const after = this.toMap(pixel);
    this.x += before[0] - after[0];
    this.y += before[1] - after[1];
  }

  /** Least and greatest x and y in view. */
  get bounds() {
    const across = this.width / 2 / this.unit;
    const up = this.height / 2 / this.unit;
    return { left: this.x - across, right: this.x + across, low: this.y - up, high: this.y + up };
  }

  /** Factors and offsets from places to WebGL's -1..1. */
  get clip() {
    const sx = (2 * this.unit) / this.width;
    const sy = (2 * this.unit) / this.height;
    return { scale: [sx, sy], shift: [-this.x * sx, -this.y * sy] };
  }
}
