import assert from "node:assert/strict";
import { test } from "node:test";

import { GAP, HEAD, Layout } from "../../assets/curate/grid/layout.js";
import { budgetAt, positionOf } from "../../assets/curate/model/budget.js";
import { Choice } from "../../assets/curate/model/choice.js";
import { clusterTest, every, rowsPassing, stateTest, targetTest } from "../../assets/curate/model/crossfilter.js";
import { csv } from "../../assets/curate/model/csv.js";
import { Display } from "../../assets/curate/model/display.js";
import { ListItems, nameOf, NOTHING, PoolItems } from "../../assets/curate/model/items.js";
import { asked } from "../../assets/curate/model/keys.js";
import { Marks } from "../../assets/curate/model/marks.js";
import { arranged, newestFirst, sectionOf, sectionsOf } from "../../assets/curate/model/orders.js";
import { Pool } from "../../assets/curate/model/pool.js";
import { auditSentence, audited, counted } from "../../assets/curate/model/saving.js";
import {
  entriesOf, extended, namesIn, reachFor, serves, shares, shortReach,
} from "../../assets/curate/model/sheet.js";
import { Wishes } from "../../assets/curate/model/wishes.js";
import { Lister, searchItems } from "../../assets/curate/lister.js";
import { SheetLoader, stepsTo } from "../../assets/curate/sheet_loader.js";
import { Failure } from "../../assets/shared/fetching.js";

const entry = (uid, more = {}) => ({ ...NOTHING, uid, row: uid.charCodeAt(0) - 97, ...more });
const uids = (entries) => entries.map(({ uid }) => uid).join("");

/* ---- layout ---- */

const WIDTH = 3 * 100 + 2 * GAP;

test("tiles of at least the wanted size fill the width", () => {
  const layout = new Layout(7, null, WIDTH, 100);
  assert.deepEqual([layout.columns, layout.side, layout.rows], [3, 100, 3]);
  assert.equal(layout.height, GAP + 3 * (100 + GAP));
  assert.equal(new Layout(2, null, 50, 100).columns, 1, "one column at least");
  assert.equal(new Layout(0, null, WIDTH, 100).rows, 0);
});

test("sections begin with a header and fill their rows", () => {
  const sections = [{ first: 0, count: 4 }, { first: 4, count: 2 }];
  const layout = new Layout(6, sections, WIDTH, 100);
  const parts = layout.partsIn(0, 10000).map(({ head, first, count, row }) =>
    (head ? `head ${row}` : `${first}+${count} ${row}`));
  assert.deepEqual(parts, ["head 0", "0+3 1", "3+1 2", "head 3", "4+2 4"]);
  assert.equal(layout.topOf(4) - layout.sections[1].top, HEAD);
  assert.equal(layout.neighbour(3, "ArrowDown", 500), 4, "over a header, in the same column");
  assert.equal(layout.neighbour(5, "ArrowUp", 500), 3, "a short row keeps its last image");
  assert.equal(layout.neighbour(4, "ArrowDown", 500), 4, "it stops at the end");
});

test("only the parts in view are drawn, in lists of any length", () => {
  const layout = new Layout(1_000_000, null, WIDTH, 100);
  const parts = layout.partsIn(50_000_0, 50_000_0 + 400);
  assert.ok(parts.length <= 6 && parts[0].first % 3 === 0);
  assert.equal(layout.topOf(parts[0].first), parts[0].top);
});

test("scrolling goes no further than needed; keys stop at the ends", () => {
  const layout = new Layout(30, null, WIDTH, 100);
  assert.equal(layout.scrollFor(4, 0, 420), 0);
  assert.equal(layout.scrollFor(0, 300, 420), 0);
  assert.equal(layout.scrollFor(12, 0, 420), layout.topOf(12) + layout.rowHeight - 420);
  const go = (from, key) => layout.neighbour(from, key, 400);
  assert.deepEqual([go(29, "ArrowRight"), go(0, "ArrowLeft"), go(28, "ArrowDown")], [29, 0, 28]);
  assert.deepEqual([go(3, "Home"), go(3, "End"), go(3, "Tab")], [0, 29, undefined]);
  assert.deepEqual([go(1, "PageDown"), go(20, "PageUp")], [7, 14]);
});

