/* What the map shows: loads points, clusters and colours, and colours the selection itself. */

import { bytes, json } from "../shared/fetching.js";
import { Latest } from "../shared/latest.js";
import { decoded, decodedShorts, palette, selectionClasses, selectionLegend } from "./model/colours.js";

export const OWN_COLOUR = ["selection", "Selection"];

export class Mapper {
  /** `onChange()` when points or clusters have arrived, `onFailed(reason)`. */
  constructor(map, legend, { onChange, onFailed }) {
    this.map = map;
    this.legend = legend;
    this.onChange = onChange;
    this.colour = OWN_COLOUR[0];
    this.points = this.clusters = this.colours = null;
    this.loading = {
      points: new Latest(bytes, (value) => this.takePoints(value), onFailed),
      clusters: new Latest(json, (value) => this.takeClusters(value), onFailed),
      colours: new Latest(json, (value) => this.takeColours(value), onFailed),
    };
  }

  /** Load points and clusters; null URLs stand for no map. */
  want({ points, clusters }) {
    if (!points) {
      if (this.points) this.clear();
      return;
    }
    this.loading.points.want(points);
    if (clusters) this.loading.clusters.want(clusters);
  }

  retry() {
    for (const loading of Object.values(this.loading)) loading.retry();
  }

  clear() {
    this.points = this.clusters = null;
    for (const loading of Object.values(this.loading)) loading.forget();
    this.map.takePoints(null);
    this.map.takeClusters(null);
    this.onChange();
  }

  takePoints(value) {
    this.points = new Uint16Array(value);
    this.map.takePoints(this.points);
    this.onChange();
  }

  takeClusters(value) {
    this.clusters = { ...value, of: decodedShorts(value.cluster) };
    this.map.takeClusters(this.clusters);
    this.onChange();
  }

  /** Colour by another choice; `url` is null for the selection. */
  colourBy(name, url) {
    if (this.colour !== name) {
      this.legend.reset();
      this.colours = null;
    }
    this.colour = name;
    if (url) this.loading.colours.want(url);
  }

  takeColours(value) {
    this.colours = { ...value, classes: decoded(value.classes) };
    this.onChange();
  }

  /** The fine cluster of a row, −1 without. */
  clusterOf = (row) => this.clusters?.of[row] ?? -1;

  /** The name of a cluster for people. */
  nameOf(cluster) {
    if (cluster === null || cluster < 0) return "";
    return this.clusters?.names[cluster] || `cluster ${cluster}`;
  }

  /** Colour the points by the selection, or by the loaded classes. */
  paint({ entries, marks, decided, found, dark, targets }) {
    if (!this.points) return;
    const count = this.points.length / 2;
    if (this.colour !== OWN_COLOUR[0]) {
      if (!this.colours || this.colours.classes.length !== count) return;
      const { classes, palette: colours, legend } = this.colours;
      this.map.paint({ classes, palette: colours, top: new Uint32Array(0), hidden: this.legend.hidden });
      const listed = legend.map((entry, i) => ({ class: entry.class ?? i, ...entry }));
      this.legend.show(listed, targets);
      return;
    }
    const { classes, top, counts } = selectionClasses(count, entries, marks, { found, decided });
    const colours = palette(dark);
    this.map.paint({ classes, palette: colours, top, hidden: this.legend.hidden });
    this.legend.show(selectionLegend(counts, colours), targets);
  }
}
