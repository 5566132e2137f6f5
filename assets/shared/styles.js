/* Style sheets, each loaded once and shared by its components. */

import { text } from "./fetching.js";

const loading = new Map(); // URL → promise of its sheet

/** The style sheets at URLs relative to a module. */
export function styleSheets(module, ...paths) {
  return Promise.all(paths.map((path) => styleSheet(new URL(path, module).href)));
}

function styleSheet(url) {
  if (!loading.has(url)) loading.set(url, load(url));
  return loading.get(url);
}

async function load(url) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(await text(url));
  return sheet;
}
