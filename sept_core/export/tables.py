"""Exports that list the images: the native manifest, csv, jsonl and a plain list of paths."""

import csv
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sept_core.export import subset
from sept_core.manifest import manifest, manifest_tables
from sept_core.storage import atomic

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""First characters of text that a spreadsheet would run as a formula, or change."""


def native(chosen: subset.Subset, out: Path) -> None:
    """Copy the manifest, byte for byte, with the roots of this export."""
    out.mkdir()
    for name in [*(f"{table}.parquet" for table in manifest_tables.TABLES), manifest.HEADER]:
        shutil.copyfile(chosen.opened.folder / name, out / name)
    roots = {name: str(root) for name, root in chosen.reader.roots.items()}
    atomic.write_json(out / manifest.ROOTS, roots)
    if followed := chosen.opened.followed():
        atomic.write_json(out / manifest.LINKS, followed)
    chosen.expect(pq.read_metadata(out / "manifest.parquet").num_rows, "rows")


def table_csv(chosen: subset.Subset, out: Path) -> None:
    """Write one line per image: its absolute `path`, then the manifest's columns."""
    columns = ("path", *chosen.opened.rows.column_names)
    chosen.expect(write_csv(out, columns, _listed(chosen)), "rows")


def table_jsonl(chosen: subset.Subset, out: Path) -> None:
    """Write one JSON object per image, with the exact values; `path` as in the csv."""
    chosen.expect(write_jsonl(out, _listed(chosen)), "rows")


def paths_txt(chosen: subset.Subset, out: Path) -> None:
    """Write one absolute path per line, in selected order.

    Images inside a container, and those whose path does not fit on a line, are copied into a folder
    next to the list, so that a trainer that reads the list gets every image.
    """
    paths = {uid: _line(chosen.path(uid)) for uid in chosen.uids()}
    loose = [uid for uid, path in paths.items() if path is None]
    names = chosen.place(chosen.companion, uids=loose) if loose else []
    for uid, name in zip(loose, names, strict=True):
        paths[uid] = str(chosen.companion_home / name)
    out.write_text("".join(f"{path}\n" for path in paths.values()))
    chosen.expect(len(paths), "paths")


def write_csv(out: Path, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> int:
    """Write a csv file by RFC 4180, safe to open in a spreadsheet; return its number of rows.

    A text cell that begins with one of `FORMULA` gets an apostrophe as a prefix, so that no file
    name runs as a formula; a reader must remove one leading apostrophe.
    """
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        count = 0
        for row in rows:
            count += 1
            writer.writerow([cell(row[name]) for name in columns])
    return count


def write_jsonl(out: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write JSON lines in ASCII, so that no name can break a line; returns their number."""
    count = 0
    with out.open("w", encoding="ascii") as file:
        for row in rows:
            count += 1
            file.write(json.dumps(row, allow_nan=False) + "\n")
    return count


def cell(value: Any) -> Any:
    """Convert a value to a form that a spreadsheet does not interpret; see `write_csv`."""
    return "'" + value if isinstance(value, str) and value.startswith(FORMULA) else value


def _listed(chosen: subset.Subset) -> Iterator[dict[str, Any]]:
    for done, row in enumerate(chosen.rows(), start=1):
        yield {"path": str(chosen.path(row["uid"]) or "")} | row
        chosen.step(done)


def _line(path: Path | None) -> str | None:
    """Return the path as a line, None if a reader of lines would not read it back."""
    text = str(path or "")
    return text if text.strip().splitlines() == [text] else None
