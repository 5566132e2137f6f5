/* The workspace: joins the answers of the app in the browser and links the panes.

   The app says where the data are (`update`); a change of the view is drawn at once and told to the
   app as a wish, which puts it into the URL. */

import { element, group } from "../shared/elements.js";
import { FailureNotice } from "../shared/failure_notice.js";
import * as fetching from "../shared/fetching.js";
import { Latest } from "../shared/latest.js";
import { Bar } from "./bar/bar.js";
import { Chips } from "./bar/chips.js";
import { Commands } from "./commands.js";
import { Deciding } from "./deciding.js";
import { Notices } from "./dialogs/notice.js";
import { ActionsBar } from "./grid/actions_bar.js";
import { GridPane } from "./grid/grid_pane.js";
import { keyLine } from "./key_line.js";
import { Lister, poolItems, searchItems } from "./lister.js";
import { isDark, Look } from "./look.js";
import { Legend } from "./map/legend.js";
import { MapPane } from "./map/map_pane.js";
import { Mapper, OWN_COLOUR } from "./mapper.js";
import { areaTest } from "./model/area.js";
import { clusterTest, every, STATES } from "./model/crossfilter.js";
import { nameOf, NOTHING } from "./model/items.js";
import { ORDERS } from "./model/orders.js";
import { Pool } from "./model/pool.js";
import { countedParts, isMixed, OWN, usedBy } from "./model/recipe.js";
import { audited, counted, number } from "./model/saving.js";
import { extended, namesIn, shares } from "./model/sheet.js";
import { summary as weightsSaid } from "./model/weights.js";
import { Wishes } from "./model/wishes.js";
import { SheetLoader } from "./sheet_loader.js";
import { FiguresPane } from "./side/figures_pane.js";
import { HistoryPane } from "./side/history_pane.js";
import { Inspector } from "./side/inspector.js";
import { mapTab, Side } from "./side/side.js";
import { Splitters } from "./splitters.js";
import { TargetsPane } from "./targets_pane.js";

const USUAL_BUDGET = 1000;
const BUDGET_DELAY = 400; // ms after the last move of the slider until the app hears of it
const PULSE = 8000; // ms between two looks for decisions of other tabs
const JOB_PULSE = 3000; // ms between two looks at a running job
const MOST_LOOKED_UP = 300; // earlier decisions whose place on the map is looked up
const MEANWHILE = 900; // ms that the first images of a ranking may take until the pool is shown
const FULL_WAIT = 4000; // ms until unanswered wishes are sent again
const NO_VIEW = {
  area: [], cluster: null, target: "", part: "", state: "", words: "", search: "", focus: "",
};

export class Workspace {
  constructor(root) {
    this.root = root;
    this.look = new Look();
    this.wishes = new Wishes();
    this.deciding = new Deciding((name, value) => this.post(name, value), (uids) => this.decided(uids));
    this.marks = this.deciding.marks;
    this.lister = new Lister(this.marks);
    this.sheets = new SheetLoader({
      onSheet: (sheet, names) => this.takeSheet(sheet, names),
      onFailed: (reason) => this.failSheet(reason),
      onProgress: (progress) => this.tellProgress(progress),
    });
    this.pool = this.sheet = this.items = this.found = this.passing = null;
    this.before = this.stop = null;
    this.view = { ...NO_VIEW };
    this.request = { targets: [] };
    this.budget = null;
    this.targets = [];
    this.noticed = 0;
    this.commands = new Commands(this);
    this.build();
    this.assignLoaders();
    this.assignHandlers();
  }

  /* ---- building ---- */

  build() {
    const { commands } = this;
    this.bar = new Bar(commands.bar());
    this.chips = new Chips({
      order: (name) => this.setOrder(name),
      size: (size) => this.setSize(size),
      send: () => this.deciding.send(),
      audit: () => this.showAudit(),
      state: (state) => this.setView({ state: this.view.state === state ? "" : state }),
      part: (part) => this.setView({ part: this.view.part === part ? "" : part }),
    });
    this.targetsPane = new TargetsPane({
      filter: (uid) => this.setView({ target: this.view.target === uid ? "" : uid }),
      veto: (target) => this.vetoTarget(target),
      thumbnail: (uid) => this.thumbnail(uid),
      hover: (target) => this.map.ringHovered(target ? this.placeOfTarget(target.uid) : null),
    });
    this.grid = new GridPane({
      look: (item) => this.lookOf(item),
      header: (section) => this.headerOf(section),
      thumbnail: (uid) => this.thumbnail(uid),
      moved: (item) => this.moved(item),
      zoom: () => commands.zoom(),
      hover: (item) => this.hoverTile(item),
      chosen: (size) => this.actionsBar.show(size),
    });
    this.grid.size = this.look.get("size");
    this.chips.size.value = this.grid.size;
    this.actionsBar = new ActionsBar((name) => commands.onMany(name));
    this.failure = new FailureNotice("The images", () => this.retry());
    this.loadingLine = element("div", "loading");
    this.loadingLine.setAttribute("role", "status");
    this.buildSide();
    this.splitters = new Splitters(this.root, () => this.grid.arrange());
    this.notices = new Notices();
    this.main = group("section", "main", this.failure.root, this.loadingLine, this.grid.root,
      this.actionsBar.root);
    this.main.setAttribute("aria-label", "Selection");
    const left = this.splitters.make("left", "Width of the targets", 1);
    const right = this.splitters.make("right", "Width of the side", -1);
    const below = this.splitters.make("below", "Height of the current image", -1);
    this.sidePane = group("section", "side", this.side.root, below, this.inspector.root);
    this.sidePane.setAttribute("aria-label", "Map, figures, history");
    this.panes = group("div", "panes", this.targetsPane.root, left, this.main, right, this.sidePane);
    this.root.append(this.bar.root, this.chips.root, this.panes,
      keyLine(() => commands.run("help")), this.notices.root, ...commands.dialogs);
  }

