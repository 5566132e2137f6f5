/* The value of the latest URL, loaded once; a response after the next URL is dropped. */

import { Failure } from "./fetching.js";

export class Latest {
  /** `read` returns a promise of the value of a URL; its `Failure` goes to `onFailed`. */
  constructor(read, onLoaded, onFailed) {
    this.read = read;
    this.onLoaded = onLoaded;
    this.onFailed = onFailed;
    this.turn = 0;
    this.forget();
  }

  /** Load a URL unless it is loaded or loading; retry it if it failed. */
  async want(url) {
    if (this.url === url && !this.failed) return;
    await this.load(url);
  }

  /** Retry a failed load. */
  async retry() {
    if (this.failed) await this.load(this.url);
  }

  /** Load the next URL even if it is the same. */
  forget() {
    this.turn += 1;
    this.url = null;
    this.failed = false;
  }

  async load(url) {
    this.forget();
    this.url = url;
    const turn = this.turn;
    let value;
    try {
      value = await this.read(url);
    } catch (problem) {
      if (!(problem instanceof Failure)) throw problem;
      if (turn !== this.turn) return;
      this.failed = true;
      this.onFailed(problem.message);
      return;
    }
    if (turn === this.turn) this.onLoaded(value);
  }
}
