import assert from "node:assert/strict";
import { PlainPainter } from "../../assets/curate/map/plain_painter.js";
import { test } from "node:test";

import { Gesture, toolOf } from "../../assets/curate/map/gesture.js";
import { asked, wheelZoom } from "../../assets/curate/map/keys.js";
import { crowd } from "../../assets/curate/map/overlay.js";
import { areaTest, box, thinned } from "../../assets/curate/model/area.js";
import { Cells, targetAt } from "../../assets/curate/model/cells.js";
import { hiddenAfter, selectionClasses, selectionLegend } from "../../assets/curate/model/colours.js";
import { levelOf, placedLabels } from "../../assets/curate/model/labels.js";
import { Marks } from "../../assets/curate/model/marks.js";
import { density, drawn, look, opacities, told } from "../../assets/curate/map/points.js";
import { Viewport } from "../../assets/curate/map/viewport.js";

function viewport() {
  const view = new Viewport();
  view.resize(400, 200, 2); // page pixels; the canvas has twice as many
  return view;
}

const near = (found, expected) =>
  found.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-9, `${found}`));

test("places and pixels convert into each other", () => {
  const view = viewport();
  near(view.toScreen([0.5, 0.5]), [400, 200]);
  near(view.toScreen([1, 1]), [600, 0]);
  near(view.toMap([300, 0]), [1, 1]);
  view.zoomBy(3);
  view.shift(40, -7);
  const [x, y] = view.toScreen([0.3, 0.8]);
  near(view.toMap([x / 2, y / 2]), [0.3, 0.8]);
  const { scale, shift } = view.clip;
  near([0.3 * scale[0] + shift[0], 0.8 * scale[1] + shift[1]], [x / 400 - 1, 1 - y / 200]);
});

test("zooming keeps the place under the pointer, within limits", () => {
  const view = viewport();
  const before = view.toMap([33, 44]);
  view.zoomAt([33, 44], 5);
  near(view.toMap([33, 44]), before);
  for (let i = 0; i < 9; i += 1) view.zoomBy(1000);
  assert.equal(view.zoom, 200);
  for (let i = 0; i < 9; i += 1) view.zoomBy(0.001);
  assert.equal(view.zoom, 0.5);
  view.whole();
  near([view.x, view.y, view.zoom], [0.5, 0.5, 1]);
  near([view.bounds.left, view.bounds.right, view.bounds.low, view.bounds.high], [-0.5, 1.5, 0, 1]);
});

test("a hidden element has a canvas of one pixel", () => {
  const view = new Viewport();
  view.resize(0, 0, 2);
  assert.deepEqual([view.width, view.height], [1, 1]);
  view.toMap([0, 0]).forEach((value) => assert.ok(Number.isFinite(value)));
});

test("a click may move a little; a drag draws, boxes or pans", () => {
  const click = new Gesture("lasso", [10, 10], viewport());
  assert.equal(click.follow([13, 12]), false);
  assert.deepEqual([click.moved, click.area], [false, null]);
  const lasso = new Gesture("lasso", [100, 0], viewport());
  lasso.follow([300, 0]);
  assert.equal(lasso.area, null, "two corners are no area");
  lasso.follow([300, 200]);
  assert.deepEqual(lasso.area, [[0, 1], [1, 1], [1, 0]]);
  const boxed = new Gesture("box", [100, 0], viewport());
  boxed.follow([200, 100]);
  boxed.follow([300, 200]);
  assert.deepEqual(boxed.area, [[0, 1], [1, 1], [1, 0], [0, 0]]);
  const view = viewport();
  const pan = new Gesture("pan", [0, 0], view);
  pan.follow([50, 20]);
  pan.follow([100, 50]);
  near([view.x, view.y], [0, 0.75]);
  assert.deepEqual([pan.pans, pan.area], [true, null]);
});

test("the middle button and the shift key pan with every tool", () => {
  assert.equal(toolOf({ button: 0, shiftKey: false }, "box"), "box");
  assert.equal(toolOf({ button: 1, shiftKey: false }, "box"), "pan");
  assert.equal(toolOf({ button: 0, shiftKey: true }, "lasso"), "pan");
});

