import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox } from "../../assets/curate/model/outbox.js";
import { Deciding } from "../../assets/curate/deciding.js";
import { saving } from "../../assets/curate/model/saving.js";
import * as storage from "../../assets/shared/storage.js";

/** The storage of a tab; `write` may throw, as if it were full. */
function tab(write = (map, key, value) => map.set(key, value)) {
  const map = new Map();
  const store = () => ({
    getItem: (key) => map.get(key) ?? null, setItem: (key, value) => write(map, key, value),
  });
  return {
    map,
    recall: (key, otherwise) => storage.recall(key, otherwise, store),
    keep: (key, value) => storage.keep(key, value, store),
  };
}

const steps = (outbox) => outbox.pending.map(([, number, action, uids]) => [number, action, ...uids]);

test("a step stays until its client's number is acknowledged", () => {
  const outbox = new Outbox("s1", tab());
  outbox.add("veto", ["a"]);
  outbox.add("undo", []);
  outbox.add("keep", ["b", "c"]);
  outbox.acknowledge({ [outbox.client]: 2, other: 99 });
  assert.deepEqual(steps(outbox), [[3, "keep", "b", "c"]]);
  outbox.acknowledge({ [outbox.client]: 3 });
  assert.deepEqual(outbox.pending, []);
});

test("pending steps survive a reload under their old client; new ones have another", () => {
  const kept = tab();
  const before = new Outbox("s1", kept);
  before.add("veto", ["a"]);
  const after = new Outbox("s1", kept);
  assert.deepEqual(after.pending, [[before.client, 1, "veto", ["a"], "image", "", null]]);
  after.add("pin", ["b"]);
  assert.notEqual(after.client, before.client);
  after.acknowledge({ [before.client]: 1 });
  assert.deepEqual(steps(after), [[1, "pin", "b"]]);
  assert.deepEqual(new Outbox("s2", kept).pending, [], "each selection has its own");
});

test("a full storage loses no step and is reported", () => {
  const full = tab(() => { throw new DOMException("full", "QuotaExceededError"); });
  const outbox = new Outbox("s1", full);
  assert.ok(outbox.kept);
  outbox.add("veto", ["a"]);
  assert.deepEqual([steps(outbox), outbox.kept], [[[1, "veto", "a"]], false]);
  outbox.acknowledge({ [outbox.client]: 1 });
  assert.deepEqual(outbox.pending, []);
});

test("a forbidden storage is like an empty one", () => {
  const forbidden = () => { throw new DOMException("denied", "SecurityError"); };
  assert.deepEqual(storage.recall("k", [], forbidden), []);
  assert.equal(storage.keep("k", [1], forbidden), false);
});

test("a stored value that is not a list of steps is ignored", () => {
  for (const odd of ["{", "null", "7", '{"a": 1}']) {
    const kept = tab();
    kept.map.set("sept-pending:s1", odd);
    assert.deepEqual(new Outbox("s1", kept).pending, []);
  }
});

test("the bar shows what is saved, and when the tab must stay open", () => {
  const state = (progress) =>
    saving({ waiting: 2, late: false, error: null, kept: true, ...progress });
  assert.deepEqual(state({ waiting: 0 }), { state: "saved", sentence: "saved", canSend: false });
  assert.deepEqual(state({}), { state: "saving", sentence: "saving 2", canSend: false });
  assert.match(state({ late: true }).sentence, /^2 not saved yet: the app does not respond/);
  assert.doesNotMatch(state({ late: true }).sentence, /Keep this tab open/);
  assert.match(state({ late: true, kept: false }).sentence, /Keep this tab open/);
  const failed = state({ late: true, error: "The disk is full." });
  assert.deepEqual([failed.state, failed.canSend], ["failed", true]);
  assert.match(failed.sentence, /^2 not saved: The disk is full\./);
});

/** A browser side that decides, and what it posts. */
function deciding() {
  const posts = [];
  const made = new Deciding((name, value) => posts.push([name, value]), () => {});
  const data = (more) => ({ context: "t", acknowledged: {}, marks: {}, error: null, vetoed_targets: [], ...more });
  made.update(data());
  return { made, posts, data };
}

const latest = (made) => ({ [made.outbox.client]: made.outbox.number });

test("marks change at once; the server's replace them only when nothing waits", () => {
  const { made, posts, data } = deciding();
  made.decide("veto", ["a", "b"]);
  made.update(data());
  assert.equal(made.marks.of("a"), "veto", "the server does not know it yet");
  made.send();
  const [[name, { context, steps }]] = posts;
  assert.deepEqual([name, context, steps[0].slice(1)], ["outbox", "t", [1, "veto", ["a", "b"], "image", "", null]]);
  made.update(data({ acknowledged: latest(made), marks: { a: "keep" } }));
  assert.deepEqual([made.marks.of("a"), made.marks.of("b"), made.waiting], ["keep", undefined, 0]);
  made.stop();
});

test("undo and redo restore this tab's marks at once", () => {
  const { made } = deciding();
  made.decide("keep", ["a"]);
  made.decide("veto", ["a"]);
  made.undo();
  assert.equal(made.marks.of("a"), "keep");
  made.redo();
  assert.equal(made.marks.of("a"), "veto");
  made.undo();
  made.undo();
  made.undo(); // of an earlier visit: the server knows it
  assert.equal(made.marks.of("a"), undefined);
  assert.deepEqual(made.outbox.pending.map((step) => step[2]), ["keep", "veto", "undo", "redo", "undo", "undo", "undo"]);
  made.stop();
});

test("a vetoed target is used again by keeping it; images stay unmarked", () => {
  const { made } = deciding();
  made.decide("veto", ["t"], { scope: "target" });
  assert.deepEqual([made.vetoedTargets.has("t"), made.marks.of("t")], [true, undefined]);
  made.decide("keep", ["t"], { scope: "target" });
  assert.equal(made.vetoedTargets.has("t"), false);
  made.stop();
});

test("steps without an answer are sent again, and the status says so", () => {
  const { made, posts, data } = deciding();
  made.decide("veto", ["a"]);
  made.send();
  made.wait(); // the timer of patience
  assert.deepEqual([made.late, posts.length], [true, 2]);
  made.update(data({ acknowledged: latest(made), marks: { a: "veto" } }));
  assert.deepEqual([made.late, made.waiting], [false, 0]);
  made.wait();
  assert.equal(posts.length, 2, "nothing waits any more");
  made.stop();
});
