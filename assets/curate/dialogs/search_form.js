/* The search: a text, or an image that is pasted, dropped or chosen. */

import { button, element, field, group, input } from "../../shared/elements.js";

export const MOST_BYTES = 20_000_000;

/** The form's content; `text(words)`, `image(file)` and `path(words)` start a search. */
export function searchForm({ wordy, words, text, image, path }) {
  const parts = [];
  if (wordy) {
    const query = input("search", "", { placeholder: "a red flower", maxlength: 500 });
    parts.push(entry("Text", query, "Search by text", () => text(query.value.trim()),
      "The pool images most similar to the text."));
  } else {
    parts.push(element("p", "hint",
      "This encoder does not understand text; choose one that was trained with captions to search by text."));
  }
  const chosen = element("input");
  chosen.type = "file";
  chosen.accept = "image/*";
  chosen.onchange = () => chosen.files[0] && image(chosen.files[0]);
  const drop = group("label", "drop", element("strong", "", "Choose an image"),
    element("span", "", "or paste or drop one anywhere on this page, at most 20 MB"), chosen);
  parts.push(group("div", "field", element("span", "label", "Image"), drop));
  const part = input("search", words, { placeholder: "roll-06", maxlength: 300 });
  parts.push(entry("Words in the file's path", part, "Filter", () => path(part.value.trim())));
  return parts;
}

function entry(label, control, action, run, hint) {
  const form = element("form", "entry");
  const go = button("", action, null);
  go.type = "submit";
  form.append(field(label, control, hint), go);
  form.onsubmit = (event) => {
    event.preventDefault();
    run();
  };
  return form;
}

/** The image file of a paste or a drop, or null. */
export function imageIn(transfer) {
  return [...(transfer?.files || [])].find((file) => file.type.startsWith("image/")) || null;
}

/** The bytes of a file as base64. */
export async function encoded(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) {
    text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  }
  return btoa(text);
}