test("keys", () => {
  assert.deepEqual(asked({ key: "B" }), { pick: "box" });
  assert.deepEqual(asked({ key: "ArrowUp" }), { shift: [0, 60] });
  assert.deepEqual(asked({ key: "Escape" }), { run: "clear" });
  assert.deepEqual(asked({ key: "0" }), { run: "whole" });
  for (const key of ["q", "Tab", "constructor"]) assert.equal(asked({ key }), null);
  assert.equal(asked({ key: "l", ctrlKey: true }), null);
  assert.equal(wheelZoom({ deltaY: -3, deltaMode: 1 }), wheelZoom({ deltaY: -90, deltaMode: 0 }));
});

const points = new Uint16Array([0, 0, 65535, 65535, 32768, 32768, 100, 100]);
const all = { left: -1, right: 2, low: -1, high: 2 };
const corner = { left: 0, right: 0.1, low: 0, high: 0.1 };

test("few points are all drawn, many only if they are in view", () => {
  assert.deepEqual(drawn(points, 4, corner, false), { count: 4, inView: 4, rows: null });
  const part = drawn(points, 4, corner, false, 3);
  assert.deepEqual([part.count, part.inView, [...part.rows]], [2, 2, [0, 3]]);
  const cut = drawn(points, 4, all, false, 3);
  assert.deepEqual([cut.count, cut.inView, [...cut.rows]], [3, 4, [0, 1, 2]]);
  assert.equal(drawn(points, 4, corner, true, 3).rows, null, "a prefix while moving");
  assert.equal(drawn(points, 1_000_000, all, true).count, 60_000);
});

test("the map says when it draws a part of its points", () => {
  assert.equal(told(161, 161), "");
  assert.equal(told(250000, 300000), "250,000 of 300,000 points in view drawn");
  assert.ok(look(200000, 1).size < look(100, 1).size && look(200000, 1).alpha < look(100, 1).alpha);
  assert.equal(look(100, 100).size, look(100, 7).size);
});

test("the density counts cells from the top without points that are not on the map", () => {
  assert.deepEqual([...density(points, 2)], [0, 1, 2, 0]);
  const shown = opacities(Uint32Array.from([0, 1, 100]));
  assert.deepEqual([shown[0], shown[2]], [0, 190]);
  assert.ok(shown[1] > 40 && shown[1] < 190);
});

test("a target is picked within reach, the first of several", () => {
  const targets = [{ uid: "a", place: [0.5, 0.5] }, { uid: "b", place: null },
    { uid: "c", place: [0.51, 0.5] }, { uid: "d", place: [0, 0] }];
  assert.equal(targetAt(targets, [0.505, 0.5], 0.02).uid, "a");
  assert.equal(targetAt(targets, [0.001, 0], 0.02).uid, "d");
  assert.equal(targetAt(targets, [0.2, 0.2], 0.02), null);
});

test("the nearest point is found by cell, without those that are not on the map or hidden", () => {
  const random = Uint16Array.from({ length: 4000 }, (_, i) => (i * 40503) % 65536);
  random.set([65535, 65535], 20);
  const cells = new Cells(random);
  const slow = ([x, y], passes) => {
    let best = [Infinity, -1];
    for (let row = 0; row < 2000; row += 1) {
      const far = (random[2 * row] - x * 65535) ** 2 + (random[2 * row + 1] - y * 65535) ** 2;
      if (row !== 10 && passes(row) && far < best[0]) best = [far, row];
    }
    return best;
  };
  for (const place of [[0.1, 0.2], [0.5, 0.5], [0.999, 0.001], [1, 1]]) {
    for (const passes of [() => true, (row) => row % 2 === 0]) {
      const row = cells.nearest(place, 2, passes);
      const [expected] = slow(place, passes);
      const far = (random[2 * row] - place[0] * 65535) ** 2 + (random[2 * row + 1] - place[1] * 65535) ** 2;
      assert.equal(far, expected);
    }
  }
  assert.equal(cells.nearest([0.1, 0.2], 0), -1);
});

test("an area holds the points inside its corners", () => {
  const test = areaTest(points, box([0.4, 0.4], [0.6, 0.6]));
  assert.deepEqual([0, 1, 2, 3].map(test), [false, false, true, false]);
  assert.equal(areaTest(points, []), null);
  const whole = areaTest(points, box([-0.1, -0.1], [1.1, 1.1]));
  assert.equal(whole(1), false, "65535, 65535 is not on the map");
});

