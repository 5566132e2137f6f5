/* The figures of a ranking: precision by the audit, funnel, similarity by budget, floor, shares of
   targets, threshold, and the diagnostics on request. Each can be downloaded as SVG and CSV, and read
   as a table. */

import { button, element, group } from "../../shared/elements.js";
import { FailureNotice } from "../../shared/failure_notice.js";
import * as fetching from "../../shared/fetching.js";
import { Latest } from "../../shared/latest.js";
import { csv } from "../model/csv.js";
import { auditSentence, FEWEST_JUDGED, number, percent } from "../model/saving.js";
import { band, bars, columns, drawn, histograms } from "./charts.js";

const STEPS = { pool: "pool", decodable: "decodable", in_filter: "pass the filter", not_leaked: "no leaks",
  not_vetoed: "not vetoed", selected: "can be selected" }; // each is a part of the step before
const LOSSES = { lost_to_leaks: "leaks", lost_to_vetoes: "vetoes", lost_to_duplicates: "near-duplicates",
  lost_to_quota: "quotas" };
const SHOWN_ROWS = 200; // of a table on the page; the download has all

export class FiguresPane {
  /** `actions`: diagnostics() gives the URL; audit() shows the sample to judge. */
  constructor(actions) {
    this.actions = actions;
    this.root = element("div", "figures");
    this.failure = new FailureNotice("The figures", () => this.loading.retry());
    this.loading = new Latest(
      fetching.json, (figures) => this.take(figures), (reason) => this.failure.show(reason));
    this.ready = false;
  }

  /** Load the figures of a URL; null without target sets. */
  want(url) {
    this.url = url;
    if (!url) {
      this.figures = null;
      this.draw();
    } else this.loading.want(url);
  }

  take(figures) {
    this.figures = figures;
    this.failure.hide();
    this.draw();
  }

  /** Show the sheet's part: {sheet, budget, shares, stop, audit, judging}; null without a sheet. */
  show(part) {
    this.part = part;
    clearTimeout(this.drawing); // not at every step of the slider
    this.drawing = setTimeout(() => this.draw(), 150);
  }

  draw() {
    if (this.root.hidden) return;
    const { figures } = this;
    const parts = [this.failure.root];
    const sheet = this.part?.sheet;
    if (!sheet) {
      const sentence = this.url ? "The figures appear when the ranking is ready."
        : "Choose a target set to see figures.";
      this.root.replaceChildren(...parts, element("p", "hint", sentence));
      return;
    }
    parts.push(this.precision(this.part), this.funnel(sheet), this.shares(sheet));
    if (figures) parts.splice(3, 0, this.curve(figures, sheet), this.floor(figures));
    if (figures?.threshold) parts.push(this.threshold(figures));
    parts.push(this.diagnostics());
    const top = this.root.scrollTop;
    this.root.replaceChildren(...parts);
    this.root.scrollTop = top;
  }

  precision({ audit, budget, judging }) {
    const act = button("", audit?.size ? "Continue audit" : "Start audit", this.actions.audit);
    const note = element("figcaption", "", auditSentence(audit, budget));
    if ((audit?.judged || 0) < Math.min(FEWEST_JUDGED, audit?.size || 1)) {
      return group("figure", "figure precision",
        group("div", "titled", element("h2", "", "Precision")), note, ...(judging ? [] : [act]));
    }
    const rows = audit.budgets.map(({ budget: first, estimate, low, high, judged }) =>
      [first, percent(estimate), `${percent(low)} to ${percent(high)}`, judged]);
    const head = ["first images", "precision", "95% interval", "judged"];
    const made = group("figure", "figure precision",
      group("div", "titled", element("h2", "", "Precision"),
        button("link", "CSV", () => download("precision.csv", csv([head, ...rows]), "text/csv"))),
      note, tableOf("Precision", [head, ...rows]));
    if (!judging && audit.judged < audit.size) made.append(act);
    return made;
  }

  funnel(sheet) {
    const { funnel } = sheet;
    const within = ["within the budget", Math.min(this.part.budget, sheet.uids.length)];
    const steps = Object.keys(STEPS).filter((name) =>
      name in funnel && (name !== "in_filter" || funnel.in_filter < funnel.decodable));
    const bar = [...steps.map((name) => [STEPS[name], funnel[name]]), within];
    const table = Object.entries(funnel).map(
      ([name, value]) => [STEPS[name] || name.replaceAll("_", " "), value]);
    const short = this.part.budget > sheet.uids.length;
    const notes = [lost(funnel), short && sheet.shortfall, sheet.guard?.sentence].filter(Boolean);
    return this.figure("Selection funnel", bars("Selection funnel", bar),
      [["step", "images"], ...table, within], notes.join(" "));
  }