  buildSide() {
    const { commands } = this;
    this.map = new MapPane({
      area: (area) => this.setView({ area }),
      pick: (row) => this.pickRow(row),
      pickTarget: (target) => this.inspectTarget(target.uid),
      hover: (row, target) => this.hoverPoint(row, target),
      cluster: (cluster) => this.setView({ cluster: this.view.cluster === cluster ? null : cluster }),
      enlarge: () => this.enlarge(),
      thumbnail: (uid) => this.thumbnail(uid),
      letters: () => this.look.get("letters"),
    });
    this.legend = new Legend(() => this.paintMap(), (name) => this.setColour(name));
    this.mapper = new Mapper(this.map, this.legend, {
      onChange: () => this.mapChanged(),
      onFailed: (reason) => this.notices.show(`The map could not be loaded. ${reason}`, "error",
        { label: "Retry", run: () => this.mapper.retry() }),
    });
    this.mapper.colour = this.look.get("colour");
    this.mapTab = mapTab(this.map, this.legend, () => this.wish("draw-map"));
    this.figures = new FiguresPane({
      audit: () => this.setOrder("audit"),
      diagnostics: () => this.data?.urls.diagnostics && this.url(this.data.urls.diagnostics, [this.budget]),
    });
    this.history = new HistoryPane({
      undoTo: (position) => this.deciding.undoTo(position),
      sign: (name) => this.wish("sign-as", { name }),
      open: (id) => this.wish("open-selection", { id }),
      remove: (ids) => commands.deleteSelections(ids),
      compare: (a, b) => this.url(this.data.urls.compare, [a, b]),
      thumbnail: (uid) => this.thumbnail(uid),
    });
    this.inspector = new Inspector({
      image: (uid) => this.image(uid),
      thumbnail: (uid) => this.thumbnail(uid),
      facts: (uid) => this.url(this.data.urls.facts, [uid], { target: this.request.targets }),
      go: (uid) => this.go(uid),
      goTarget: (uid) => this.inspectTarget(uid),
      clusterName: (row) => this.mapper.nameOf(this.mapper.clusterOf(row)),
      floor: () => (this.figures.figures?.floor ?? null),
      zoom: () => commands.zoom(),
      similar: (uid) => this.wish("search", { uid }),
      clusterOf: (row) => this.mapper.clusterOf(row),
      showCluster: (cluster) => this.setView({ cluster }),
      nameCluster: (cluster) => commands.nameCluster(cluster),
    });
    const tab = this.look.get("tab");
    this.side = new Side(
      { map: group("div", "mappanel", this.mapTab.root), figures: this.figures.root, history: this.history.root },
      (tab) => this.tabChanged(tab));
    this.side.show(tab in this.side.tabs ? tab : "map");
  }

  /** Show the precision, and the sample to judge. */
  showAudit() {
    this.side.show("figures");
    this.figures.root.scrollTop = 0;
    if (this.lister.order !== "audit") this.setOrder("audit");
  }

  tabChanged(tab) {
    this.look.set("tab", tab);
    if (tab === "figures") this.figures.draw();
    if (tab === "history") this.history.open();
  }

  assignLoaders() {
    const failed = (reason) => this.failSheet(reason);
    this.loading = {
      targets: new Latest(fetching.json, (targets) => this.takeTargets(targets), failed),
      search: new Latest(fetching.json, (found) => this.takeFound(found), failed),
      order: new Latest(fetching.json, (order) => this.takeOrder(order), failed),
      passing: new Latest(fetching.bytes, (bytes) => this.takePassing(new Uint32Array(bytes)), failed),
      audit: new Latest(fetching.json, (audit) => this.takeAudit(audit), () => {}),
      before: new Latest(fetching.json, ({ uids }) => this.takeBefore(uids), failed),
    };
  }

  assignHandlers() {
    this.root.addEventListener("keydown", (event) => this.commands.press(event));
    this.root.addEventListener("dragover", (event) => event.preventDefault());
    this.root.addEventListener("drop", (event) => this.commands.drop(event));
    this.paste = (event) => this.commands.paste(event);
    this.fit = () => this.fitHeight();
    this.leaving = (event) => { if (this.deciding.waiting) event.preventDefault(); };
  }

