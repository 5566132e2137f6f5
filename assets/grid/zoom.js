/* The full image with the reason for its selection; the grid's keys still work. */

import { element, listed, picture } from "../shared/elements.js";
import { Latest } from "../shared/latest.js";
import * as fetching from "../shared/fetching.js";
import { FailureNotice } from "../shared/failure_notice.js";
import { described, told } from "./reasons.js";

export class Zoom {
  constructor() {
    this.dialog = element("dialog", "panel zoom");
    this.shown = null;
    this.more = element("div", "more");
    this.failure = new FailureNotice("The details", () => this.details.retry());
    this.details = new Latest(
      fetching.json, (details) => this.showMore(details), (reason) => this.failure.show(reason));
  }

  /** `facts`: uid, target, mark, rank, similarity, phase; `why`, the URL of more; `query`. */
  show(facts) {
    const known = JSON.stringify(facts);
    if (!this.dialog.open) this.dialog.showModal();
    if (this.shown === known) return;
    this.shown = known;
    this.query = facts.query;
    const image = element("figure", "image");
    image.append(picture("/images/" + facts.uid + facts.query, "Full image"));
    const why = element("div", "why");
    why.append(element("h3", "", "Reason for selection"));
    if (facts.target) why.append(this.target(facts.target));
    why.append(listed(described(facts)), this.more);
    this.more.replaceChildren(this.failure.root);
    this.failure.hide();
    this.dialog.replaceChildren(image, why);
    this.details.load(facts.why); // also for the same image: its decisions have changed
  }

  target(uid) {
    const target = element("figure", "target");
    target.append(picture("/images/" + uid + this.query, "Target image"));
    target.append(element("figcaption", "", "owning target image"));
    return target;
  }

  /** Add the server's details: other targets, near-duplicates, decisions, files. */
  showMore({ targets, copies, decisions, places }) {
    this.failure.hide();
    const similarities = targets.map(([, value]) => value.toFixed(3));
    this.more.append(
      ...this.pictures("Nearest target images", targets.map(([uid]) => uid), similarities),
      ...this.pictures("Near-duplicates in the pool", copies));
    if (decisions.length) this.more.append(element("h4", "", "Decisions"));
    for (const decision of decisions) {
      this.more.append(element("p", decision.stands ? "" : "past", told(decision)));
    }
    this.more.append(element("h4", "", places.length > 1 ? "Files" : "File"));
    for (const place of places) this.more.append(element("p", "place", place));
  }

  pictures(title, uids, captions) {
    if (!uids.length) return [];
    const pictures = element("div", "pictures");
    uids.forEach((uid, i) => {
      const figure = element("figure");
      figure.append(picture("/thumbnails/" + uid + this.query, title));
      if (captions) figure.append(element("figcaption", "", captions[i]));
      pictures.append(figure);
    });
    return [element("h4", "", title), pictures];
  }
}
