import assert from "node:assert/strict";
import { test } from "node:test";

import { partTest, stateTest } from "../../assets/curate/model/crossfilter.js";
import { Marks } from "../../assets/curate/model/marks.js";
import { arranged, sectionOf, sectionsOf } from "../../assets/curate/model/orders.js";
import {
  apportioned, countedParts, isMixed, named, partsOf, rebalanced, requestOf, summary, usedBy, withoutPart, withPart,
} from "../../assets/curate/model/recipe.js";
import { bounded, rowsOf, summary as weightsSaid, weightsOf } from "../../assets/curate/model/weights.js";

const sum = (values) => values.reduce((all, value) => all + value, 0);
const percents = (parts) => parts.map(({ percent }) => percent);

/* ---- recipe ---- */

test("shares are whole, at least 1, and sum to the total", () => {
  assert.deepEqual(apportioned([0.7, 0.2, 0.1], 100), [70, 20, 10], "exact shares stay");
  assert.deepEqual(apportioned([1, 1, 1], 100), [34, 33, 33]);
  assert.deepEqual(apportioned([1000, 1, 1], 100), [98, 1, 1]);
  assert.deepEqual(apportioned([0, 0], 10), [5, 5]);
});

test("moving one share keeps the sum at 100 and the proportions of the others", () => {
  assert.deepEqual(rebalanced([50, 30, 20], 0, 0), [1, 59, 40]);
  assert.deepEqual(rebalanced([50, 30, 20], 0, 100), [98, 1, 1]);
  assert.deepEqual(rebalanced([60, 20, 20], 2, 40), [45, 15, 40]);
  for (let value = -5; value < 110; value += 1) {
    const found = rebalanced([37, 21, 19, 13, 7, 3], 3, value);
    assert.equal(sum(found), 100);
    assert.ok(found.every((share) => share >= 1));
  }
  assert.deepEqual(rebalanced([100], 0, 40), [100], "a single part has everything");
});

test("parts are added and removed; one part is a plain strategy", () => {
  const before = { strategy: "instance-search", recipe: [] };
  const one = partsOf(before);
  const two = withPart(one, "random");
  assert.deepEqual(percents(two), [70, 30]);
  const three = withPart(two, "random");
  assert.equal(sum(percents(three)), 100);
  assert.deepEqual(named(three), ["instance-search", "random", "random 2"]);
  const made = requestOf(two, before, "instance-search");
  assert.deepEqual(made, { strategy: "instance-search", recipe: [
    { name: "instance-search", strategy: "instance-search", share: 0.7 },
    { name: "random", strategy: "random", share: 0.3 },
  ] });
  assert.deepEqual(requestOf(withoutPart(two, 0), made, "instance-search"), { strategy: "random", recipe: [] });
});

test("an untouched recipe keeps its names and exact shares", () => {
  const recipe = [{ name: "near", strategy: "instance-search", share: 0.333 },
    { name: "far", strategy: "random", share: 0.667 }];
  const request = { strategy: "instance-search", recipe };
  assert.deepEqual(requestOf(partsOf(request), request, "instance-search").recipe, recipe);
  assert.equal(summary(request), "33% near + 67% far");
  const strategies = [{ id: "instance-search" }, { id: "clusters" }, { id: "random" }];
  assert.deepEqual(usedBy(request, strategies).map(({ id }) => id), ["instance-search", "random"]);
  assert.deepEqual(usedBy({ strategy: "clusters", recipe: [] }, strategies), [{ id: "clusters" }]);
});

test("the grid filters, orders and counts by part", () => {
  const entries = ["a", "b", "", "a"].map((part, i) => ({ uid: String(i), part, similarity: i / 10 }));
  assert.deepEqual(entries.filter(partTest("a")).map(({ uid }) => uid), ["0", "3"]);
  assert.equal(partTest(""), null);
  const ordered = arranged(entries, "part");
  assert.deepEqual(ordered.map(({ uid }) => uid), ["3", "0", "1", "2"], "each part by similarity, pins last");
  assert.deepEqual(sectionsOf(ordered, sectionOf("part")).map(({ name, count }) => `${name} ${count}`),
    ["a 2", "b 1", "-1 1"]);
  const request = { recipe: [{ name: "b" }, { name: "a" }, { name: "c" }], with_target: true };
  assert.deepEqual(countedParts(request, entries).map(({ label, count, tone }) => `${label} ${count} ${tone}`),
    ["own 0 own", "b 1 0", "a 2 1", "c 0 2"]);
  assert.deepEqual([isMixed(request), isMixed({ recipe: [], with_target: false })], [true, false]);
});

test("images that the previous round did not have are found, ghosts are not", () => {
  const test_ = stateTest(new Marks(), "round", new Set(["a"]));
  const entries = [{ uid: "a" }, { uid: "b" }, { uid: "c", ghost: true }];
  assert.deepEqual(entries.filter(test_), [{ uid: "b" }]);
  assert.equal(stateTest(new Marks(), "round"), null, "without a previous round everything passes");
});

/* ---- weights ---- */

const TARGETS = [["pets", "cat"], ["pets", "dog"], ["pets", "cat"], ["food", null]]
  .map(([set, label], i) => ({ uid: String(i), set, label }));

test("the rows of weights are the chosen sets and their classes", () => {
  const rows = rowsOf({ sets: { food: 2 }, classes: { "pets/dog": 0.5 } }, ["pets", "food"], TARGETS);
  assert.deepEqual(rows.map(({ key, count, weight }) => `${key} ${count} ${weight}`),
    ["pets 3 1", "pets/cat 2 1", "pets/dog 1 0.5", "food 1 2"]);
  assert.deepEqual(weightsOf(rows), { sets: { food: 2 }, classes: { "pets/dog": 0.5 } });
  assert.deepEqual(weightsOf([], { x: 3 }), { images: { x: 3 } }, "weights of single images are kept");
});

test("weights are bounded as the engine bounds them", () => {
  assert.deepEqual(["0", "0.005", "1000", "2.345", "", "x"].map(bounded), [0.01, 0.01, 100, 2.35, null, null]);
  assert.equal(weightsSaid({}), "");
  assert.equal(weightsSaid({ sets: { a: 2 }, classes: { b: 0.5 } }), "weights 0.5 to 2");
});