  attach() {
    if (this.attached) return;
    this.attached = true;
    for (const pane of [this.grid, this.map, this.targetsPane]) pane.attach();
    window.addEventListener("beforeunload", this.leaving);
    window.addEventListener("resize", this.fit);
    document.addEventListener("paste", this.paste);
    this.pulsing = setInterval(() => this.pulse(), PULSE);
    this.working = setInterval(() => this.watchJobs(), JOB_PULSE);
    this.fitting = new ResizeObserver(this.fit);
    this.fitting.observe(document.body);
    this.fitHeight();
  }

  detach() {
    this.attached = false;
    for (const pane of [this.grid, this.map, this.targetsPane]) pane.detach();
    window.removeEventListener("beforeunload", this.leaving);
    window.removeEventListener("resize", this.fit);
    document.removeEventListener("paste", this.paste);
    clearInterval(this.pulsing);
    clearInterval(this.working);
    clearTimeout(this.resending);
    clearTimeout(this.patience);
    this.fitting.disconnect();
    this.deciding.stop();
    this.sheets.forget();
  }

  /** Fill the window below the element's own position. */
  fitHeight() {
    const top = Math.max(0, Math.round(this.root.getBoundingClientRect().top + scrolled(this.root)));
    if (this.topOffset === top) return;
    this.topOffset = top;
    this.root.style.setProperty("--top", top + "px");
  }

  /* ---- data of the app ---- */

  /** Apply the data of a rerun of the page. */
  update(data, post) {
    this.data = data;
    // A URL that the app has just written may not have arrived here yet; `seen` tells the app.
    this.post = (name, value) =>
      post(name, { ...value, asker: this.wishes.client, seen: this.wishes.seen });
    this.attach();
    if (data.client === this.wishes.client) this.wishes.acknowledge(data.done);
    if (this.wishes.pending.length) this.resendWishes();
    this.deciding.update(data);
    const moved = this.adoptPlace(data);
    this.adoptPool(data);
    this.mapTab.show(data.map);
    this.mapper.want({ points: this.maybe(data.urls.points), clusters: this.maybe(data.urls.clusters) });
    this.legend.offer([OWN_COLOUR, ...data.choices.colours.map(({ id, title }) => [id, title])],
      this.mapper.colour);
    this.wantColours();
    if (data.urls.targets && this.request.targets.length) {
      this.loading.targets.want(this.url(data.urls.targets, [], { target: this.request.targets }));
    } else this.takeTargets([]);
    if (data.round) this.loading.before.want(this.url(data.urls.picked, [data.round.selection]));
    else this.before = null;
    this.history.want(this.maybe(data.urls.history), this.maybe(data.urls.selections));
    this.figures.want(this.maybe(data.urls.figures));
    this.loadView();
    this.loadSheet();
    this.showMeanwhile();
    const kind = `${this.mode}/${this.poolKey}`;
    if (moved || !this.items || this.shownKind !== kind) this.relist(true);
    else this.refresh();
    this.shownKind = kind;
    this.tellNotice(data.notice);
  }

  /** Take over what the app has, unless a newer wish waits; returns whether the list changed. */
  adoptPlace(data) {
    const before = JSON.stringify([this.request, this.view, this.lister.order]);
    if (!this.wishes.waits("request")) this.request = data.request;
    if (!this.wishes.waits("view")) this.view = { ...NO_VIEW, ...data.view };
    if (!this.wishes.waits("order")) this.lister.order = data.order;
    if (!this.wishes.waits("budget") && data.budget !== null) this.budget = data.budget;
    this.map.setArea(this.view.area);
    return before !== JSON.stringify([this.request, this.view, this.lister.order]);
  }

  adoptPool({ rows, encoder, pool, urls }) {
    const key = `${encoder}/${rows}`;
    if (this.poolKey === key) return;
    this.poolKey = key;
    this.items = null;
    this.pool = urls.uids ? new Pool(pool.eligible, (page) => this.url(urls.uids, [page]),
      () => this.pageArrived()) : null;
  }

  pageArrived() {
    if (this.mode === "pool") this.grid.paint();
  }

  /** A URL of the app's data, with further parts of its path and parameters. */
  url(path, parts = [], parameters = {}) {
    const more = Object.entries(parameters).flatMap(([name, values]) =>
      [values].flat().map((value) => `&${name}=${encodeURIComponent(value)}`));
    return extended(path + this.data.query, ...parts.map(encodeURIComponent)) + more.join("");
  }

  maybe(path) {
    return path ? this.url(path) : null;
  }

  thumbnail(uid) {
    return `/thumbnails/${uid}${this.data.query}`;
  }

  image(uid) {
    return `/images/${uid}${this.data.query}`;
  }

  /** Whether a smaller budget is a slice of the ranking. */
  get prefix() {
    return usedBy(this.request, this.data.choices.strategies).every(({ prefix }) => prefix);
  }

  /** What the grid shows: "search", "pool" or "selection". */
  get mode() {
    if (this.view.search) return "search";
    const chosen = this.request.targets.length && this.lister.order !== "uid" && this.data.urls.sheet;
    return chosen && !this.meanwhile ? "selection" : "pool";
  }

  /** Whether the ranking of the request is still being made. */
  get ranks() {
    const { sheet } = this.data.urls;
    return Boolean(sheet) && !this.sheets.failed && this.shownKey !== namesIn(sheet).key;
  }

