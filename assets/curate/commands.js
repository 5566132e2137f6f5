/* What keys, buttons and dialogs do in the workspace. */

import { button, checkbox, element, field, input, listed } from "../shared/elements.js";
import { Dialog } from "./dialogs/dialog.js";
import { scopeForm } from "./dialogs/scope_form.js";
import { encoded, imageIn, MOST_BYTES, searchForm } from "./dialogs/search_form.js";
import { settingsForm } from "./dialogs/settings_form.js";
import { Zoom } from "./dialogs/zoom.js";
import { SIZES } from "./grid/layout.js";
import { asked, help } from "./model/keys.js";
import { counted } from "./model/saving.js";

const PAST = { veto: "Veto", keep: "Keep", pin: "Pin" };
const PROMISE = "A decision appears immediately and is on disk once the status shows “saved”. It "
  + "belongs to the target sets and also applies to other strategies, budgets and encoders.";
const MANY = 5000; // images that are sent in one message without a warning

export class Commands {
  constructor(space) {
    this.space = space;
    this.dialog = new Dialog("general", "", () => space.grid.view.focus());
    this.zoomed = new Zoom((event) => this.press(event), () => space.grid.view.focus());
    this.dialogs = [this.dialog.root, this.zoomed.root];
  }

  /** The actions of the bar. */
  bar() {
    const { space } = this;
    return {
      targets: (targets) => space.setRequest({ targets }),
      strategy: (strategy) => space.setRequest({ strategy, recipe: [] }),
      recipe: () => this.settings("recipe", true),
      encoder: (encoder) => space.setRequest({ encoder }),
      budget: (budget, final) => space.setBudget(budget, final),
      settings: () => this.settings("recipe"),
      search: () => this.run("search"),
      undo: () => this.run("undo"),
      redo: () => this.run("redo"),
      save: () => space.wish("save", { budget: space.budget }),
    };
  }

  /* ---- keys ---- */

