/* Loads the ranking of a request in steps, and the shorter ones that follow decisions. */

import { Failure, json } from "../shared/fetching.js";
import {
  extended, FIRST_REACH, namesIn, reachFor, serves, shortReach,
} from "./model/sheet.js";

const LATER = 1500; // ms after a decision until the full ranking is loaded again
const ASKING = 700; // ms between two looks at the progress of a ranking

export class SheetLoader {
  /** `onSheet(sheet, {key, log})`, `onFailed(reason)`, `onProgress({done, total, note})`. */
  constructor({ onSheet, onFailed, onProgress }, read = json) {
    Object.assign(this, { onSheet, onFailed, onProgress, read });
    this.turn = 0;
    this.sheet = this.key = this.log = null;
  }

  /** Load what is missing for a URL and a budget (null: not known yet). */
  want({ url, progress, budget, prefix }) {
    const { key, log } = namesIn(url);
    const wanted = `${url}/${prefix ? reachFor(budget ?? 0) : budget}`;
    if (this.wanted === wanted && !this.failed) return;
    const sameLog = this.key === key && this.log === log;
    if (sameLog && budget !== null && serves(this.sheet, budget)) return;
    this.wanted = wanted;
    this.failed = false;
    if (this.key !== key) this.sheet = null;
    const steps = stepsTo(budget, prefix, this.key === key && this.sheet);
    this.load(url, steps, { key, log }, progress);
  }

  /** Load again after a failure. */
  retry(request) {
    this.wanted = null;
    this.want(request);
  }

  forget() {
    this.turn += 1;
    clearTimeout(this.waiting);
    clearInterval(this.asking);
    this.sheet = this.key = this.log = this.wanted = null;
  }

  async load(url, steps, names, progress) {
    const turn = ++this.turn;
    clearTimeout(this.waiting);
    this.follow(progress, turn);
    try {
      for (const { reach, later } of steps) {
        if (later) await new Promise((done) => { this.waiting = setTimeout(done, LATER); });
        if (turn !== this.turn) return;
        const sheet = await this.read(extended(url, reach));
        if (turn !== this.turn) return;
        clearInterval(this.asking);
        Object.assign(this, names, { sheet });
        this.onSheet(sheet, names);
        if (sheet.complete) return;
      }
    } catch (problem) {
      if (!(problem instanceof Failure)) throw problem;
      if (turn !== this.turn) return;
      clearInterval(this.asking);
      this.failed = true;
      this.onFailed(problem.message);
    }
  }

  /** Ask for the progress of the ranking until it has arrived. */
  follow(url, turn) {
    clearInterval(this.asking);
    if (!url) return;
    this.asking = setInterval(async () => {
      try {
        const progress = await this.read(url);
        if (turn === this.turn) this.onProgress(progress);
      } catch (problem) {
        if (!(problem instanceof Failure)) throw problem; // a missing progress is harmless
      }
    }, ASKING);
  }
}

/** The reaches to load: first images early; after a decision, little at once and the rest later. */
export function stepsTo(budget, prefix, following) {
  if (!prefix) return [{ reach: budget ?? FIRST_REACH }];
  const full = reachFor(budget ?? 0);
  if (following) {
    const short = shortReach(budget ?? 0);
    return short < full ? [{ reach: short }, { reach: full, later: true }] : [{ reach: full }];
  }
  return [{ reach: FIRST_REACH }, { reach: full }];
}