  /** Show the pool while a first ranking takes long. */
  showMeanwhile() {
    clearTimeout(this.patience);
    this.meanwhile &&= this.ranks;
    if (!this.ranks || this.sheet) return;
    this.patience = setTimeout(() => {
      if (!this.ranks || this.sheet || !this.attached) return;
      this.meanwhile = true;
      this.loadView();
      this.relist(true);
    }, MEANWHILE);
  }

  get most() {
    if (this.sheet?.complete && this.prefix) return Math.max(1, this.sheet.uids.length);
    return Math.max(1, this.data.pool.eligible);
  }

  /* ---- wishes ---- */

  wish(kind, payload) {
    this.wishes.add(kind, payload);
    this.sendWishes();
  }

  sendWishes() {
    this.wishedAt = Date.now();
    this.post("wishes", this.wishes.message(this.wishedAt));
    clearTimeout(this.resending);
    this.resending = setTimeout(() => {
      if (this.wishes.pending.length && this.attached) this.sendWishes();
    }, FULL_WAIT * 4);
  }

  /** Send unanswered wishes again: a rerun that was under way may have dropped them. */
  resendWishes() {
    if (Date.now() - (this.wishedAt || 0) > FULL_WAIT) this.sendWishes();
  }

  setRequest(change) {
    this.request = { ...this.request, ...change };
    this.wish("request", this.request);
    this.refresh();
  }

  setView(change) {
    this.view = { ...this.view, ...change };
    const { searched, ...sent } = this.view;
    this.wish("view", sent);
    this.map.setArea(this.view.area);
    this.loadView();
    this.relist(false);
  }

  setOrder(order) {
    this.lister.order = order;
    this.wish("order", { order });
    this.loadView();
    this.relist(true);
  }

  setBudget(budget, final) {
    this.budget = budget;
    clearTimeout(this.budgeting);
    this.budgeting = setTimeout(() => this.wish("budget", { budget }), BUDGET_DELAY);
    if (!this.prefix && !final) return this.refreshBar();
    if (final) this.loadView();
    this.loadSheet();
    if (!this.rebuilding) {
      this.rebuilding = requestAnimationFrame(() => {
        this.rebuilding = null;
        this.relist(true, true);
      });
    }
    return this.refreshBar();
  }

  setSize(size) {
    this.look.set("size", size);
    this.chips.size.value = size;
    this.grid.resize(size);
  }

  setColour(name) {
    this.look.set("colour", name);
    this.mapper.colourBy(name, null);
    this.wantColours();
    this.paintMap();
  }

  wantColours() {
    const { colour } = this.mapper;
    const own = colour === OWN_COLOUR[0];
    const known = own || this.data.choices.colours.some(({ id }) => id === colour);
    if (!known) return this.setColour(OWN_COLOUR[0]);
    if (!own && this.data.urls.colours) {
      this.mapper.colourBy(colour, this.url(this.data.urls.colours, [], { by: colour }));
    }
    return null;
  }

  /* ---- loading ---- */

  /** Load what the view needs besides the sheet. */
  loadView() {
    const { data, view, request } = this;
    const { urls } = data;
    if (view.search && urls.search) this.loading.search.want(this.url(urls.search, [view.search]));
    else {
      this.found = null;
      this.loading.search.forget();
    }
    const pooled = this.mode === "pool";
    const limits = { filter: pooled ? request.filter : "", group: pooled ? request.group : "",
      word: view.words };
    if (urls.passing && Object.values(limits).some(Boolean)) {
      this.loading.passing.want(this.url(urls.passing, [], limits));
    } else {
      this.passing = null;
      this.loading.passing.forget();
    }
    if (this.mode === "selection" && this.lister.needsList && this.budget) {
      this.wantOrder();
    }
    if (urls.audit && this.budget) this.loading.audit.want(this.url(urls.audit, [this.budget]));
  }

  /** Ask for the list of an order; a later decision does not change it while it is reviewed. */
  wantOrder() {
    const wanted = `${namesIn(this.data.urls.order).key}/${this.budget}/${this.lister.order}`;
    if (this.orderFor === wanted) return;
    this.orderFor = wanted;
    this.lister.listed = null;
    this.loading.order.load(this.url(this.data.urls.order, [this.budget, this.lister.order]));
  }

  loadSheet() {
    const { urls, pool } = this.data;
    if (!urls.sheet || !pool.prepared) {
      this.sheets.forget();
      if (this.sheet) this.shownKind = null;
      this.sheet = this.shownKey = this.shownLog = null;
      this.lister.take(null, true);
      return;
    }
    this.sheets.want(this.sheetRequest());
  }

  sheetRequest() {
    const { urls } = this.data;
    const budget = this.budget ?? (this.prefix ? null : USUAL_BUDGET);
    return { url: this.url(urls.sheet), progress: this.url(urls.progress), budget, prefix: this.prefix };
  }

  retry() {
    this.failure.hide();
    for (const loading of Object.values(this.loading)) loading.retry();
    if (this.sheets.failed) this.sheets.retry(this.sheetRequest());
    this.refresh();
  }

