/* From a sheet, the pool or a search to the list of the grid: order, sections, filters. */

import { every, partTest, rowsPassing, STATES, stateTest, targetTest } from "./model/crossfilter.js";
import { Display } from "./model/display.js";
import { ListItems, NOTHING, PoolItems } from "./model/items.js";
import { arranged, LISTED, newestFirst, SECTIONED, sectionOf, sectionsOf } from "./model/orders.js";
import { entriesOf } from "./model/sheet.js";

export class Lister {
  constructor(marks) {
    this.marks = marks;
    this.display = new Display();
    this.all = []; // entries of the sheet
    this.seen = new Map(); // uid → entry, of every sheet of this ranking
    this.order = "similarity";
    this.listed = null; // uids of an order made by the server
  }

  /** Take a sheet; `fresh` starts over, as for another ranking. */
  take(sheet, fresh) {
    if (fresh) this.seen.clear();
    this.all = sheet ? entriesOf(sheet) : [];
    for (const entry of this.all) this.seen.set(entry.uid, entry);
  }

  /** The entries of a budget, in the order of the view. */
  entries(budget, clusterOf) {
    const cut = this.all.slice(0, budget);
    if (this.order === "audit") return (this.listed || []).map((uid) => this.entry(uid));
    return arranged(cut, this.order, { listed: this.listed, clusterOf });
  }

  /** What is known about an image. */
  entry(uid) {
    return this.seen.get(uid) || { ...NOTHING, uid, row: -1 };
  }

  /** Start over with a budget's entries in order. */
  clean(budget, clusterOf) {
    this.display.clean(this.entries(budget, clusterOf));
  }

  /** Follow another sheet of the same ranking: the order stays, the changes are marked. */
  follow(budget, clusterOf) {
    if (this.order === "audit") return; // the sample stays as it was drawn
    const cut = this.all.slice(0, budget);
    this.display.follow(cut, sectionOf(this.order, clusterOf));
  }

  /** The items of the selection that pass the view's filters. */
  items(view, { targets, rowTest, clusterOf, before = null }) {
    const entryTest = every(targetTest(targets, view.target), partTest(view.part),
      stateTest(this.marks, view.state, before),
      rowTest && (({ row }) => row >= 0 && rowTest(row)));
    let entries = [...this.display.entries, ...this.decided(view.state)].filter(entryTest);
    if (this.order === "refills") entries = newestFirst(entries);
    const sections = SECTIONED.has(this.order) && entries.length
      ? sectionsOf(entries, sectionOf(this.order, clusterOf)) : null;
    return new ListItems(entries, sections);
  }

  /** Images with the filtered decision that the list does not hold, such as earlier vetoes. */
  decided(state) {
    if (!STATES[state]) return [];
    const here = new Set(this.display.entries.map(({ uid }) => uid));
    const action = STATES[state][0];
    return this.marks.with(action).filter((uid) => !here.has(uid)).map((uid) => this.entry(uid));
  }

  /** Remember the row of an image that no sheet has named. */
  place(uid, row) {
    this.seen.set(uid, { ...this.entry(uid), row });
    for (const entry of this.display.entries) if (entry.uid === uid) entry.row = row;
  }

  /** Whether the order needs a list from the server. */
  get needsList() {
    return LISTED.has(this.order);
  }
}

/** The rows of the pool that pass: `among` restricts them, null stands for all. */
export function poolItems(pool, among, tests) {
  return new PoolItems(pool, rowsPassing(pool.count, among, tests));
}

/** The results of a search that pass. */
export function searchItems({ uids, rows, similarity }, marks, view, rowTest, known) {
  const test = every(stateTest(marks, view.state), rowTest && (({ row }) => rowTest(row)));
  const entries = uids.map((uid, i) => ({
    ...(known.get(uid) || NOTHING), uid, row: rows[i], similarity: similarity[i],
    ghost: false, fresh: false,
  }));
  return new ListItems(entries.filter(test));
}