  curve({ curve }, sheet) {
    if (!curve?.budgets?.length) return element("span");
    const { budgets, low, median, high } = curve;
    const marks = [{ at: this.part.budget, text: "budget" }];
    if (this.part.stop) marks.push({ at: this.part.stop, text: "stop" });
    if (sheet.flattens_at) marks.push({ at: sheet.flattens_at, text: "flattens" });
    const made = band("Similarity by budget", budgets, { low, middle: median, high }, marks);
    return this.figure("Similarity by budget", made,
      [["budget", "lower quartile", "median", "upper quartile"],
        ...budgets.map((budget, i) => [budget, low[i], median[i], high[i]])],
      hinted(sheet.hint, this.part.budget) || "Median and quartiles over the targets.");
  }

  floor({ histogram, floor }) {
    const { edges, background, neighbours } = histogram;
    const marks = floor === null ? [] : [{ at: floor, text: "floor" }];
    const made = histograms("Similarity floor", edges, [background, neighbours], marks);
    return this.figure("Similarity floor", made,
      [["from", "to", "random pairs", "neighbours"],
        ...background.map((value, i) => [edges[i], edges[i + 1], value, neighbours[i]])],
      "Grey: random pairs of a target and a pool image. Colour: neighbours of the targets.");
  }

  shares(sheet) {
    const counts = [...this.part.shares.counts].sort((a, b) => b - a);
    const without = counts.filter((count) => !count).length;
    const made = columns("Images per target", counts);
    const rows = sheet.targets.map(({ uid, label }, i) => [
      i + 1, uid, label, this.part.shares.counts[i], this.part.shares.weakest[i]]);
    return this.figure("Images per target", made,
      [["target", "uid", "label", "images", "lowest similarity"], ...rows],
      without ? `${number(without)} target images contributed no images.` : "");
  }

  threshold({ threshold }) {
    const { edges, background, copies, tau, sentence } = threshold;
    const made = histograms("Near-duplicate threshold", edges, [background, copies],
      [{ at: tau, text: "threshold" }]);
    return this.figure("Near-duplicate threshold", made,
      [["from", "to", "different images", "near-duplicates"],
        ...background.map((value, i) => [edges[i], edges[i + 1], value, copies[i]])], sentence);
  }

  figure(title, chart, rows, note) {
    const name = title.toLowerCase().replaceAll(" ", "-");
    const head = group("div", "titled", element("h2", "", title),
      button("link", "SVG", () => download(`${name}.svg`, drawn(chart), "image/svg+xml")),
      button("link", "CSV", () => download(`${name}.csv`, csv(rows), "text/csv")));
    head.querySelectorAll("button").forEach((made) => {
      made.setAttribute("aria-label", `Download ${title} as ${made.textContent}`);
    });
    const made = group("figure", "figure", head, chart);
    if (note) made.append(element("figcaption", "", note));
    made.append(this.table(title, rows));
    return made;
  }

  table(title, rows) {
    const details = group("details", "", element("summary", "", "Table"));
    details.ontoggle = () => {
      if (details.open && !details.querySelector("table")) details.append(tableOf(title, rows));
    };
    return details;
  }

  diagnostics() {
    const made = element("figure", "figure");
    const url = this.actions.diagnostics();
    const head = group("div", "titled", element("h2", "", "Diagnostics"));
    made.append(head);
    if (this.diagnosed?.url === url) {
      const rows = Object.entries(this.diagnosed.values)
        .filter(([, value]) => typeof value === "number" || typeof value === "string")
        .map(([name, value]) => [name.replaceAll("_", " "), value]);
      head.append(button("link", "CSV",
        () => download("diagnostics.csv", csv([["diagnostic", "value"], ...rows]), "text/csv")));
      made.append(tableOf("Diagnostics", [["diagnostic", "value"], ...rows]));
      return made;
    }
    const compute = button("", "Compute diagnostics", async () => {
      compute.disabled = true;
      compute.textContent = "Computing diagnostics";
      try {
        this.diagnosed = { url, values: await fetching.json(url) };
      } catch (problem) {
        this.diagnosed = { url, values: { error: problem.message } };
      }
      this.draw();
    });
    made.append(element("figcaption", "", "Computed without training; they are not evidence."), compute);
    return made;
  }
}

/** The sentence on the candidates that the strategy considered and could not take. */
function lost(funnel) {
  const words = Object.entries(LOSSES).filter(([name]) => funnel[name] > 0)
    .map(([name, word]) => `${number(funnel[name])} to ${word}`);
  return words.length && `Of ${number(funnel.considered)} candidates, ${words.join(", ")} were lost.`;
}

/** The advice on the strategy, where the budget is above its limit. */
function hinted(hint, budget) {
  return hint?.sentence && budget > hint.above ? hint.sentence : "";
}

function tableOf(title, rows) {
  const table = element("table");
  table.append(element("caption", "hidden-text", title));
  const [head, ...body] = rows;
  const line = (cells, tag) => group("tr", "", ...cells.map((value) => element(tag, "", written(value))));
  table.append(group("thead", "", line(head, "th")),
    group("tbody", "", ...body.slice(0, SHOWN_ROWS).map((cells) => line(cells, "td"))));
  return table;
}

function written(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  return Number.isInteger(value) ? number(value) : String(Number(value.toPrecision(4)));
}

function download(name, text, type) {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