  failSheet(reason) {
    this.ranking = "";
    this.failure.show(reason);
    this.refresh();
  }

  tellProgress({ done, total, note }) {
    const share = total ? ` ${Math.round((done / total) * 100)}%` : "";
    this.ranking = `${note || "Ranking the pool"}${share}`;
    this.refreshLoading();
  }

  takeSheet(sheet, { key, log }) {
    const other = this.shownKey !== key;
    const decided = !other && this.shownLog !== log;
    this.shownKey = key;
    this.shownLog = log;
    this.sheet = sheet;
    this.ranking = "";
    this.meanwhile = false;
    this.failure.hide();
    if (this.budget === null || (other && this.budget > this.most)) this.firstBudget();
    this.lister.take(sheet, other);
    const { came, went } = this.lister.display;
    if (decided || (!other && came + went > 0)) {
      this.lister.follow(this.budget, this.mapper.clusterOf);
      this.relist(false);
      if (decided) this.inspector.renew();
      this.loadView();
    } else {
      this.loadView();
      this.relist(true, !other);
    }
    this.loadSheet(); // the budget may need more than has been asked for
    this.root.dataset.ready = `${key}/${log}/${sheet.reach}`;
  }

  firstBudget() {
    const usual = this.sheet.flattens_at || USUAL_BUDGET;
    this.budget = this.prefix ? Math.min(this.most, this.budget ?? usual) : this.budget ?? USUAL_BUDGET;
  }

  takeTargets(targets) {
    this.targets = targets;
    const sets = this.request.targets;
    this.map.takeTargets(targets.map(({ uid, set, place }) => ({ uid, place, set: sets.indexOf(set) })));
    this.refreshTargets();
  }

  takeFound(found) {
    this.found = found;
    this.failure.hide();
    this.relist(true);
  }

  takeOrder({ uids, method }) {
    this.lister.listed = uids;
    this.method = method;
    this.failure.hide();
    this.relist(true);
    if (this.data.urls.audit) {
      this.loading.audit.forget();
      this.loadView();
    }
  }

  takePassing(rows) {
    this.passing = rows;
    this.failure.hide();
    this.relist(false);
  }

  /** The images of the previous round's subset. */
  takeBefore(uids) {
    this.before = new Set(uids);
    if (this.view.state === "round") this.relist(false);
    else this.refreshChips();
  }

  /** Ask where the stop by similarity would end this ranking; null while there is none. */
  findStop(ratio, round) {
    if (!this.data.urls.stop || !this.sheet) return null;
    return this.askStop(this.url(this.data.urls.stop, [], { ratio, round }));
  }

  async askStop(url) {
    const found = await fetching.json(url);
    this.stop = { budget: found.budget, key: this.shownKey };
    this.refreshBar();
    this.showFigures();
    return found;
  }

  /** The budget at which the stop by similarity would end this ranking, if it was asked for. */
  get stopsAt() {
    return this.stop?.key === this.shownKey ? this.stop?.budget ?? null : null;
  }

  takeAudit(audit) {
    this.audit = audit;
    this.refreshChips();
    if (this.sheet && this.figures.part) this.figures.show({ ...this.figures.part, audit });
  }

  mapChanged() {
    if (!this.items) return;
    const needs = this.view.area.length || this.view.cluster !== null || this.lister.order === "cluster";
    if (needs) this.relist(this.lister.order === "cluster", true);
    else this.paintMap();
  }

  /* ---- the list ---- */

  /** The test of rows: area, cluster, and rows that pass a filter of the pool. */
  rowTest() {
    const { view } = this;
    const area = view.area.length ? areaTest(this.mapper.points, view.area) : null;
    const cluster = clusterTest(this.mapper.clusters, view.cluster);
    const passing = this.passing && memberOf(this.passing);
    return [area, cluster, passing].some(Boolean) ? every(area, cluster, passing) : null;
  }

  /** Make the list again. `clean` drops ghosts and new marks; `keep` keeps the current image. */
  relist(clean, keep = false) {
    if (!this.data) return;
    if (clean) this.lister.clean(this.budget ?? 0, this.mapper.clusterOf);
    const before = this.items;
    this.items = this.makeItems();
    const sameKind = before && before.constructor === this.items.constructor;
    const place = sameKind && (keep || !clean) ? (item) => this.placeOf(before, item) : null;
    this.grid.show(this.items, place);
    this.restoreFocus();
    this.refresh();
    this.moved(this.grid.current);
  }

  placeOf(before, item) {
    const entry = before.at(item);
    if (!entry) return -1;
    return entry.row >= 0 ? this.items.findRow(entry.row) : this.items.find(entry.uid);
  }

  makeItems() {
    const { mode, view } = this;
    const rowTest = this.rowTest();
    if (mode === "search") {
      const found = this.found || { uids: [], rows: [], similarity: [] };
      return searchItems(found, this.marks, view, rowTest, this.lister.seen);
    }
    if (mode === "selection") {
      return this.lister.items(view, {
        targets: this.sheet?.targets || [], rowTest, clusterOf: this.mapper.clusterOf,
        before: this.before,
      });
    }
    if (!this.pool) return this.lister.items({ state: "", target: "" }, { targets: [] });
    const tests = this.poolTests();
    return poolItems(this.pool, this.passing, tests);
  }

