/* The list that a person reviews: its order stays while decisions change the selection.

   A new sheet is compared with the list: what left stays in place as a ghost, what came is appended
   to its section and marked new. `clean` starts over with the sheet's own order. */

export class Display {
  constructor() {
    this.entries = [];
    this.came = 0; // images marked new
    this.went = 0; // ghosts
  }

  /** Start over: `entries` in order, without ghosts and new images. */
  clean(entries) {
    this.entries = entries.map((entry) => ({ ...entry, ghost: false, fresh: false }));
    this.came = this.went = 0;
  }

  /** Follow a new sheet; `sectionOf` gives the section of an entry, for ordered lists with headers. */
  follow(entries, sectionOf = () => 0) {
    const now = new Map(entries.map((entry) => [entry.uid, entry]));
    const kept = [];
    for (const entry of this.entries) {
      const found = now.get(entry.uid);
      if (found) {
        now.delete(entry.uid);
        kept.push({ ...found, section: entry.section, ghost: false, fresh: entry.fresh });
      } else if (!entry.fresh) {
        kept.push({ ...entry, ghost: true });
      } // a refill that is no longer needed disappears
    }
    const fresh = [...now.values()].map((entry) => ({ ...entry, ghost: false, fresh: true }));
    this.entries = placed(kept, fresh, sectionOf);
    this.came = this.entries.filter((entry) => entry.fresh).length;
    this.went = this.entries.filter((entry) => entry.ghost).length;
  }
}

/** Append each new entry to the end of its section; sections keep their order. */
function placed(kept, fresh, sectionOf) {
  if (!fresh.length) return kept;
  const waiting = new Map();
  for (const entry of fresh) {
    const section = sectionOf(entry);
    if (!waiting.has(section)) waiting.set(section, []);
    waiting.get(section).push(entry);
  }
  const all = [];
  kept.forEach((entry, i) => {
    all.push(entry);
    const section = sectionOf(entry);
    const isLast = i + 1 === kept.length || sectionOf(kept[i + 1]) !== section;
    if (!isLast || !waiting.has(section)) return;
    all.push(...waiting.get(section));
    waiting.delete(section);
  });
  return [...all, ...[...waiting.values()].flat()];
}
