/* A decision with a wider scope: near-duplicates, cluster, or all similar images, with a preview. */

import { button, element, field, group, input, picture, select } from "../../shared/elements.js";
import * as fetching from "../../shared/fetching.js";
import { counted } from "../model/saving.js";

const SCOPES = [
  ["group", "Its near-duplicates"], ["cluster", "Its cluster on the map"],
  ["radius", "Pool images above a similarity"], ["image", "This image only"],
];
const SHOWN = 40;
const ACTIONS = [["veto", "Veto"], ["keep", "Keep"], ["pin", "Pin"]];

/** The form's content; `url(scope, least)` gives the preview, `decide(action, uids, scope, reason)`. */
export function scopeForm(uid, { url, thumbnail, decide }) {
  const least = input("range", 0.6, { min: 0, max: 1, step: 0.01 });
  const value = element("output", "", "0.60");
  const radius = field("Minimum similarity to this image", group("span", "ranged", least, value));
  const count = element("p", "count");
  count.setAttribute("aria-live", "polite");
  const pictures = element("div", "strip");
  const reason = input("text", "", { maxlength: 300 });
  const buttons = ACTIONS.map(([action, label]) =>
    button("primary", label, () => decide(action, uids, scope.value, reason.value.trim())));
  let uids = [];
  let turn = 0;
  const preview = async () => {
    const mine = ++turn;
    radius.hidden = scope.value !== "radius";
    value.textContent = Number(least.value).toFixed(2);
    buttons.forEach((made) => { made.disabled = true; });
    count.textContent = "Counting the images";
    try {
      const found = scope.value === "image" ? { uids: [uid] }
        : await fetching.json(url(scope.value, least.value));
      if (mine === turn) show(found.uids);
    } catch (problem) {
      if (mine === turn) count.textContent = problem.message;
    }
  };
  const show = (found) => {
    uids = found;
    count.textContent = `${counted(uids.length, "image")} of the pool`;
    buttons.forEach((made, i) => {
      made.disabled = !uids.length;
      made.textContent = `${ACTIONS[i][1]} ${counted(uids.length, "image")}`;
    });
    pictures.replaceChildren(...uids.slice(0, SHOWN).map((one) => picture(thumbnail(one), "")));
  };
  const scope = select("", "Scope", SCOPES, "group", preview);
  least.oninput = () => {
    value.textContent = Number(least.value).toFixed(2);
  };
  least.onchange = preview;
  preview();
  return [field("Scope", scope), radius, count, pictures, field("Reason", reason),
    group("div", "row-buttons", ...buttons)];
}
