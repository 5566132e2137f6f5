/* The history: decisions with undo to any of them, and the saved selections. */

import { button, checkbox, element, group, input, picture } from "../../shared/elements.js";
import { FailureNotice } from "../../shared/failure_notice.js";
import * as fetching from "../../shared/fetching.js";
import { Latest } from "../../shared/latest.js";
import { counted, number } from "../model/saving.js";
import { moment } from "./facts.js";

const SHOWN = 200; // decisions in the list
const PICTURES = 12; // of a comparison, on each side
const PAST = { veto: "vetoed", keep: "kept", pin: "pinned", negative: "vetoed", undo: "undone" };

export class HistoryPane {
  /** `actions`: undoTo(position), sign(name), open(id), remove(ids), compare(a, b) (URL),
      thumbnail(uid). */
  constructor(actions) {
    this.actions = actions;
    this.root = element("div", "history");
    this.failure = new FailureNotice("The history", () => this.retry());
    const failed = (reason) => this.failure.show(reason);
    this.events = new Latest(fetching.json, (value) => this.take("log", value), failed);
    this.selections = new Latest(fetching.json, (value) => this.take("saved", value), failed);
    this.picked = new Set();
    this.log = this.saved = this.compared = null;
  }

  retry() {
    this.failure.hide();
    this.events.retry();
    this.selections.retry();
  }

  want(history, selections) {
    this.urls = { history, selections };
    if (this.root.hidden) return;
    if (history) this.events.want(history);
    else this.log = null;
    if (selections) this.selections.want(selections);
  }

  take(name, value) {
    this[name] = value;
    this.failure.hide();
    this.draw();
  }

  /** Load and draw what the pane shows, when it is opened. */
  open() {
    if (this.urls) this.want(this.urls.history, this.urls.selections);
    this.draw();
  }

  draw() {
    if (this.root.hidden) return;
    const top = this.root.scrollTop;
    this.root.replaceChildren(this.failure.root, ...this.savedPart(), ...this.logPart());
    this.root.scrollTop = top;
  }

  /* ---- saved selections ---- */

  savedPart() {
    const title = element("h2", "", "Saved selections");
    if (!this.saved) return [title];
    const known = new Set(this.saved.map(({ id }) => id));
    this.picked = new Set([...this.picked].filter((id) => known.has(id)));
    const own = this.saved.filter(({ study }) => !study);
    const made = this.saved.filter(({ study }) => study);
    const parts = [title];
    if (!own.length) parts.push(element("p", "hint", "No selection is saved yet."));
    parts.push(...own.map((record) => this.record(record)));
    if (made.length) {
      parts.push(group("details", "", element("summary", "", `${counted(made.length, "selection")} of studies`),
        ...made.map((record) => this.record(record))));
    }
    parts.push(this.buttons(), ...this.comparison());
    return parts;
  }

  record({ id, strategy, request, count, state, created_at: at, targets }) {
    const box = checkbox("", this.picked.has(id), (checked) => {
      if (checked) this.picked.add(id);
      else this.picked.delete(id);
      this.draw();
    });
    box.box.setAttribute("aria-label", `Choose ${id}`);
    const names = (targets || request?.targets || []).join(" + ");
    const about = group("div", "", element("strong", "", `${number(count)} images`),
      element("span", "", ` ${names}`),
      element("small", "", [strategy || request?.strategy, at && moment(at), state].filter(Boolean).join(" · ")));
    const made = group("div", "record", box, about, button("link", "Open", () => this.actions.open(id)));
    made.title = id;
    made.classList.toggle("stale", Boolean(state) && state !== "up to date");
    return made;
  }

  buttons() {
    const picked = [...this.picked];
    const compare = button("", "Compare", () => this.compare(picked));
    compare.disabled = picked.length !== 2;
    compare.title = "Choose two selections to compare them";
    const remove = button("", picked.length ? `Delete ${counted(picked.length, "selection")}…` : "Delete…",
      () => this.actions.remove(picked));
    remove.disabled = !picked.length;
    return group("div", "row-buttons", compare, remove);
  }

  async compare([a, b]) {
    try {
      this.compared = { a, b, ...(await fetching.json(this.actions.compare(a, b))) };
    } catch (problem) {
      this.failure.show(problem.message);
    }
    this.draw();
  }

  comparison() {
    const { compared } = this;
    if (!compared || ![compared.a, compared.b].every((id) => this.picked.has(id))) return [];
    const sentence = `${number(compared.shared)} images are in both (Jaccard `
      + `${compared.jaccard.toFixed(2)}); ${number(compared.only_a.length)} only in the first, `
      + `${number(compared.only_b.length)} only in the second.`;
    const table = element("table");
    for (const [name, [first, second]] of Object.entries(compared.diagnostics)) {
      const cells = [name.replaceAll("_", " "), first, second].map((value) => element("td", "",
        typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value ?? "–")));
      table.append(group("tr", "", ...cells));
    }
    const strip = (title, uids) => [element("h3", "", title), group("div", "strip",
      ...uids.slice(0, PICTURES).map((uid) => picture(this.actions.thumbnail(uid), "")))];
    return [element("p", "", sentence), table, ...strip("Only in the first", compared.only_a),
      ...strip("Only in the second", compared.only_b)];
  }

  /* ---- decisions ---- */

  logPart() {
    const parts = [element("h2", "", "Decisions")];
    if (!this.log) return [...parts, element("p", "hint", "Decisions belong to a target set; choose one.")];
    parts.push(this.signing());
    if (!this.log.events.length) parts.push(element("p", "hint", "No decisions yet."));
    const list = element("ol", "events");
    const events = this.log.events.slice(0, SHOWN);
    events.forEach((event, i) => list.append(this.event(event, events.slice(0, i))));
    parts.push(list);
    if (this.log.events.length > SHOWN) {
      parts.push(element("p", "hint", `${number(this.log.events.length - SHOWN)} earlier decisions.`));
    }
    return parts;
  }

  signing() {
    const field = input("text", this.log.who, { maxlength: 100, "aria-label": "Your name, used to sign decisions" });
    field.disabled = !this.log.may_sign;
    field.onchange = () => this.actions.sign(field.value);
    return group("label", "signing", element("span", "", "Signed as"), field);
  }

  event({ position, at, who, action, scope, reason, uids, count, stands }, later) {
    const images = count ?? uids?.length ?? 0;
    const what = action === "undo" ? "undo" : `${counted(images, "image")} ${PAST[action] || action}`;
    const small = [who, moment(at), scope === "image" ? "" : scope, reason].filter(Boolean).join(" · ");
    const standing = later.filter((event) => event.stands && event.action !== "undo").length;
    const made = group("li", stands ? "" : "past", element("span", "", what), element("small", "", small));
    if (standing) {
      const undo = button("link", "Undo to here", () => this.actions.undoTo(position));
      undo.title = `Undo the ${counted(standing, "decision")} after this one`;
      made.append(undo);
    }
    return made;
  }
}
