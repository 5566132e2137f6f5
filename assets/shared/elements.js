/* Elements of the page. Text is set with `textContent` only. */

import { icon } from "./icons.js";

export function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** An element with children. */
export function group(tag, name, ...children) {
  const made = element(tag, name);
  made.append(...children);
  return made;
}

export function button(name, label, onclick) {
  const made = element("button", name, label);
  made.type = "button";
  made.onclick = onclick;
  return made;
}

/** A button that shows an icon; its label is read out and shown as a hint. */
export function iconButton(name, symbol, label, onclick) {
  const made = button(name, undefined, onclick);
  made.append(icon(symbol));
  made.title = label;
  made.setAttribute("aria-label", label);
  return made;
}

/** An image; a text replaces it if it cannot be loaded. */
export function picture(url, name, lazy = true) {
  const made = element("img");
  if (lazy) made.loading = "lazy";
  made.decoding = "async";
  made.alt = name;
  made.draggable = false;
  made.onerror = () => made.replaceWith(element("span", "missing", "no preview"));
  made.src = url;
  return made;
}

/** A definition list of names and values. */
export function listed(entries) {
  const list = element("dl");
  for (const [name, value] of Object.entries(entries)) {
    list.append(element("dt", "", name), element("dd", "", value));
  }
  return list;
}

/** A select box; `options` are pairs of value and text. */
export function select(name, label, options, value, onchange) {
  const made = element("select", name);
  made.setAttribute("aria-label", label);
  fill(made, options, value);
  made.onchange = () => onchange(made.value);
  return made;
}

/** Replace the options of a select box, if they changed, and choose one. */
export function fill(made, options, value) {
  const known = JSON.stringify(options);
  if (made.dataset.options !== known) {
    made.replaceChildren(...options.map(([key, text]) => new Option(text, key)));
    made.dataset.options = known;
  }
  if (made.value !== String(value)) made.value = value;
}

/** A control under its label. */
export function field(label, control, hint) {
  const made = element("label", "field");
  made.append(element("span", "label", label), control);
  if (hint) made.append(element("small", "", hint));
  return made;
}

export function checkbox(label, checked, onchange) {
  const box = element("input");
  box.type = "checkbox";
  box.checked = checked;
  box.onchange = () => onchange?.(box.checked);
  const made = element("label", "check");
  made.append(box, element("span", "", label));
  made.box = box;
  return made;
}

export function input(type, value, attributes = {}) {
  const made = element("input");
  made.type = type;
  for (const [name, text] of Object.entries(attributes)) made.setAttribute(name, text);
  made.value = value;
  return made;
}
