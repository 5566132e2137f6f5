import assert from "node:assert/strict";
import { test } from "node:test";

import * as fetching from "../../assets/shared/fetching.js";

const answer = (body, status = 200, type = "application/json") =>
  async () => new Response(body, { status, headers: { "content-type": type } });

test("a response is read in the requested form", async () => {
  assert.deepEqual(await fetching.json("/x", answer('{"a": 1}')), { a: 1 });
  assert.equal(await fetching.text("/x", answer("a")), "a");
  assert.equal((await fetching.bytes("/x", answer("abc"))).byteLength, 3);
});

test("a failure carries the server's sentence", async () => {
  const gone = answer("There is no selection s1.", 404, "text/plain; charset=utf-8");
  await assert.rejects(fetching.json("/x", gone), new fetching.Failure("There is no selection s1."));
});

test("a proxy's page and an empty response are named by their status", async () => {
  const failure = new fetching.Failure("The app responded with status 502.");
  await assert.rejects(fetching.json("/x", answer("<h1>Bad</h1>", 502, "text/html")), failure);
  await assert.rejects(fetching.json("/x", answer("", 502, "text/plain")), failure);
});

test("a missing server and an incomplete response are failures", async () => {
  const refused = async () => { throw new TypeError("Failed to fetch"); };
  await assert.rejects(fetching.json("/x", refused), new fetching.Failure("The app does not respond."));
  await assert.rejects(fetching.json("/x", answer('{"a"')), new fetching.Failure("The response was incomplete."));
});