  /** The tests of the pool's rows; the filter by decision uses the rows that are known. */
  poolTests() {
    const { view } = this;
    const area = view.area.length ? areaTest(this.mapper.points, view.area) : null;
    const rows = STATES[view.state] && new Set(
      this.marks.with(STATES[view.state][0]).map((uid) => this.lister.entry(uid).row));
    return [area, clusterTest(this.mapper.clusters, view.cluster), rows && ((row) => rows.has(row))];
  }

  /** Go to the image of the link, once. */
  restoreFocus() {
    const { focus } = this.view;
    if (!focus || this.focused === focus || !this.items.count) return;
    const item = this.items.find(focus);
    this.focused = focus;
    if (item >= 0) this.grid.move(item);
    else this.go(focus);
  }

  /* ---- drawing ---- */

  /** Redraw everything that can change without another list. */
  refresh() {
    if (!this.data) return;
    this.refreshBar();
    this.refreshChips();
    this.refreshTargets();
    this.refreshLoading();
    this.grid.paint();
    this.paintMap();
    this.showFigures();
  }

  showFigures() {
    this.figures.show(this.sheet && {
      sheet: this.sheet, budget: this.budget, shares: this.shares(), stop: this.stopsAt,
      audit: this.audit, judging: this.lister.order === "audit",
    });
  }

  refreshBar() {
    const { data, deciding } = this;
    this.bar.show({
      choices: data.choices,
      request: { ...this.request, encoder: data.encoder },
      canUndo: data.can_undo || deciding.done.length > 0,
      canRedo: data.can_redo || deciding.undone.length > 0,
      canSave: Boolean(this.sheet && this.budget),
    });
    const shown = this.budget ?? Math.min(USUAL_BUDGET, this.most);
    const marks = { flattens: this.sheet?.flattens_at ?? null, stop: this.stopsAt };
    this.bar.budget.show(shown, this.most, marks, !data.urls.sheet);
  }

  refreshChips() {
    const { marks, items, data, view } = this;
    const { mode } = this;
    const total = mode === "selection" ? Math.min(this.budget ?? 0, this.sheet?.uids.length ?? 0)
      : mode === "search" ? this.found?.uids.length ?? 0 : data.pool.eligible;
    const narrowed = this.filters().length > (mode === "search" ? 1 : 0) || this.lister.order === "audit";
    this.chips.count({
      ...marks.counts, fresh: this.lister.display.came, total, round: this.roundCount(),
      shown: narrowed && items ? items.count : total, state: this.view.state,
    });
    const parted = mode === "selection" && this.sheet && isMixed(this.request);
    this.chips.part(parted ? countedParts(this.request, this.chosenEntries) : [], view.part);
    this.chips.filter([...this.filters(), ...this.settingChips()]);
    this.chips.save(this.deciding.progress);
    this.root.dataset.saving = this.deciding.waiting ? "yes" : "no";
    const { audit } = this;
    this.chips.say({
      audit: mode !== "selection" ? "" : audit?.size ? audited(audit) : "estimate precision",
      note: mode === "selection" && this.lister.needsList ? this.method || "" : "",
    });
    const { similarity, ...rest } = ORDERS;
    const offered = this.request.targets.length ? { similarity, ...rest } : { uid: ORDERS.uid };
    this.chips.orders(Object.entries(offered).filter(
      ([name]) => (name !== "cluster" || data.urls.clusters) && (name !== "part" || isMixed(this.request))),
      this.request.targets.length ? this.lister.order : "uid");
  }

  /** The entries of the subset. */
  get chosenEntries() {
    return this.lister.all.slice(0, this.budget ?? 0);
  }

  /** The previous round and the number of images that it did not have; null without one. */
  roundCount() {
    const { round } = this.data;
    if (!round || !this.before || this.mode !== "selection") return null;
    return { number: round.number, count: this.chosenEntries.filter(({ uid }) => !this.before.has(uid)).length };
  }

  /** The active filters as chips. */
  filters() {
    const { view, mode, request, items } = this;
    const found = [];
    const add = (label, change) => found.push({ label, remove: () => this.setView(change) });
    if (view.search) add(`search ${this.found?.label || view.searched || ""}`, { search: "" });
    if (view.area.length) add(`area on the map${items ? `: ${number(items.count)}` : ""}`, { area: [] });
    if (view.cluster !== null) add(this.mapper.nameOf(view.cluster), { cluster: null });
    if (view.target) {
      const index = (this.sheet?.targets || this.targets).findIndex(({ uid }) => uid === view.target);
      add(index < 0 ? "one target" : `target ${index + 1}`, { target: "" });
    }
    if (view.part) add(view.part === OWN ? "own images" : `part ${view.part}`, { part: "" });
    if (view.state) add({ new: "refilled", round: "new since the last round" }[view.state] || view.state, { state: "" });
    if (view.words) add(`path has “${view.words}”`, { words: "" });
    const limit = (label, change) => found.push({ label, remove: () => this.setRequest(change) });
    if (request.filter && mode !== "search") limit(request.filter, { filter: "" });
    if (request.group && mode !== "search") limit(`group ${request.group}`, { group: "" });
    return found;
  }