  press(event) {
    if (event.defaultPrevented || typing(event)) return;
    const wish = asked(event, this.space.look.get("letters"));
    if (!wish || !this.obey(wish, event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Run the command of a key; returns whether it has one here. */
  obey({ decide, run, go, extend }, event) {
    const { space } = this;
    const inside = event.composedPath();
    const onGrid = inside.includes(space.grid.view) || inside.includes(this.zoomed.root);
    if (decide) this.decide(decide);
    else if (run === "zoom" && !onGrid) return false;
    else if (run) return this.run(run) !== false;
    else return onGrid && space.grid.go(go, extend);
    return true;
  }

  run(name) {
    const { space } = this;
    const runs = {
      undo: () => space.data.context && space.deciding.undo(),
      redo: () => space.data.context && space.deciding.redo(),
      all: () => space.grid.chooseAll(),
      clear: () => this.clear(),
      scope: () => this.scope(),
      help: () => this.help(),
      zoom: () => (this.zoomed.isOpen ? this.zoomed.close() : this.zoom()),
      search: () => this.search(),
      enlarge: () => space.enlarge(),
      larger: () => this.resize(SIZES.step),
      smaller: () => this.resize(-SIZES.step),
    };
    return runs[name]();
  }

  clear() {
    const { space } = this;
    if (this.zoomed.isOpen) return false; // the dialog closes itself
    if (space.grid.choice.size) space.grid.clear();
    else if (space.root.classList.contains("mapped")) space.enlarge();
    return true;
  }

  resize(change) {
    const size = this.space.grid.size + change;
    this.space.setSize(Math.max(SIZES.least, Math.min(SIZES.most, size)));
  }

  /* ---- decisions ---- */

  /** Decide on the chosen images, or the current one; asked first if some are out of sight. */
  async decide(action) {
    const { space } = this;
    if (!space.data.context) {
      space.notices.show("Decisions belong to a target set; choose one first.");
      return;
    }
    const items = space.grid.choice.items();
    if (!items.length) return;
    if (items.length > 1 && !space.grid.seesAll(items)) this.confirm(action, items);
    else await this.commit(action, items);
  }

  confirm(action, items) {
    const label = `${PAST[action]} ${counted(items.length, "image")}`;
    this.dialog.open(`${label}?`, [element("p", "", "Some of them are out of sight.")],
      [{ label, primary: true, run: () => this.commit(action, items) }]);
  }

  async commit(action, items) {
    const { space } = this;
    const uids = this.uidsOf(items);
    // At once, so that the next key acts on the next image even while these uids are loaded.
    if (items.length === 1) space.grid.go("ArrowRight", false);
    const found = await uids;
    if (found) space.deciding.decide(action, found);
  }

  /** The uids of items; null, with a notice, if they cannot be loaded. */
  async uidsOf(items) {
    const { space } = this;
    try {
      return await space.items.uidsOf(items);
    } catch (problem) {
      space.notices.show(`The images could not be loaded. ${problem.message}`, "error");
      return null;
    }
  }

  scope() {
    const { space } = this;
    const uid = space.inspected?.uid;
    if (!uid || !space.data.context) return;
    const form = scopeForm(uid, {
      url: (scope, least) => space.url(space.data.urls.scope, [uid], { scope, least }),
      thumbnail: (one) => space.thumbnail(one),
      decide: (action, uids, scope, reason) => {
        space.deciding.decide(action, uids, { scope, reason });
        this.dialog.close();
      },
    });
    this.dialog.open("Decide for a scope", form);
  }

  /* ---- many images ---- */

  async onMany(name) {
    const { space } = this;
    if (name === "clear") return space.grid.clear();
    if (name.startsWith("decide-")) return this.decide(name.slice("decide-".length));
    const uids = await this.uidsOf(space.grid.choice.items());
    if (!uids) return null;
    if (name === "similar") return space.wish("search", { uids });
    if (name === "export") return this.confirmMany(`Export ${counted(uids.length, "image")}`, uids,
      () => space.wish("export", { uids }));
    return this.askName(name, uids);
  }

  confirmMany(label, uids, run) {
    if (uids.length <= MANY) return run();
    return this.dialog.open(`${label}?`, [element("p", "", "This may take a while.")],
      [{ label, primary: true, run }]);
  }

  askName(kind, uids) {
    const { space } = this;
    const target = kind === "add-to-target";
    const name = input("text", "", { maxlength: 60, required: "" });
    const hint = target ? "A new name, or a target set that was created here; embed its images afterwards."
      : "An existing group of this name is replaced.";
    const label = target ? `Use ${counted(uids.length, "image")} as target images`
      : `Save ${counted(uids.length, "image")} as a group`;
    this.dialog.open(label, [field(target ? "Target set" : "Group name", name, hint)], [{
      label: target ? "Add target images" : "Save group", primary: true,
      run: () => {
        if (!name.value.trim()) return false;
        space.wish(kind, { name: name.value.trim(), uids });
        return true;
      },
    }]);
    name.focus();
  }

  /* ---- dialogs ---- */

  zoom() {
    const { space } = this;
    const entry = space.inspected;
    if (!entry) return;
    const mark = space.marks.of(entry.uid);
    const parts = [mark || "", entry.similarity === null ? "" : `similarity ${entry.similarity.toFixed(3)}`,
      entry.target >= 0 ? `brought by target ${entry.target + 1}` : ""];
    this.zoomed.show(space.image(entry.uid), parts.filter(Boolean).join(" · "));
  }

  /** The current image changed: the full image follows. */
  moved() {
    if (this.zoomed.isOpen) this.zoom();
  }

  help() {
    const { space } = this;
    const letters = checkbox("Single-letter keys are on", space.look.get("letters"),
      (on) => space.look.set("letters", on));
    this.dialog.open("Keys", [listed(help()), letters, element("p", "hint", PROMISE)]);
  }

  /** Open the settings on a tab; `mix` adds a second part to a single strategy. */
  settings(tab, mix = false) {
    const { space } = this;
    const form = settingsForm(space.request, {
      choices: space.data.choices, targets: space.targets,
      percentiles: space.figures.figures?.percentiles, mix,
    }, {
      stop: (ratio, round) => space.findStop(ratio, round),
      takeBudget: (budget) => space.setBudget(budget, true),
    });
    form.show(tab);
    const forget = button("link", "Delete this group", () => {
      if (form.chosen.value) space.wish("remove-group", { name: form.chosen.value });
      this.dialog.close();
    });
    forget.hidden = !form.chosen.value;
    form.chosen.addEventListener("change", () => { forget.hidden = !form.chosen.value; });
    form.rules.append(forget);
    this.dialog.open("Settings", form.content,
      [{ label: "Apply", primary: true, run: () => space.setRequest(form.value()) }]);
  }

  search() {
    const { space } = this;
    const done = (run) => { run(); this.dialog.close(); };
    this.dialog.open("Search the pool", searchForm({
      wordy: space.data.choices.wordy,
      words: space.view.words,
      text: (words) => words && done(() => space.wish("search", { text: words })),
      image: (file) => done(() => this.searchImage(file)),
      path: (words) => done(() => space.setView({ words })),
    }));
    this.dialog.root.querySelector("input")?.focus();
  }

  async searchImage(file) {
    const { space } = this;
    if (file.size > MOST_BYTES) {
      space.notices.show(`${file.name} is larger than 20 MB; choose a smaller image.`, "error");
      return;
    }
    space.wish("search", { image: await encoded(file), name: file.name });
  }

  paste(event) {
    const file = imageIn(event.clipboardData);
    if (!file || (typing(event) && !this.dialog.isOpen)) return;
    event.preventDefault();
    if (this.dialog.isOpen) this.dialog.close();
    this.searchImage(file);
  }

  drop(event) {
    event.preventDefault();
    const file = imageIn(event.dataTransfer);
    if (!file) return;
    if (this.dialog.isOpen) this.dialog.close();
    this.searchImage(file);
  }

  nameCluster(cluster) {
    const { space } = this;
    const name = input("text", space.mapper.clusters?.names[cluster] || "", { maxlength: 60 });
    this.dialog.open("Name the cluster", [field("Name", name, "An empty name shows its pictures again.")], [{
      label: "Save name", primary: true,
      run: () => space.wish("name-cluster", { cluster, name: name.value.trim() }),
    }]);
    name.focus();
  }

  deleteSelections(ids) {
    const { space } = this;
    const label = `Delete ${counted(ids.length, "selection")}`;
    this.dialog.open(`${label}?`, [element("p", "", "Decisions and exports are kept.")],
      [{ label, primary: true, run: () => space.wish("delete-selections", { ids }) }]);
  }

  /** The offer to prepare the pool, or the progress of its jobs. */
  preparation(running) {
    if (running) return [element("span", "", running)];
    const sentence = "Selections need the pool's near-duplicates and thresholds, computed once per encoder.";
    return [element("span", "", sentence),
      button("primary", "Prepare pool", () => this.space.wish("prepare"))];
  }
}

/** Whether an event belongs to a field that takes text, or a list that takes keys. */
function typing(event) {
  const at = event.composedPath()[0];
  if (at.matches?.("textarea, select, [contenteditable]")) return true;
  return at.matches?.("input") && !["checkbox", "radio", "button", "file"].includes(at.type);
}