/* ---- keys ---- */

test("each key has one command; Ctrl, or Cmd on a Mac, belongs to a few", () => {
  const press = (key, held = {}, letters = true, mac = false) => asked({ key, ...held }, letters, mac);
  assert.deepEqual(press("X"), { decide: "veto" });
  assert.deepEqual(press(" "), { run: "zoom" });
  assert.deepEqual(press("ArrowUp", { shiftKey: true }), { go: "ArrowUp", extend: true });
  assert.deepEqual(press("z", { ctrlKey: true }), { run: "undo" });
  assert.deepEqual(press("Z", { ctrlKey: true, shiftKey: true }), { run: "redo" });
  assert.deepEqual(press("a", { ctrlKey: true }), { run: "all" });
  assert.deepEqual(press("z", { metaKey: true }, true, true), { run: "undo" });
  assert.equal(press("z", { ctrlKey: true }, true, true), null, "Ctrl is not Cmd");
  for (const held of ["ctrlKey", "metaKey", "altKey"]) assert.equal(press("x", { [held]: true }), null);
  for (const key of ["q", "Tab", "constructor"]) assert.equal(press(key), null);
});

test("switched off, letters do nothing; moves and Ctrl keys stay", () => {
  assert.equal(asked({ key: "x" }, false, false), null);
  assert.equal(asked({ key: "?" }, false, false), null);
  assert.deepEqual(asked({ key: "ArrowDown" }, false, false), { go: "ArrowDown", extend: false });
  assert.deepEqual(asked({ key: "z", ctrlKey: true }, false, false), { run: "undo" });
});

/* ---- choice, marks ---- */

test("a range grows from its anchor, single images are added and removed", () => {
  const choice = new Choice();
  choice.start(10);
  choice.move(4);
  choice.move(2, true);
  assert.deepEqual(choice.items(), [2, 3, 4]);
  choice.move(5, true);
  assert.deepEqual(choice.items(), [4, 5], "from the same anchor");
  choice.toggle(8);
  choice.toggle(4);
  assert.deepEqual(choice.items(), [5, 8]);
  choice.move(7);
  assert.deepEqual([choice.size, choice.items()], [0, [7]]);
  choice.toggle(1);
  assert.deepEqual(choice.items(), [1, 7], "the current image joins the first addition");
  choice.all();
  assert.equal(choice.items().length, 10);
});

test("a choice is carried to another list", () => {
  const choice = new Choice();
  choice.start(4);
  choice.range(1, 2);
  choice.cursor = 2;
  choice.carry(2, (item) => [-1, -1, 1, 0][item]);
  assert.deepEqual([choice.items(), choice.cursor, choice.size], [[1], 1, 1]);
});

test("marks are counted through changes and undone ones", () => {
  const marks = new Marks();
  marks.adopt([["a", "veto"], ["b", "keep"]]);
  marks.set("c", "negative");
  marks.set("b", "pin");
  assert.deepEqual(marks.counts, { veto: 2, keep: 0, pin: 1 });
  assert.deepEqual(marks.with("veto"), ["a", "c"]);
  marks.set("a", undefined);
  assert.deepEqual([marks.of("a"), marks.counts.veto, marks.size], [undefined, 1, 2]);
});

/* ---- sheets and budgets ---- */

const sheet = {
  reach: 200, complete: false, exact_at: null, uids: ["a", "b", "c"], rows: [5, 6, 7],
  similarity: [0.5, null, 0.9], target: [1, -1, 1], rank: [1, 0, 2], phase: ["core", "pin", "core"],
  dup_group: [-1, 3, -1],
};

test("a budget is a slice of a longer ranking, or needs its own", () => {
  assert.ok(serves(sheet, 3) && !serves(sheet, 4) && !serves(null, 1));
  assert.ok(serves({ ...sheet, complete: true }, 400), "there are no more");
  assert.ok(serves({ ...sheet, exact_at: 3 }, 3) && !serves({ ...sheet, exact_at: 3 }, 2));
  assert.deepEqual([reachFor(400), reachFor(10001), reachFor(70, false)], [10000, 20000, 70]);
  assert.deepEqual([shortReach(150), shortReach(400), shortReach(9000)], [200, 400, 10000]);
  assert.deepEqual(stepsTo(400, true, false).map(({ reach }) => reach), [200, 10000]);
  assert.deepEqual(stepsTo(400, true, true), [{ reach: 400 }, { reach: 10000, later: true }]);
  assert.deepEqual(stepsTo(70, false, true), [{ reach: 70 }]);
});

