import assert from "node:assert/strict";
import { test } from "node:test";

import { asked } from "../../assets/grid/keys.js";
import { Layout } from "../../assets/grid/layout.js";
import { Marks } from "../../assets/grid/marks.js";
import { described, told } from "../../assets/grid/reasons.js";
import { counted } from "../../assets/grid/saving.js";
import { Selection } from "../../assets/grid/selection.js";

const WIDTH = 420; // three columns of 140
const plain = (count) => new Layout(Array(count).fill(0), false, WIDTH);
const divided = new Layout([0, 0, 0, 1, 2, 2], true, WIDTH); // two columns of images

const shape = (layout) => layout.rows.map(({ first, count, head }) => [first, count, head]);

test("tiles fill the width in rows", () => {
  const layout = plain(7);
  assert.deepEqual(shape(layout), [[0, 3, false], [3, 3, false], [6, 1, false]]);
  assert.deepEqual([layout.rowHeight, layout.side, layout.height], [140, 132, 428]);
  assert.deepEqual([...layout.rowOf], [0, 0, 0, 1, 1, 1, 2]);
  assert.equal(new Layout([0, 0], false, 50).rows.length, 1, "two columns at least");
});

test("each section begins a row; its first row has the head", () => {
  assert.deepEqual(shape(divided), [[0, 2, true], [2, 1, false], [3, 1, true], [4, 2, true]]);
});

test("rows and items in view", () => {
  const layout = plain(30);
  assert.deepEqual(layout.rowsIn(0, 420), [0, 3]);
  assert.deepEqual(layout.rowsIn(150, 420), [1, 5]);
  assert.deepEqual(layout.rowsIn(150, 420, 3), [0, 8]);
  assert.deepEqual(layout.itemsIn(140, 280), [3, 8]);
  assert.deepEqual(plain(0).rowsIn(0, 420), [0, 0]);
});

test("scrolling goes no further than needed", () => {
  const layout = plain(30);
  assert.equal(layout.scrollFor(4, 0, 420), 0);
  assert.equal(layout.scrollFor(0, 300, 420), 0);
  assert.equal(layout.scrollFor(9, 0, 420), 3 * 140 + 140 + 8 - 420);
});

test("keys go through rows and columns and stop at the ends", () => {
  const layout = plain(7);
  const go = (from, key) => layout.neighbour(from, key, 280);
  assert.deepEqual([go(2, "ArrowRight"), go(6, "ArrowRight"), go(0, "ArrowLeft")], [3, 6, 0]);
  assert.deepEqual([go(1, "ArrowDown"), go(5, "ArrowDown"), go(5, "ArrowUp")], [4, 6, 2]);
  assert.deepEqual([go(1, "PageDown"), go(6, "PageUp")], [6, 0]);
  assert.deepEqual([go(3, "Home"), go(3, "End"), go(3, "Tab")], [0, 6, undefined]);
  assert.equal(divided.neighbour(1, "ArrowDown", 280), 2, "a short row keeps its last image");
});

test("each key has one command, and none with Ctrl, Alt or Cmd", () => {
  const press = (key, held = {}) => asked({ key, ...held });
  assert.deepEqual(press("X"), { decide: "veto" });
  assert.deepEqual(press(" "), { run: "zoom" });
  assert.deepEqual(press("ArrowUp", { shiftKey: true }), { go: "ArrowUp", extend: true });
  for (const held of ["ctrlKey", "metaKey", "altKey"]) assert.equal(press("x", { [held]: true }), null);
  assert.deepEqual(press("constructor"), { go: "constructor", extend: false });
});

test("a range grows from its anchor and returns the changed tiles", () => {
  const selection = new Selection();
  assert.deepEqual(selection.move(4, false), [0, 4]);
  assert.deepEqual(selection.move(2, true), [2, 4]);
  assert.deepEqual([selection.range, selection.has(3), selection.isOne], [[2, 4], true, false]);
  assert.deepEqual(selection.move(5, false), [2, 5]);
  assert.ok(selection.isOne && !selection.has(4));
});

test("marks are counted for the sheet only, through changes and undone ones", () => {
  const marks = new Marks();
  marks.adopt([["a", "veto"], ["elsewhere", "keep"]]);
  marks.countIn(["a", "b", "c"]);
  marks.set("b", "negative");
  marks.set("c", "pin");
  marks.set("c", "keep");
  assert.deepEqual(marks.counts, { veto: 2, keep: 1, pin: 0 });
  marks.set("b", undefined);
  assert.deepEqual([marks.of("b"), marks.counts.veto, marks.size], [undefined, 1, 3]);
  assert.equal(counted(1200, marks.counts), "1,200 images · 1 vetoed · 1 kept · 0 pinned");
});

test("reasons in words", () => {
  const facts = { mark: "veto", rank: null, similarity: -1, phase: "fill", uid: "u" };
  const words = { Decision: "veto", Rank: "–", Similarity: "–", Phase: "fill", Image: "u" };
  assert.deepEqual(described(facts), words);
  assert.equal(described({ ...facts, similarity: 0.5 }).Similarity, "0.500");
  const undone = { at: 0, who: "ada", action: "veto", scope: "group", reason: "", stands: false };
  assert.match(told(undone), /^veto by ada, .* · scope group · undone$/);
});
