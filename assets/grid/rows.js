/* The elements of the rows of tiles in view. */

import { element, picture } from "../shared/elements.js";

const MARGIN_ROWS = 3; // drawn above and below what is visible
const BADGES = { veto: "✕", negative: "✕", keep: "✓", pin: "★" };

export class Rows {
  /** `look` returns the state of an item's tile: {mark, current, chosen, several, fresh}. */
  constructor(look) {
    this.look = look;
    this.root = element("div", "canvas");
    this.query = ""; // names the project in URLs
    this.drawn = new Map(); // number of a row → its element and what it holds
    this.tiles = new Map(); // item → its tile, of the drawn rows
  }

  /** Start over with a layout of a sheet. */
  arrange(layout, sheet) {
    this.layout = layout;
    this.sheet = sheet;
    this.root.style.setProperty("--side", layout.side + "px");
    this.root.style.height = layout.height + "px";
    this.clear();
  }

  clear() {
    for (const number of [...this.drawn.keys()]) this.erase(number);
  }

  draw(top, height) {
    const [from, to] = this.layout.rowsIn(top, height, MARGIN_ROWS);
    for (const number of [...this.drawn.keys()]) {
      if (number < from || number >= to) this.erase(number);
    }
    for (let number = from; number < to; number += 1) {
      if (!this.drawn.has(number)) this.drawRow(number);
    }
  }

  erase(number) {
    const { made, row } = this.drawn.get(number);
    for (let item = row.first; item < row.first + row.count; item += 1) this.tiles.delete(item);
    made.remove();
    this.drawn.delete(number);
  }

  drawRow(number) {
    const row = this.layout.rows[number];
    const made = element("div", "row");
    made.style.transform = `translateY(${this.layout.top(number)}px)`;
    if (this.layout.divided) made.append(this.sectionCell(row));
    for (let item = row.first; item < row.first + row.count; item += 1) {
      const tile = this.tile(item);
      made.append(tile);
      this.tiles.set(item, tile);
      this.paintTile(item, tile);
    }
    this.root.append(made);
    this.drawn.set(number, { made, row });
  }

  tile(item) {
    const uid = this.sheet.uids[item];
    const tile = element("div", "tile");
    tile.dataset.row = item;
    tile.dataset.uid = uid;
    tile.id = "tile-" + item;
    tile.setAttribute("role", "option");
    tile.append(this.thumbnail(uid, "Image " + (item + 1)));
    tile.append(element("span", "badge"), element("span", "new"));
    return tile;
  }

  /** The common property of the images next to it: a target image, or a cluster's name. */
  sectionCell(row) {
    const cell = element("div", "target");
    if (!row.head) return cell;
    const { uid, label } = this.sheet.sections[row.section];
    if (uid) cell.append(this.thumbnail(uid, "Target image"));
    cell.append(element("span", "label", label));
    return cell;
  }

  thumbnail(uid, name) {
    return picture("/thumbnails/" + uid + this.query, name);
  }

  /** Redraw the tiles in view from one item to another. */
  paint(from, to) {
    for (const [item, tile] of this.tiles) {
      if (item >= from && item <= to) this.paintTile(item, tile);
    }
  }

  paintTile(item, tile) {
    const { mark, current, chosen, several, fresh } = this.look(item);
    tile.dataset.mark = mark;
    tile.classList.toggle("current", current);
    tile.classList.toggle("chosen", chosen && several);
    tile.setAttribute("aria-selected", String(chosen));
    tile.querySelector(".badge").textContent = BADGES[mark] || "";
    tile.querySelector(".new").textContent = fresh ? "new" : "";
  }
}
