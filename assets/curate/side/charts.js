/* Small charts as SVG, drawn from arrays; each comes with its values as a table. */

const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 400;
const HEIGHT = 150;
const EDGE = { left: 40, right: 10, top: 8, bottom: 24 };

function shape(tag, attributes, text) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function frame(label, height = HEIGHT) {
  const made = shape("svg", {
    viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label, class: "chart",
    xmlns: SPACE,
  });
  return made;
}

/** Round values between two ends, about `count` of them. */
export function ticks(low, high, count = 4) {
  const rough = (high - low) / count || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * unit).find((value) => value >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) {
    found.push(Number(value.toPrecision(10)));
  }
  return found;
}

function scaled(low, high, from, to) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

function axes(svg, x, y, xTicks, yTicks, written = (value) => value.toLocaleString("en")) {
  const bottom = HEIGHT - EDGE.bottom;
  for (const value of yTicks) {
    svg.append(shape("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(value), y2: y(value),
      class: "rule" }));
    svg.append(shape("text", { x: EDGE.left - 6, y: y(value) + 3.5, "text-anchor": "end" },
      written(value)));
  }
  for (const value of xTicks) {
    svg.append(shape("text", { x: x(value), y: bottom + 15, "text-anchor": "middle" },
      value.toLocaleString("en")));
  }
  svg.append(shape("line", { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: bottom, y2: bottom,
    class: "axis" }));
}

/** Horizontal bars of named counts. */
export function bars(label, rows) {
  const step = 24;
  const svg = frame(label, rows.length * step + 6);
  const most = Math.max(1, ...rows.map(([, value]) => value));
  rows.forEach(([name, value], i) => {
    const y = i * step + 4;
    svg.append(shape("text", { x: 0, y: y + 12 }, name));
    svg.append(shape("rect", { x: 170, y: y + 1, width: Math.max(1, (value / most) * 160), height: 14,
      rx: 2, class: "fill" }));
    svg.append(shape("text", { x: 174 + (value / most) * 160, y: y + 12 },
      value.toLocaleString("en")));
  });
  return svg;
}

/** A band between two curves and the line between them; marks are vertical lines with a text. */
export function band(label, xs, { low, middle, high }, marks = []) {
  const svg = frame(label);
  const seen = [...low, ...high].filter(Number.isFinite);
  const [least, most] = [Math.min(...seen), Math.max(...seen)];
  const x = scaled(xs[0], xs.at(-1), EDGE.left, WIDTH - EDGE.right);
  const y = scaled(least, most, HEIGHT - EDGE.bottom, EDGE.top);
  axes(svg, x, y, ticks(xs[0], xs.at(-1)), ticks(least, most));
  const line = (values) => values.map((value, i) => `${x(xs[i]).toFixed(1)},${y(value).toFixed(1)}`);
  svg.append(shape("polygon", { points: [...line(high), ...line(low).reverse()].join(" "),
    class: "band" }));
  svg.append(shape("polyline", { points: line(middle).join(" "), class: "line" }));
  for (const mark of marks) addMark(svg, x, mark, xs[0], xs.at(-1));
  return svg;
}

/** Two overlaid histograms over the same edges. */
export function histograms(label, edges, [first, second], marks = []) {
  const svg = frame(label);
  const most = Math.max(...first, ...second, 1e-9);
  const x = scaled(edges[0], edges.at(-1), EDGE.left, WIDTH - EDGE.right);
  const y = scaled(0, most, HEIGHT - EDGE.bottom, EDGE.top);
  axes(svg, x, y, ticks(edges[0], edges.at(-1)), ticks(0, most, 3),
    (value) => `${Number((value * 100).toPrecision(3))}%`);
  [[first, "grey"], [second, "fill"]].forEach(([values, name]) => values.forEach((value, i) => {
    if (value > 0) svg.append(shape("rect", { x: x(edges[i]), y: y(value), class: name,
      width: Math.max(0.5, x(edges[i + 1]) - x(edges[i])), height: HEIGHT - EDGE.bottom - y(value) }));
  }));
  for (const mark of marks) addMark(svg, x, mark, edges[0], edges.at(-1));
  return svg;
}

/** Vertical bars of counts in order, such as the images of each target. */
export function columns(label, values) {
  const svg = frame(label);
  const most = Math.max(1, ...values);
  const x = scaled(0, values.length, EDGE.left, WIDTH - EDGE.right);
  const y = scaled(0, most, HEIGHT - EDGE.bottom, EDGE.top);
  axes(svg, x, y, ticks(0, values.length).filter(Number.isInteger),
    ticks(0, most, 3).filter(Number.isInteger));
  const path = values.map((value, i) =>
    `M${x(i).toFixed(2)} ${y(0)}V${y(value).toFixed(1)}H${x(i + 0.9).toFixed(2)}V${y(0)}Z`);
  svg.append(shape("path", { d: path.join(""), class: "fill" }));
  return svg;
}

function addMark(svg, x, { at, text }, low, high) {
  if (at === null || at === undefined || at < low || at > high) return;
  svg.append(shape("line", { x1: x(at), x2: x(at), y1: EDGE.top, y2: HEIGHT - EDGE.bottom,
    class: "mark" }));
  const end = x(at) > WIDTH * 0.65;
  svg.append(shape("text", { x: x(at) + (end ? -5 : 5), y: EDGE.top + 9,
    "text-anchor": end ? "end" : "start", class: "marktext" }, text));
}

/** The SVG as a file: with the colours that the page gives it. */
export function drawn(svg) {
  const copy = svg.cloneNode(true);
  const parts = svg.querySelectorAll("*");
  copy.querySelectorAll("*").forEach((made, i) => {
    const style = getComputedStyle(parts[i]);
    for (const name of ["fill", "stroke", "stroke-width", "opacity", "font-size", "font-family"]) {
      made.setAttribute(name, style.getPropertyValue(name));
    }
  });
  return new XMLSerializer().serializeToString(copy);
}
