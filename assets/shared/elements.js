/* Elements of the page. Text is set with `textContent` only. */

export function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function button(name, label, onclick) {
  const made = element("button", name, label);
  made.type = "button";
  made.onclick = onclick;
  return made;
}

/** An image; a text replaces it if it cannot be loaded. */
export function picture(url, name) {
  const made = element("img");
  made.loading = "lazy";
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