test("columns become entries; shares count them by target", () => {
  const entries = entriesOf(sheet);
  assert.deepEqual(entries[1], { uid: "b", row: 6, similarity: null, target: -1, rank: 0, phase: "pin", group: 3, part: "", weight: null });
  const { counts, weakest } = shares(entries, 2);
  assert.deepEqual([[...counts], weakest], [[0, 2], [null, 0.5]]);
});

test("parts of a path go before the query", () => {
  assert.equal(extended("/curate/sheet/k/l?project=p", 200), "/curate/sheet/k/l/200?project=p");
  assert.deepEqual(namesIn("/curate/sheet/k/l?project=p/q"), { key: "k", log: "l" });
});

test("the slider gives plain numbers and reaches both ends", () => {
  assert.deepEqual([budgetAt(0, 4282), budgetAt(1000, 4282)], [1, 4282]);
  assert.equal(budgetAt(positionOf(400, 4282), 4282), 400);
  assert.ok(positionOf(400, 4282) > 250, "small budgets have room");
});

/** A loader whose responses are controlled by the test. */
function byHand() {
  const open = [];
  const said = [];
  const read = (url) => new Promise((resolve, reject) => open.push({ url, resolve, reject }));
  const loader = new SheetLoader({
    onSheet: ({ reach }, { log }) => said.push(`${log} ${reach}`),
    onFailed: (reason) => said.push(reason),
    onProgress: () => {},
  }, read);
  const turn = () => new Promise((done) => setImmediate(done));
  return { loader, open, said, turn };
}

test("first images come early, and an answer to an earlier request is dropped", async () => {
  const { loader, open, said, turn } = byHand();
  loader.want({ url: "/s/k/one?q", budget: 400, prefix: true });
  open[0].resolve({ ...sheet, reach: 200 });
  await turn();
  assert.deepEqual(open.map(({ url }) => url), ["/s/k/one/200?q", "/s/k/one/10000?q"]);
  loader.want({ url: "/s/k/two?q", budget: 400, prefix: true });
  open[1].resolve({ ...sheet, reach: 10000 });
  open[2].resolve({ ...sheet, reach: 400 });
  await turn();
  assert.deepEqual(said, ["one 200", "two 400"]);
  assert.equal(open[2].url, "/s/k/two/400?q", "after a decision, little more than the budget");
  loader.forget();
});

test("a failed ranking says why, and is loaded again on request", async () => {
  const { loader, open, said, turn } = byHand();
  const request = { url: "/s/k/l", budget: 10, prefix: true };
  loader.want(request);
  open[0].reject(new Failure("The filter is wrong."));
  await turn();
  assert.ok(loader.failed);
  loader.retry(request);
  open[1].resolve({ ...sheet, complete: true });
  await turn();
  assert.deepEqual(said, ["The filter is wrong.", "l 200"]);
});

/* ---- orders ---- */

const listed = [
  entry("a", { similarity: 0.3, target: 1 }), entry("b", { similarity: 0.9, target: 0 }),
  entry("c", { target: -1 }), entry("d", { similarity: 0.5, target: 1 }),
];

test("orders arrange entries, and sections keep those of one target together", () => {
  assert.equal(uids(arranged(listed, "similarity")), "bdac");
  assert.equal(uids(arranged(listed, "target")), "dabc");
  assert.equal(uids(arranged(listed, "doubt", { listed: ["d", "x", "a"] })), "da");
  const clusterOf = (row) => [7, 7, -1, 2][row];
  assert.equal(uids(arranged(listed, "cluster", { clusterOf })), "badc");
  const sections = sectionsOf(arranged(listed, "target"), sectionOf("target"));
  assert.deepEqual(sections, [
    { name: 1, first: 0, count: 2 }, { name: 0, first: 2, count: 1 }, { name: -1, first: 3, count: 1 }]);
  assert.equal(uids(newestFirst([entry("a"), entry("b", { fresh: true })])), "ba");
});

