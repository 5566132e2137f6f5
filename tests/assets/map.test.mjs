import assert from "node:assert/strict";
import { test } from "node:test";

import { Gesture, toolOf } from "../../assets/map/gesture.js";
import { asked, wheelZoom } from "../../assets/map/keys.js";
import { crowd } from "../../assets/map/overlay.js";
import { box, targetAt, thinned } from "../../assets/map/picking.js";
import { density, drawn, look, opacities, told } from "../../assets/map/points.js";
import { Viewport } from "../../assets/map/viewport.js";

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

test("the map shows the number of its images", () => {
  assert.equal(told(161, 161, 161), "161 images");
  assert.equal(told(2000, 2000, 300000), "2,000 images in view");
  assert.equal(told(250000, 300000, 1000000), "250,000 of 300,000 images in view drawn");
  assert.ok(look(200000, 1).size < look(100, 1).size && look(200000, 1).alpha < look(100, 1).alpha);
  assert.equal(look(100, 100).size, look(100, 7).size);
});

test("the density counts cells from the top, and empty ones are clear", () => {
  assert.deepEqual([...density(points, 2)], [0, 2, 2, 0]);
  const shown = opacities(Uint32Array.from([0, 1, 100]));
  assert.deepEqual([shown[0], shown[2]], [0, 190]);
  assert.ok(shown[1] > 40 && shown[1] < 190);
});

test("a target is picked within reach, the first of several", () => {
  const sets = [{ uids: ["a"], places: [[0.5, 0.5]] }, { uids: ["b", "c"], places: [[0.51, 0.5], [0, 0]] }];
  assert.equal(targetAt(sets, [0.505, 0.5], 0.02), "a");
  assert.equal(targetAt(sets, [0.001, 0], 0.02), "c");
  assert.equal(targetAt(sets, [0.2, 0.2], 0.02), null);
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
