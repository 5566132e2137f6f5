"""Tables of images as various tools write them: all dialects, encodings and spellings of paths.

In: a random generator and an empty folder. Out: a folder of small images with a table that names
them, and what a reader must list: the file of each row, and its other values.
"""

import csv
import functools
import gzip
import io
import json
import random
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.hostile import corpus

Values = dict[str, Any]
_Written = tuple[Path, list[Values], bool, int, str]
"""A table, its values by row, whether it names its columns, broken rows, how it was written."""

DELIMITERS = (",", ";", "\t", "|")
QUOTING = (csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252")
NEWLINES = ("\n", "\r\n", "\r")
SUFFIXES = {",": (".csv",), ";": (".csv",), "\t": (".tsv", ".tab", ".csv"), "|": (".psv", ".csv")}

STYLES: dict[str, Callable[[Path, str], str]] = {
    "relative": lambda folder, name: name,
    "with a dot": lambda folder, name: f"./{name}",
    "absolute": lambda folder, name: str(folder / name),
    "backslashes": lambda folder, name: name.replace("/", "\\"),
    "drive": lambda folder, name: "D:\\my data\\" + name.replace("/", "\\"),
    "elsewhere": lambda folder, name: f"/home/somebody/set/{name}",
    "below a folder": lambda folder, name: f"set/{name}",
    "file address": lambda folder, name: (folder / name).as_uri(),
    "percent": lambda folder, name: urllib.parse.quote(name),
    "decomposed": lambda folder, name: unicodedata.normalize("NFD", name),
    "composed": lambda folder, name: unicodedata.normalize("NFC", name),
    "blanks around": lambda folder, name: f"{name}  ",
    "without suffix": lambda folder, name: name.rpartition(".")[0],
}
"""Ways to write the path of a file `name` below `folder`."""

WORDS = (
    "a fox",
    "tree, tall",
    "red; blue",
    'the "big" one',
    "it's",
    "two\nlines",
    "",
    "x|y",
    "été",
)
"""Captions; all can be written in cp1252."""

BROKEN = (["x", "y"], ["z", "", "w"])
"""Cells that do not form a row when repeated once per column."""
PATH_NAMES = ("path", "file_name", "Image_Path", "where", "id")

PLAIN_FOLDERS = ("imgs", "my images", "été", "train/cat")
FOLDERS = (*PLAIN_FOLDERS, "a,b")


@dataclass(frozen=True)
class Made:
    """A table and its true content.

    Attributes:
        path: of the table.
        files: of each row, the path of its file below the table's folder.
        values: of each row, the values besides the path.
        has_names: whether the table names its columns.
        broken: how many further rows cannot be read.
        told: a description of how it was written.
    """

    path: Path
    files: list[str]
    values: list[Values]
    has_names: bool
    broken: int
    told: str


def make(folder: Path, draw: random.Random) -> Made:
    """Write some images and a table that names them."""
    style = draw.choice([*STYLES])
    is_there = style not in ("drive", "elsewhere", "below a folder")
    files = _images(folder, draw, FOLDERS if is_there else PLAIN_FOLDERS)
    names = [STYLES[style](folder, name) for name in files]
    kind = draw.choice([*KINDS])
    path, values, has_names, broken, told = KINDS[kind](folder, draw, names)
    return Made(path, files, values, has_names, broken, f"{kind}, {style}, {told}")


def cases(count: int = 40) -> Iterator[corpus.Case]:
    """Some tables, to be changed by a fuzzer."""
    for seed in range(count):
        write = functools.partial(_written, seed)
        yield corpus.Case(f"good table {seed}", "source", write, corpus.EITHER)


def _written(seed: int, folder: Path) -> Path:
    return make(folder, random.Random(seed)).path


def _images(folder: Path, draw: random.Random, folders: Sequence[str]) -> list[str]:
    place = unicodedata.normalize(draw.choice(("NFC", "NFD")), draw.choice(folders))
    odd = draw.choice(("", "", " b", "\u00e9", "%20", "#"))
    count = draw.choice((1, 2, 3, 7, 30))
    suffix = draw.choice((".jpg", ".PNG", ".jpeg"))
    names = [f"{place}/{number:04}{odd}{suffix}" for number in range(count)]
    (folder / place).mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(corpus.picture(size=(2, 2)))
    return names


def _values(draw: random.Random, columns: list[str]) -> Values:
    made = {
        "caption": draw.choice(WORDS) or None,
        "label": draw.choice(("cat", "007", "dog, big")),
        "width": draw.randrange(2, 999),
        "score": draw.randrange(1, 99) / 8 + 0.0625,
    }
    return {name: made[name] for name in columns}


def _delimited(folder: Path, draw: random.Random, names: list[str]) -> _Written:
    columns = draw.sample(["caption", "label", "width", "score"], draw.randrange(5))
    delimiter, quoting = draw.choice(DELIMITERS), draw.choice(QUOTING)
    newline = draw.choice(NEWLINES)
    values = [_values(draw, columns) for _ in names]
    for row in values:
        if newline == "\r" and "\n" in (row.get("caption") or ""):
            row["caption"] = "one line"  # Python's writer would not quote it
    place = draw.randrange(len(columns) + 1)
    header = [*columns[:place], draw.choice(PATH_NAMES), *columns[place:]]
    rows = [[*row.values()] for row in values]
    for row, name in zip(rows, names, strict=True):
        row.insert(place, name)
    has_header = draw.random() < 0.7
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=newline)
    broken = draw.randrange(3) if len(header) > 2 and len(rows) > 6 else 0
    lines = [header] * has_header + rows
    for _ in range(broken):
        lines.insert(draw.randrange(len(lines) - 3, len(lines)), draw.choice(BROKEN) * len(header))
    writer.writerows(lines)
    suffix = draw.choice(SUFFIXES[delimiter])
    path, told = _write(folder, draw, f"t{suffix}", out.getvalue())
    told = f"{delimiter!r}, quoting {quoting}, {newline!r}, header {has_header}, {told}"
    return path, values, has_header, broken, told


