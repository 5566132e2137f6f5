/* Texts on an image: why it was selected, where it is, and the decisions on it. */

import { OWN } from "../model/recipe.js";

/** Names and values for a definition list; `entry` is of the sheet, `facts` from the server. */
export function described(entry, facts, { mark, floor, clusterName }) {
  const { similarity, target, rank, phase, part, weight } = entry;
  const rows = {};
  if (mark) rows.Decision = { veto: "vetoed", negative: "vetoed", keep: "kept", pin: "pinned" }[mark];
  if (target >= 0) {
    rows["Brought by"] = `target ${target + 1}${rank ? `, rank ${rank}` : ""}`;
  } else if (phase) rows.Phase = phase;
  if (part) rows.Part = part === OWN ? "the target's own images" : part;
  if (weight !== null && weight !== undefined && weight !== 1) rows["Weight of its target"] = String(weight);
  if (similarity !== null) {
    const cut = floor === null || floor === undefined ? "" : ` (floor ${floor.toFixed(2)})`;
    rows.Similarity = similarity.toFixed(3) + cut;
  }
  if (!facts) return rows;
  rows["Near-duplicates"] = facts.copies.length ? String(facts.copies.length) : "none";
  if (clusterName) rows.Cluster = clusterName;
  if (facts.width) rows.Size = `${facts.width} × ${facts.height}`;
  return rows;
}

/** One decision as a line of text. */
export function told({ at, who, action, scope, reason, stands }) {
  const parts = [
    `${action} by ${who}, ${moment(at)}`,
    scope === "image" ? "" : `scope ${scope}`,
    reason,
    stands ? "" : "undone",
  ];
  return parts.filter(Boolean).join(" · ");
}

/** A time, as text or in seconds, as a short text of this place. */
export function moment(at) {
  return new Date(typeof at === "number" ? at * 1000 : at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
