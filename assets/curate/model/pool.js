/* The uids of the pool by row, loaded by pages of 4,096 when they are needed.

   Rows are positions among the sorted uids. Uids are hashes, so the row of a uid is close to its
   value's share of the whole range; that guess names the page to search first. */

import { bytes, Failure } from "../../shared/fetching.js";

const PAGE = 4096;
const BYTES = 16; // of a uid
const DIGITS = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

export class Pool {
  /** `address(page)` is the URL of a page; `onPage` runs when one has arrived. */
  constructor(count, address, onPage = () => {}, read = bytes) {
    this.count = count;
    this.address = address;
    this.onPage = onPage;
    this.read = read;
    this.pages = new Map(); // number → bytes
    this.loading = new Map(); // number → promise
  }

  get pageCount() {
    return Math.ceil(this.count / PAGE);
  }

  /** The uid of a row, or null until its page has arrived; asks for the page. */
  uidAt(row) {
    const page = this.pages.get(Math.floor(row / PAGE));
    if (page) return uidIn(page, row % PAGE);
    this.load(Math.floor(row / PAGE)).catch(() => {});
    return null;
  }

  /** A promise of the uid of a row. */
  async uidOf(row) {
    return uidIn(await this.load(Math.floor(row / PAGE)), row % PAGE);
  }

  /** A promise of the uids of rows. */
  async uidsOf(rows) {
    const numbers = new Set();
    for (const row of rows) numbers.add(Math.floor(row / PAGE));
    await Promise.all([...numbers].map((number) => this.load(number)));
    return Array.from(rows, (row) => uidIn(this.pages.get(Math.floor(row / PAGE)), row % PAGE));
  }

  /** A promise of the row of a uid, −1 if it is not in the pool. */
  async rowOf(uid) {
    let low = 0;
    let high = this.pageCount - 1;
    let guess = Math.floor((parseInt(uid.slice(0, 8), 16) / 2 ** 32) * this.pageCount);
    while (low <= high) {
      const number = Math.min(high, Math.max(low, guess));
      const page = await this.load(number);
      const last = page.length / BYTES - 1;
      if (uid < uidIn(page, 0)) high = number - 1;
      else if (uid > uidIn(page, last)) low = number + 1;
      else return rowIn(page, uid, number * PAGE);
      guess = uid < uidIn(page, 0) ? number - 1 : number + 1;
    }
    return -1;
  }

  load(number) {
    if (this.pages.has(number)) return Promise.resolve(this.pages.get(number));
    if (!this.loading.has(number)) this.loading.set(number, this.fetch(number));
    return this.loading.get(number);
  }

  async fetch(number) {
    try {
      const page = new Uint8Array(await this.read(this.address(number)));
      if (!page.length || page.length % BYTES) throw new Failure("The list of images is incomplete.");
      this.pages.set(number, page);
      this.onPage(number);
      return page;
    } finally {
      this.loading.delete(number);
    }
  }
}

function uidIn(page, place) {
  let uid = "";
  for (let at = place * BYTES; at < (place + 1) * BYTES; at += 1) uid += DIGITS[page[at]];
  return uid;
}

function rowIn(page, uid, start) {
  let low = 0;
  let high = page.length / BYTES - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const found = uidIn(page, middle);
    if (found === uid) return start + middle;
    if (found < uid) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
