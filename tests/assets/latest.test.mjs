import assert from "node:assert/strict";
import { test } from "node:test";

import { Failure } from "../../assets/shared/fetching.js";
import { Latest } from "../../assets/shared/latest.js";

/** A loader whose responses are controlled by the test, and its outcomes. */
function byHand() {
  const open = [];
  const said = [];
  const read = (url) => new Promise((resolve, reject) => open.push({ url, resolve, reject }));
  const latest = new Latest(
    read, (value) => said.push(`loaded ${value}`), (reason) => said.push(`failed ${reason}`));
  return { latest, open, said };
}

test("a URL is loaded once", async () => {
  const { latest, open, said } = byHand();
  const done = latest.want("a");
  latest.want("a");
  open[0].resolve(1);
  await done;
  await latest.want("a");
  assert.deepEqual([open.length, said], [1, ["loaded 1"]]);
});

test("a response that arrives after the next URL is dropped, and so is its failure", async () => {
  const { latest, open, said } = byHand();
  const all = ["a", "b", "c"].map((url) => latest.want(url));
  open[2].resolve(3);
  open[0].resolve(1);
  open[1].reject(new Failure("gone"));
  await Promise.all(all);
  assert.deepEqual([said, latest.failed], [["loaded 3"], false]);
});

test("a failed URL is loaded again when wanted or retried", async () => {
  const { latest, open, said } = byHand();
  await latest.retry(); // nothing failed yet
  for (const again of [() => latest.want("a"), () => latest.want("a"), () => latest.retry()]) {
    const done = again();
    open.at(-1).reject(new Failure("no answer"));
    await done;
  }
  const done = latest.retry();
  open.at(-1).resolve(1);
  await done;
  assert.deepEqual(open.map(({ url }) => url), ["a", "a", "a", "a"]);
  assert.deepEqual(said, [...Array(3).fill("failed no answer"), "loaded 1"]);
});

test("a forgotten URL is loaded again", async () => {
  const { latest, open } = byHand();
  latest.want("a");
  latest.forget();
  latest.want("a");
  assert.equal(open.length, 2);
});

test("our own errors are not treated as failed requests", async () => {
  const latest = new Latest(async () => { throw new TypeError("ours"); }, () => {}, assert.fail);
  await assert.rejects(latest.want("a"), TypeError);
});
