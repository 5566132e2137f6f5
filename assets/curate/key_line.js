/* The line of keys below the workspace. */

import { button, element, group } from "../shared/elements.js";
import { shortHelp } from "./model/keys.js";

export function keyLine(onHelp) {
  const parts = shortHelp().map(([key, does]) =>
    group("span", "key", element("kbd", "", key), element("span", "", does)));
  const help = button("link", undefined, onHelp);
  help.append(element("kbd", "", "?"), element("span", "", "all keys"));
  return group("div", "keys", ...parts, help);
}