def _json_lines(folder: Path, draw: random.Random, names: list[str]) -> _Written:
    values = [_values(draw, ["caption", "label", "width"]) for _ in names]
    column = draw.choice(PATH_NAMES)
    rows = [{column: name, **row} for name, row in zip(names, values, strict=True)]
    lines = "".join(json.dumps(row, ensure_ascii=draw.random() < 0.5) + "\n" for row in rows)
    path, told = _write(folder, draw, "t.jsonl", lines)
    return path, values, True, 0, told


def _json(folder: Path, draw: random.Random, names: list[str]) -> _Written:
    values = [_values(draw, ["label", "width"]) for _ in names]
    rows = [{"file_name": name, **row} for name, row in zip(names, values, strict=True)]
    document = rows if draw.random() < 0.5 else {"info": {}, "images": rows}
    text = json.dumps(document, indent=draw.choice((None, 1)))
    path, told = _write(folder, draw, "t.json", text)
    return path, values, True, 0, told


def _list(folder: Path, draw: random.Random, names: list[str]) -> _Written:
    has_label = draw.random() < 0.5
    between = draw.choice((" ", "\t"))
    values: list[Values] = [
        {"label": draw.choice(("3", "cat"))} if has_label else {} for _ in names
    ]
    lines = [
        name + "".join(between + v for v in row.values())
        for name, row in zip(names, values, strict=True)
    ]
    top = draw.choice(([], ["# a list"], [""]))
    text = draw.choice(NEWLINES).join([*top, *lines, ""])
    path, told = _write(folder, draw, "t.txt", text)
    return path, values, False, 0, f"label {has_label}, {between!r}, {told}"


def _write(folder: Path, draw: random.Random, name: str, text: str) -> tuple[Path, str]:
    """The text in some encoding that has its letters, packed or not."""
    encoding = draw.choice(ENCODINGS)
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError:
        encoding, data = "utf-8", text.encode()
    is_packed = draw.random() < 0.1
    path = folder / (f"{name}.gz" if is_packed else name)
    path.write_bytes(gzip.compress(data) if is_packed else data)
    return path, f"{encoding}{', packed' if is_packed else ''}"


KINDS: dict[str, Callable[[Path, random.Random, list[str]], _Written]] = {
    "csv": _delimited,
    "delimited": _delimited,
    "json lines": _json_lines,
    "json": _json,
    "list": _list,
}