/* ---- what came and went ---- */

test("the order stays while decisions change the selection", () => {
  const display = new Display();
  display.clean([entry("a"), entry("b"), entry("c")]);
  display.follow([entry("a"), entry("c"), entry("d")]);
  assert.equal(uids(display.entries), "abcd", "what left stays in place, what came is appended");
  assert.deepEqual(display.entries.map(({ ghost, fresh }) => (ghost ? "gone" : fresh ? "new" : "")), ["", "gone", "", "new"]);
  assert.deepEqual([display.came, display.went], [1, 1]);
  display.follow([entry("a"), entry("b"), entry("c")]);
  assert.equal(uids(display.entries), "abc", "an undone veto revives its image and drops the refill");
  assert.deepEqual([display.came, display.went], [0, 0]);
  display.follow([entry("a")]);
  display.clean([entry("a")]);
  assert.equal(uids(display.entries), "a", "a new order makes the list clean");
});

test("with sections, a refill is appended to its own", () => {
  const display = new Display();
  display.clean([entry("a", { target: 0 }), entry("b", { target: 1 })]);
  const now = [entry("b", { target: 1 }), entry("c", { target: 0 }), entry("d", { target: 2 })];
  display.follow(now, ({ target }) => target);
  assert.equal(uids(display.entries), "acbd");
});

/* ---- filters ---- */

test("filters combine: area and cluster by row, target and decision by entry", () => {
  const marks = new Marks();
  marks.adopt([["a", "veto"], ["b", "keep"]]);
  const clusters = { of: Int16Array.from([0, 1, 2, -1]), parent: [3, 3, 4] };
  const inCoarse = clusterTest(clusters, 3);
  assert.deepEqual([0, 1, 2, 3].map(inCoarse), [true, true, false, false]);
  assert.deepEqual([0, 1, 2].map(clusterTest(clusters, 2)), [false, false, true]);
  assert.equal(clusterTest(clusters, null), null);
  const pass = (state) => listed.filter(every(stateTest(marks, state)));
  assert.deepEqual(["vetoed", "kept", "pinned", "undecided"].map((state) => uids(pass(state))), ["a", "b", "", "cd"]);
  assert.equal(uids(listed.filter(targetTest([{ uid: "t" }, { uid: "u" }], "u"))), "ad");
  assert.deepEqual([...rowsPassing(4, null, [inCoarse, null])], [0, 1]);
  assert.deepEqual([...rowsPassing(4, Uint32Array.from([1, 2]), [inCoarse])], [1]);
  assert.equal(rowsPassing(4, null, [null]), null, "no test: every row");
});

test("earlier vetoes, which no sheet holds, are listed when they are asked for", () => {
  const marks = new Marks();
  marks.adopt([["z", "veto"]]);
  const lister = new Lister(marks);
  lister.take(sheet, true);
  lister.clean(2, () => -1);
  assert.equal(uids(lister.items({ state: "vetoed", target: "" }, { targets: [] }).entries), "z");
  assert.equal(uids(lister.items({ state: "", target: "" }, { targets: [] }).entries), "ab");
});

test("an audit keeps its sample when its images are vetoed", () => {
  const lister = new Lister(new Marks());
  lister.take(sheet, true);
  lister.order = "audit";
  lister.listed = ["c", "x"];
  lister.clean(3, () => -1);
  lister.follow(3, () => -1);
  assert.equal(uids(lister.display.entries), "cx", "one that has left already is there as well");
});

test("results of a search keep their own similarity", () => {
  const found = { uids: ["a", "b"], rows: [0, 1], similarity: [0.8, 0.7] };
  const view = { state: "" };
  const items = searchItems(found, new Marks(), view, (row) => row === 1, new Map([["b", entry("b", { target: 4 })]]));
  assert.deepEqual(items.entries.map(({ uid, similarity, target }) => [uid, similarity, target]), [["b", 0.7, 4]]);
});

