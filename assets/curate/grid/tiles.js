/* The elements of the rows of tiles in view, and their headers. */

import { element, picture } from "../../shared/elements.js";

const MARGIN = 400; // CSS pixels drawn above and below what is visible
const BADGES = { veto: "✕", negative: "✕", keep: "✓", pin: "★" };
const WORDS = { veto: "vetoed", negative: "vetoed", keep: "kept", pin: "pinned" };

export class Tiles {
  /** `look(item)` gives the state of a tile: {uid, mark, current, chosen, fresh, ghost, value, name};
      `header(section)` its content: {picture, label}; `thumbnail(uid)` a URL. */
  constructor({ look, header, thumbnail }) {
    Object.assign(this, { look, header, thumbnail });
    this.root = element("div", "canvas");
    this.root.setAttribute("role", "presentation");
    this.drawn = new Map(); // key of a part → its element and part
    this.tiles = new Map(); // item → its tile, of the drawn rows
  }

  /** Start over with a layout. */
  arrange(layout) {
    this.layout = layout;
    this.root.style.setProperty("--side", layout.side + "px");
    for (const key of [...this.drawn.keys()]) this.erase(key);
  }

  /** Draw the parts between two heights; `shift` is added to their tops. */
  draw(top, height, shift = 0) {
    const parts = this.layout.partsIn(top - MARGIN, top + height + MARGIN);
    const wanted = new Set(parts.map(({ key }) => key));
    for (const key of [...this.drawn.keys()]) if (!wanted.has(key)) this.erase(key);
    for (const part of parts) {
      if (!this.drawn.has(part.key)) this.drawPart(part);
      this.drawn.get(part.key).made.style.transform = `translateY(${part.top + shift}px)`;
    }
  }

  erase(key) {
    const { made, part } = this.drawn.get(key);
    if (!part.head) {
      for (let item = part.first; item < part.first + part.count; item += 1) this.tiles.delete(item);
    }
    made.remove();
    this.drawn.delete(key);
  }

  drawPart(part) {
    const made = part.head ? this.headRow(part.section) : this.tileRow(part);
    made.setAttribute("role", "row");
    made.setAttribute("aria-rowindex", String(part.row + 1));
    this.root.append(made);
    this.drawn.set(part.key, { made, part });
  }

  tileRow(part) {
    const made = element("div", "row");
    for (let i = 0; i < part.count; i += 1) {
      const tile = this.tile(part.first + i, i);
      made.append(tile);
      this.tiles.set(part.first + i, tile);
      this.paintTile(part.first + i, tile);
    }
    return made;
  }

  /** A header: the common property of the images below it. */
  headRow(section) {
    const made = element("div", "head");
    const cell = this.headCell(section);
    cell.setAttribute("role", "rowheader");
    made.append(cell);
    return made;
  }

  headCell(section) {
    const { uid, label } = this.header(section);
    const cell = element("div", "headcell");
    if (uid) cell.append(picture(this.thumbnail(uid), ""));
    cell.append(element("span", "", label));
    return cell;
  }

  tile(item, column) {
    const tile = element("div", "tile");
    tile.dataset.item = item;
    tile.id = "tile-" + item;
    tile.setAttribute("role", "gridcell");
    tile.setAttribute("aria-colindex", String(column + 1));
    tile.append(element("span", "value"), element("span", "badge"), element("span", "new"));
    return tile;
  }

  /** Redraw the tiles in view, or those of some items. */
  paint(items = this.tiles.keys()) {
    for (const item of items) {
      const tile = this.tiles.get(item);
      if (tile) this.paintTile(item, tile);
    }
  }

  paintTile(item, tile) {
    const { uid, mark, current, chosen, fresh, ghost, value, name } = this.look(item);
    if (uid && tile.dataset.uid !== uid) this.fillTile(tile, uid);
    tile.dataset.mark = mark;
    tile.classList.toggle("current", current);
    tile.classList.toggle("chosen", chosen);
    tile.classList.toggle("ghost", ghost);
    tile.setAttribute("aria-selected", String(chosen));
    tile.setAttribute("aria-label", name);
    const [shown, badge, tag] = tile.querySelectorAll("span.value, span.badge, span.new");
    shown.textContent = value;
    badge.textContent = BADGES[mark] || "";
    badge.title = WORDS[mark] || "";
    tag.textContent = ghost && !mark ? "removed" : fresh ? "new" : "";
  }

  fillTile(tile, uid) {
    tile.dataset.uid = uid;
    tile.querySelector("img, .missing")?.remove();
    tile.prepend(picture(this.thumbnail(uid), "", false));
  }

  /** Outline a tile, if it is in view; −1 for none. */
  outline(item) {
    this.outlined?.classList.remove("linked");
    this.outlined = this.tiles.get(item);
    this.outlined?.classList.add("linked");
  }
}