test("the selection is coloured in the browser, with counts that add up", () => {
  const marks = new Marks();
  marks.adopt([["a", "veto"], ["b", "keep"]]);
  const entry = (uid, row, more) => ({ uid, row, ghost: false, fresh: false, ...more });
  const entries = [entry("a", 0, { ghost: true }), entry("b", 1), entry("c", 2), entry("d", 3, { fresh: true })];
  const { classes, top, counts } = selectionClasses(6, entries, marks, { decided: [{ row: 5, action: "pin" }] });
  assert.deepEqual([...classes], [3, 4, 1, 2, 0, 5]);
  assert.deepEqual([...top], [5, 0, 1, 2, 3]);
  assert.deepEqual(counts, [1, 1, 1, 1, 1, 1, 0]);
  const legend = selectionLegend(counts, ["#a"]);
  assert.deepEqual(legend.map(({ label }) => label), ["pool", "selected", "new", "vetoed", "kept", "pinned"]);
});

test("a click hides a class, a double click shows it alone or all again", () => {
  const all = [0, 1, 2];
  assert.deepEqual([...hiddenAfter(new Set(), 1, all, false)], [1]);
  assert.deepEqual([...hiddenAfter(new Set([1]), 1, all, false)], []);
  assert.deepEqual([...hiddenAfter(new Set(), 1, all, true)], [0, 2]);
  assert.deepEqual([...hiddenAfter(new Set([0, 2]), 1, all, true)], []);
});

test("labels do not overlap, large clusters come first, coarse ones when zoomed out", () => {
  const clusters = { names: ["a", "b", "c", "d"], counts: [5, 9, 1, 15], parent: [3, 3, 3],
    centres: [[0.5, 0.5], [0.51, 0.5], [0.1, 0.1], [0.4, 0.4]] };
  assert.deepEqual(levelOf(clusters, 1), [3]);
  assert.deepEqual(levelOf(clusters, 3), [0, 1, 2]);
  assert.deepEqual(levelOf({ ...clusters, parent: null }, 1), [0, 1, 2, 3]);
  const toPage = ([x, y]) => [x * 1000, y * 1000];
  const placed = placedLabels(clusters, 3, toPage, { width: 1000, height: 1000 });
  assert.deepEqual(placed.map(({ cluster }) => cluster), [1, 2]);
});

test("an area is sent with at most 80 rounded corners", () => {
  const corners = Array.from({ length: 1000 }, (_, i) => [i / 3000, 1 / 3]);
  assert.ok(thinned(corners).length <= 80);
  assert.deepEqual(thinned(box([0.123456, 0], [1, 1])), [[0.1235, 0], [1, 0], [1, 1], [0.1235, 1]]);
  assert.deepEqual(thinned([]), []);
});

test("glyphs shrink when there are many", () => {
  assert.deepEqual([crowd(0), crowd(150), crowd(600), crowd(100000)], [1, 1, 0.5, 0.4]);
});

test("without WebGL, points are drawn where they are, in the colours of their classes", () => {
  const calls = [];
  const to = {
    clearRect() {},
    fillRect(...at) { calls.push([this.fillStyle, ...at.map(Math.round)]); },
    drawImage(disc, ...at) { calls.push([disc, ...at.map(Math.round)]); },
  };
  const painter = new PlainPainter(to, (size, colour) => `disc ${colour} ${size}`);
  painter.takePoints(new Uint16Array([0, 0, 65535, 0, 32768, 32768, 65535, 65535]));
  painter.takeKinds(new Uint8Array([0, 1, 2, 0]));
  painter.takePalette(["red", "green", "blue"], new Set([1]));
  const viewport = new Viewport();
  viewport.resize(100, 100, 1);
  painter.begin(viewport);
  painter.draw({ count: 4, rows: null }, 2, 1);
  assert.deepEqual(calls, [["red", -1, 99, 2, 2], ["blue", 49, 49, 2, 2]]);
  calls.length = 0;
  painter.draw({ count: 1, rows: new Uint32Array([2]) }, 10, 1);
  assert.deepEqual(calls, [["disc blue 10", 45, 45]]);
});
