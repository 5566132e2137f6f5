/* Requests to the app; a failure carries a sentence for the user. */

/** A failed request; its message is that sentence. */
export class Failure extends Error {}

/** The JSON behind a URL. Throws `Failure`. */
export function json(url, ask = fetch) {
  return read(url, ask, (answer) => answer.json());
}

/** The bytes behind a URL. Throws `Failure`. */
export function bytes(url, ask = fetch) {
  return read(url, ask, (answer) => answer.arrayBuffer());
}

/** The text behind a URL. Throws `Failure`. */
export function text(url, ask = fetch) {
  return read(url, ask, (answer) => answer.text());
}

async function read(url, ask, take) {
  const answer = await attempt(() => ask(url), "The app does not respond.");
  if (answer.ok) return attempt(() => take(answer), "The response was incomplete.");
  throw new Failure(await reason(answer));
}

async function attempt(step, message) {
  try {
    return await step();
  } catch {
    throw new Failure(message);
  }
}

/** The sentence of an error response; pages of proxies are not shown. */
async function reason(answer) {
  const plain = (answer.headers.get("content-type") || "").startsWith("text/plain");
  const sentence = plain ? await answer.text().catch(() => "") : "";
  return sentence || `The app responded with status ${answer.status}.`;
}