  /** Settings of the ranking that a chip shows and removes. */
  settingChips() {
    const { request } = this;
    if (this.mode !== "selection") return [];
    const said = [
      [weightsSaid(request.weights), { weights: {} }],
      [request.with_target && "own images first", { with_target: false }],
      [request.stop_ratio && "stop by similarity", { stop_ratio: null }],
    ];
    return said.filter(([label]) => label).map(
      ([label, change]) => ({ label, remove: () => this.setRequest(change) }));
  }

  refreshLoading() {
    const { data } = this;
    const waits = this.ranks && data.pool.prepared;
    this.loadingLine.replaceChildren();
    if (this.request.targets.length && !data.pool.prepared && data.rows) this.offerPreparation();
    else if (waits) {
      this.loadingLine.textContent = `${this.ranking || "Ranking the pool"}; the first images come soon.`;
    }
    this.loadingLine.hidden = !this.loadingLine.childNodes.length;
    this.grid.say(this.emptySentence());
  }

  offerPreparation() {
    const { commands } = this;
    this.loadingLine.append(...commands.preparation(this.data.map.preparing));
  }

  emptySentence() {
    const { data, mode, items } = this;
    if (!data.rows) return "The images have not been embedded yet; embed them on the Pool page.";
    if (items?.count) return "";
    if (mode === "selection" && !this.sheet) return "";
    if (mode === "selection" && this.lister.needsList && !this.lister.listed) return "Ordering the images.";
    if (mode === "search" && !this.found) return "Searching the pool.";
    if (this.filters().length) return "No image passes the filters.";
    return this.sheet?.shortfall || "No image is eligible.";
  }

  shares() {
    const cut = this.lister.all.slice(0, this.budget ?? 0);
    return shares(cut, this.sheet?.targets.length ?? 0);
  }

  refreshTargets() {
    const known = this.sheet?.targets || this.targets;
    const vetoed = this.deciding.vetoedTargets;
    const targets = known.map((target) => ({ ...target, vetoed: vetoed.has(target.uid) }));
    this.targetsPane.show(targets, this.sheet ? this.shares() : null, this.view.target);
    this.root.classList.toggle("untargeted", !this.request.targets.length);
  }

  paintMap() {
    if (!this.data || !this.mapper.points) return;
    const { mode } = this;
    const entries = mode === "search" ? this.found ? this.items.entries : []
      : this.request.targets.length ? this.lister.display.entries : [];
    this.mapper.paint({
      entries, marks: this.marks, decided: this.decidedRows(), found: mode === "search",
      dark: isDark(this.root), targets: this.targets.length ? this.request.targets : [],
    });
  }

  /** The rows of all decided images; those of earlier visits are looked up. */
  decidedRows() {
    const rows = [];
    const unknown = [];
    for (const [uid, action] of this.marks.actions) {
      const { row } = this.lister.entry(uid);
      if (row >= 0) rows.push({ row, action });
      else if (this.lister.seen.get(uid)?.looked !== true) unknown.push(uid);
    }
    if (unknown.length && this.pool && unknown.length <= MOST_LOOKED_UP) this.lookUp(unknown);
    return rows;
  }

  async lookUp(uids) {
    if (this.lookingUp) return;
    this.lookingUp = true;
    const { pool } = this;
    try {
      const rows = await Promise.all(uids.map((uid) => pool.rowOf(uid)));
      if (pool === this.pool) uids.forEach((uid, i) => {
        this.lister.place(uid, rows[i]);
        this.lister.seen.get(uid).looked = true;
      });
    } catch (problem) {
      if (!(problem instanceof fetching.Failure)) throw problem; // only rings on the map are missing
    } finally {
      this.lookingUp = false;
    }
    if (pool === this.pool) this.paintMap();
  }

  /* ---- tiles ---- */

  lookOf(item) {
    const entry = this.items.at(item);
    const mark = entry.uid ? this.marks.of(entry.uid) || "" : "";
    return {
      ...entry,
      mark,
      current: item === this.grid.choice.cursor,
      chosen: this.grid.choice.size > 0 && this.grid.choice.has(item),
      value: entry.similarity === null ? "" : entry.similarity.toFixed(2),
      name: nameOf(entry, mark, item),
    };
  }

  headerOf(section) {
    const { name, count } = this.items.sections[section];
    if (this.lister.order === "part") {
      const part = { [-1]: "pinned or filled", [OWN]: "the target's own images" }[name] || name;
      return { label: `${part} · ${counted(count, "image")}` };
    }
    if (this.lister.order === "cluster") {
      return { label: `${name < 0 ? "no cluster" : this.mapper.nameOf(name)} · ${counted(count, "image")}` };
    }
    const target = this.sheet?.targets[name];
    if (!target) return { label: `pinned or filled · ${counted(count, "image")}` };
    const label = [`target ${name + 1}`, target.label, counted(count, "image")].filter(Boolean);
    return { uid: target.uid, label: label.join(" · ") };
  }

