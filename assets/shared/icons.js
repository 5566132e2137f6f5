/* Icons, drawn as strokes on a square of 16 units. */

const PATHS = {
  undo: "M6 3 2.5 6.5 6 10 M3 6.5h6.5a4 4 0 0 1 0 8H6",
  redo: "M10 3l3.5 3.5L10 10 M13 6.5H6.5a4 4 0 0 0 0 8H10",
  check: "M3 8.5 6.5 12 13 4.5",
  cross: "M4 4l8 8M12 4l-8 8",
  star: "M8 2l1.8 3.9 4.2.5-3.1 2.9.8 4.2L8 11.4l-3.7 2.1.8-4.2L2 6.4l4.2-.5z",
  tune: "M2 4.5h7M13 4.5h1M2 11.5h1M7 11.5h7M9 2.5v4M5 9.5v4",
  search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.5 10.5 14 14",
  lasso: "M8 2.5c3.5 0 6 1.6 6 3.8S11.5 10 8 10 2 8.5 2 6.3 4.5 2.5 8 2.5M4.5 9.5c-1 2 .5 2.5 0 4",
  box: "M2.5 5V2.5H5M11 2.5h2.5V5M13.5 11v2.5H11M5 13.5H2.5V11",
  pan: "M8 1.5v13M1.5 8h13M6 3.5l2-2 2 2M6 12.5l2 2 2-2M3.5 6l-2 2 2 2M12.5 6l2 2-2 2",
  whole: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10M6 8h4M8 6v4",
  enlarge: "M9.5 2.5h4v4M13.5 2.5 9 7M6.5 13.5h-4v-4M2.5 13.5 7 9",
  shrink: "M13.5 2.5 9.5 6.5M9.5 3v3.5H13M2.5 13.5l4-4M6.5 13V9.5H3",
  download: "M8 2v8M4.5 7 8 10.5 11.5 7M2.5 13.5h11",
  chevron: "M4 6l4 4 4-4",
  image: "M2.5 3h11v10h-11zM2.5 11l3-3 2.5 2.5L11 7l2.5 2.5M6 6.2h.01",
  warning: "M8 2.5l6 11H2zM8 7v3M8 11.8h.01",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
};

/** An icon; decorative, so that assistive technology skips it. */
export function icon(name) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.setAttribute("viewBox", "0 0 16 16");
  made.setAttribute("aria-hidden", "true");
  made.classList.add("icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  made.append(path);
  return made;
}
