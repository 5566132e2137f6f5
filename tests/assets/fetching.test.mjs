import assert from "node:assert/strict";
import { test } from "node:test";

import * as fetching from "../../assets/shared/fetching.js";

const answer = (body, status = 200, type = "application/json") =>
  async () => new Response(body, { status, headers: { "content-type": type } });

test("an answer is read as it is asked for", async () => {
  assert.deepEqual(await fetching.json("/x", answer('{"a": 1}')), { a: 1 });
  assert.equal(await fetching.text("/x", answer("a")), "a");
  assert.equal((await fetching.bytes("/x", answer("abc"))).byteLength, 3);
});

test("a failure carries the server's sentence", async () => {
  const gone = answer("There is no selection s1.", 404, "text/plain; charset=utf-8");
  await assert.rejects(fetching.json("/x", gone), new fetching.Failure("There is no selection s1."));
});

test("a proxy's page and an empty answer are named by their status", async () => {
  const told = new fetching.Failure("The app answered with status 502.");
  await assert.rejects(fetching.json("/x", answer("<h1>Bad</h1>", 502, "text/html")), told);
  await assert.rejects(fetching.json("/x", answer("", 502, "text/plain")), told);
});

test("no server and half an answer are failures, too", async () => {
  const refused = async () => { throw new TypeError("Failed to fetch"); };
  await assert.rejects(fetching.json("/x", refused), new fetching.Failure("The app does not answer."));
  await assert.rejects(fetching.json("/x", answer('{"a"')), new fetching.Failure("The answer was cut off."));
});