  /** The entry of the current tile, or null. */
  get current() {
    return this.grid.current >= 0 ? this.items.at(this.grid.current) : null;
  }

  /** Show the current tile in the inspector and on the map. */
  async moved(item) {
    if (item < 0 || !this.items?.count) {
      this.inspector.clear();
      this.map.ringCurrent(null);
      return;
    }
    const entry = this.items.at(item);
    this.map.ringCurrent(this.map.placeOf(entry.row));
    const uid = entry.uid || (await this.pool.uidOf(entry.row).catch(() => null));
    if (!uid || this.grid.current !== item) return;
    this.inspect({ ...entry, uid });
    this.commands.moved();
  }

  inspect(entry) {
    this.inspected = entry;
    this.inspector.show(entry, this.marks.of(entry.uid) || "");
  }

  /** Go to an image of the pool: to its tile, or only to its details. */
  async go(uid) {
    let item = this.items?.find(uid) ?? -1;
    const row = this.lister.entry(uid).row >= 0 ? this.lister.entry(uid).row
      : await (this.pool?.rowOf(uid).catch(() => -1) ?? -1);
    if (item < 0 && row >= 0) item = this.items.findRow(row);
    if (item >= 0) return this.grid.move(item);
    if (row >= 0) this.lister.place(uid, row);
    this.map.ringCurrent(this.map.placeOf(row));
    return this.inspect(this.lister.entry(uid));
  }

  inspectTarget(uid) {
    this.map.ringCurrent(this.placeOfTarget(uid));
    this.inspect({ ...NOTHING, uid, row: -1 });
  }

  placeOfTarget(uid) {
    return this.targets.find((target) => target.uid === uid)?.place || null;
  }

  async pickRow(row) {
    const item = this.items.findRow(row);
    if (item >= 0) return this.grid.move(item);
    return this.go(await this.pool.uidOf(row));
  }

  /* ---- linked hovering ---- */

  hoverTile(item) {
    const row = item >= 0 ? this.items.at(item)?.row ?? -1 : -1;
    this.map.ringHovered(this.map.placeOf(row));
  }

  async hoverPoint(row, target) {
    this.grid.tiles.outline(row >= 0 ? this.items.findRow(row) : -1);
    this.hoveredRow = row;
    if (target) this.map.showPeek(this.thumbnail(target.uid));
    if (row < 0 || !this.pool) return;
    const uid = this.pool.uidAt(row) || (await this.pool.uidOf(row).catch(() => null));
    if (uid && this.hoveredRow === row) this.map.showPeek(this.thumbnail(uid));
  }

  /* ---- decisions ---- */

  decided(uids) {
    if (!this.data) return;
    this.refreshChips();
    this.refreshBar();
    if (uids && !uids.length) return;
    this.grid.paint();
    this.paintMap();
    this.refreshTargets();
    if (this.inspected) this.inspector.show(this.inspected, this.marks.of(this.inspected.uid) || "");
  }

  vetoTarget(target) {
    this.deciding.decide(target.vetoed ? "keep" : "veto", [target.uid], { scope: "target" });
  }

  /* ---- other tabs, jobs, notices ---- */

  async pulse() {
    const { data } = this;
    if (document.visibilityState !== "visible" || this.deciding.waiting || this.wishes.pending.length) return;
    if (!data?.urls.pulse) return;
    try {
      const found = await fetching.json(this.url(data.urls.pulse, [],
        { target: this.request.targets, encoder: data.encoder }));
      const changed = found.log !== this.data.log || (data.rows && found.rows !== this.data.rows);
      if (changed && data === this.data && !this.deciding.waiting) this.wish("refresh");
    } catch (problem) {
      if (!(problem instanceof fetching.Failure)) throw problem; // the next look will tell
    }
  }

  watchJobs() {
    const busy = this.data?.map.job || this.data?.map.preparing;
    if (busy && document.visibilityState === "visible" && !this.wishes.waits("refresh")) this.wish("refresh");
  }

  tellNotice(notice) {
    if (!notice || notice.n <= this.noticed) return;
    this.noticed = notice.n;
    const link = notice.link && {
      label: notice.link.label,
      run: () => this.wish("go", { page: notice.link.page, query: notice.link.query || {} }),
    };
    this.notices.show(notice.text, notice.kind, link);
  }

  /** Swap map and grid: the map takes the middle, the grid its place; or put them back. */
  enlarge() {
    const large = this.root.classList.toggle("mapped");
    const [middle, aside] = large ? [this.mapTab.root, this.grid.root] : [this.grid.root, this.mapTab.root];
    this.side.show("map");
    this.main.insertBefore(middle, this.actionsBar.root);
    this.side.panes.map.append(aside);
    this.map.larger.setAttribute("aria-pressed", String(large));
    (large ? this.map.root : this.grid.view).focus();
  }
}

/** Whether a row is one of some rows, which ascend. */
function memberOf(rows) {
  const known = new Set(rows);
  return (row) => known.has(row);
}

/** How far the page around an element is scrolled. */
function scrolled(root) {
  let total = 0;
  for (let at = root.getRootNode().host || root.parentElement; at; at = at.parentElement) total += at.scrollTop;
  return total;
}
