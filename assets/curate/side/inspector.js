/* The current image: large, with why it was selected, its files, neighbours and decisions. */

import { button, element, group, listed, picture } from "../../shared/elements.js";
import { FailureNotice } from "../../shared/failure_notice.js";
import * as fetching from "../../shared/fetching.js";
import { Latest } from "../../shared/latest.js";
import { described, told } from "./facts.js";

const DELAY = 120; // ms that an image must stay the current one until its facts are requested

export class Inspector {
  /** `actions`: image(uid), thumbnail(uid), facts(uid) (URLs), go(uid), goTarget(uid),
      clusterName(row), clusterOf(row), showCluster(number), nameCluster(number), floor(), zoom(),
      similar(uid). */
  constructor(actions) {
    this.actions = actions;
    this.root = element("section", "inspector");
    this.root.setAttribute("aria-label", "Current image");
    this.failure = new FailureNotice("The details", () => this.details.retry());
    this.details = new Latest(
      fetching.json, (facts) => this.take(facts), (reason) => this.failure.show(reason));
    this.body = element("div", "body");
    this.root.append(element("h2", "hidden-text", "Current image"), this.body, this.failure.root);
    this.clear();
  }

  clear() {
    this.uid = null;
    clearTimeout(this.waiting);
    this.body.replaceChildren(element("p", "hint", "No image is chosen."));
  }

  /** Show an image: `entry` of the grid, or {uid} of a target image; `mark` its decision. */
  show(entry, mark) {
    const key = `${entry.uid}/${mark}/${entry.similarity}`;
    if (key === this.key && this.uid === entry.uid) return;
    this.key = key;
    if (this.uid !== entry.uid) {
      this.facts = null;
      this.uid = entry.uid;
      this.failure.hide();
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.ask(), DELAY);
    }
    this.entry = entry;
    this.mark = mark;
    this.draw();
  }

  ask() {
    if (this.uid) this.details.load(this.actions.facts(this.uid));
  }

  /** Load the facts of the same image again: its decisions have changed. */
  renew() {
    if (this.uid) this.ask();
  }

  take(facts) {
    this.facts = facts;
    this.failure.hide();
    this.draw();
  }

  draw() {
    const { uid, entry, facts, mark } = this;
    if (this.shown !== uid || !this.large?.isConnected) {
      this.large = button("large", undefined, () => this.actions.zoom());
      this.large.title = "Show in full size (Space)";
      this.large.setAttribute("aria-label", "Show in full size");
      this.large.append(picture(this.actions.image(uid), "", false));
      this.shown = uid;
    }
    const rows = listed(described(entry, facts, {
      mark, floor: this.actions.floor(), clusterName: this.actions.clusterName(entry.row),
    }));
    const about = group("div", "about", rows);
    const buttons = group("div", "row-buttons",
      button("link", "Find similar", () => this.actions.similar(uid)));
    const cluster = this.actions.clusterOf(entry.row);
    if (cluster >= 0) {
      buttons.append(button("link", "Show cluster", () => this.actions.showCluster(cluster)),
        button("link", "Name cluster…", () => this.actions.nameCluster(cluster)));
    }
    about.append(buttons);
    this.body.replaceChildren(group("div", "pair", this.large, about), ...this.more());
  }

  more() {
    const { facts } = this;
    if (!facts) return [];
    const parts = [
      ...this.strip("Nearest targets", facts.targets, (uid) => this.actions.goTarget(uid)),
      ...this.strip("Nearest in the pool", facts.pool, (uid) => this.actions.go(uid)),
      ...this.strip("Near-duplicates", facts.copies.map((uid) => [uid, null]),
        (uid) => this.actions.go(uid)),
    ];
    parts.push(element("h3", "", facts.places.length > 1 ? "Files" : "File"));
    for (const place of facts.places) parts.push(element("p", "place", place));
    if (facts.metadata && Object.keys(facts.metadata).length) {
      parts.push(element("h3", "", "Metadata"), listed(Object.fromEntries(
        Object.entries(facts.metadata).map(([name, value]) => [name, String(value)]))));
    }
    if (facts.decisions.length) parts.push(element("h3", "", "Decisions"));
    for (const decision of facts.decisions) {
      parts.push(element("p", decision.stands ? "" : "past", told(decision)));
    }
    return parts;
  }

  strip(title, pairs, go) {
    if (!pairs.length) return [];
    const figures = pairs.map(([uid, cosine]) => {
      const made = button("mini", undefined, () => go(uid));
      made.append(picture(this.actions.thumbnail(uid), ""));
      if (cosine !== null) made.append(element("small", "", cosine.toFixed(2)));
      made.setAttribute("aria-label",
        cosine === null ? `${title}: show this image` : `${title}: similarity ${cosine.toFixed(2)}`);
      return made;
    });
    return [element("h3", "", title), group("div", "strip", ...figures)];
  }
}