/* ---- items and the pool ---- */

test("items are found by uid and by row", async () => {
  const list = new ListItems(listed);
  assert.deepEqual([list.find("d"), list.findRow(1), list.find("x")], [3, 1, -1]);
  assert.deepEqual(await list.uidsOf([0, 3]), ["a", "d"]);
});

/** The pages of a pool with these uids. */
function poolOf(all) {
  const asked = [];
  const read = async (page) => {
    asked.push(page);
    const part = all.slice(page * 4096, (page + 1) * 4096);
    return Uint8Array.from(part.flatMap((uid) => uid.match(/../g).map((two) => parseInt(two, 16)))).buffer;
  };
  return { pool: new Pool(all.length, (page) => page, () => {}, read), asked };
}

test("uids are loaded by page; the row of a uid needs few of them", async () => {
  const all = Array.from({ length: 20000 }, (_, i) =>
    Math.floor((i / 20000) * 2 ** 32).toString(16).padStart(8, "0") + "0".repeat(24));
  const { pool, asked } = poolOf(all);
  assert.equal(pool.uidAt(5000), null);
  assert.equal(await pool.uidOf(5000), all[5000]);
  assert.equal(pool.uidAt(5000), all[5000]);
  assert.equal(await pool.rowOf(all[12345]), 12345);
  assert.equal(await pool.rowOf("f".repeat(32)), -1);
  assert.deepEqual(await pool.uidsOf([0, 19999]), [all[0], all[19999]]);
  assert.equal(new Set(asked).size, asked.length, "no page twice");
  const some = new PoolItems(pool, Uint32Array.from([3, 9, 4097]));
  assert.deepEqual([some.count, some.findRow(9), some.findRow(4), some.rowAt(2)], [3, 1, -1, 4097]);
  const every = new PoolItems(pool);
  assert.deepEqual([every.count, every.findRow(7), every.findRow(20000)], [20000, 7, -1]);
});

/* ---- wishes, texts ---- */

test("wishes are sent until they are done; only the latest of a state counts", () => {
  const wishes = new Wishes();
  wishes.add("budget", { budget: 1 });
  wishes.add("budget", { budget: 2 });
  wishes.add("save", { budget: 2 });
  assert.deepEqual(wishes.message(5).list, [[2, "budget", { budget: 2 }], [3, "save", { budget: 2 }]]);
  wishes.add("budget", { budget: 3 });
  assert.equal(wishes.pending.length, 3, "what was sent stays: it may have been done");
  wishes.acknowledge(3);
  assert.deepEqual([wishes.waits("budget"), wishes.waits("save")], [true, false]);
  wishes.acknowledge(4);
  assert.deepEqual(wishes.pending, []);
});

test("a tile has a name", () => {
  assert.equal(nameOf(entry("a", { similarity: 0.612, target: 2 }), "veto", 0),
    "Image 1: veto, similarity 0.61, brought by target 3");
  assert.equal(nameOf(entry("a", { fresh: true }), "", 4), "Image 5: undecided, new");
});

test("counts and audits in words", () => {
  assert.deepEqual([counted(1, "image"), counted(1200, "image")], ["1 image", "1,200 images"]);
  const none = { judged: 0, size: 50, precision: null, low: null, high: null };
  assert.equal(audited(none), "audit: 0 of 50 judged");
  assert.equal(audited({ judged: 38, size: 50, precision: 0.94, low: 0.853, high: 0.98 }),
    "audit: 38 of 50 judged, precision 94% (85–98)");
  assert.match(auditSentence(null, 500), /^How many of the 500 images/);
  assert.match(auditSentence(none, 500), /^0 of 50 images judged, too few/);
  assert.match(auditSentence({ judged: 38, size: 50, precision: 0.94, low: 0.853, high: 0.98 }, 500),
    /^About 470 of 500 images belong to the task \(95% interval 427 to 490\), by 38 judged of 50/);
});

test("tables are quoted, and no cell is a formula", () => {
  assert.equal(csv([["a", "b"], ['say "x", y', null], ["=1+1", -3]]), 'a,b\r\n"say ""x"", y",\r\n\'=1+1,-3\r\n');
});
