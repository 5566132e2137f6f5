"""Lists: text with a path on each line, alone or beside a label or a number.

In: a file of text. Out: its lines as rows of `path` and what stands beside it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from sept_core.filesystem import safe_paths
from sept_core.tables.formats import looks
from sept_core.tables.formats.delimited import DelimitedTable
from sept_core.tables.formats.rows import (
    SAMPLE_ROWS,
    Cell,
    Cells,
    Column,
    Look,
    Match,
    Numbered,
    Payloads,
    Row,
    Table,
)
from sept_core.tables.formats.text import Text

_SUFFIXES = "|".join(re.escape(suffix) for suffix in sorted(safe_paths.IMAGE_SUFFIXES))
_PATH_FIRST = re.compile(rf"(.*(?:{_SUFFIXES}))[ \t]+(\S.*)", re.IGNORECASE)


@dataclass(frozen=True)
class _Form:
    """How a line is cut: the names of its parts, and the parts; None for another kind of line."""

    names: tuple[str, ...]
    parts: Callable[[str], Sequence[str] | None]
    note: str = ""


def open_list(text: Text, suffix: str, look: Look) -> Table:
    """The table that a list is: of paths, of paths and labels, or of delimited text.

    Raises:
        SourceError: it cannot be read.
    """
    sample, _ = text.sample(SAMPLE_ROWS)
    lines = [line.strip() for line in sample if not _is_comment(line, look)]
    forms = [_WHOLE, *_tabbed(lines, look), _FIRST, _LABELLED, _LAST]
    scores = [_score(form, lines, look) for form in forms]
    best = max(range(len(forms)), key=lambda place: (scores[place], -place))
    if scores[best] == (0, 0, 0):
        table = DelimitedTable(text, suffix, look)
        if any(map(looks.is_path, (v for c in table.columns[1:] for v in c.samples))) or any(
            column.name == "path" for column in table.columns if len(table.columns) > 1
        ):
            return table
    return ListTable(text, forms[best], look)


class ListTable:
    """A list in one form, see `rows.Table`; its rows are numbered by their line, from 0."""

    def __init__(self, text: Text, form: _Form, look: Look) -> None:
        self._text, self._form, self._look = text, form, look
        samples = [row for row, _ in islice(self._walk(), SAMPLE_ROWS)]
        self.columns = [
            Column(name, "text", tuple(row.values[name] for row in samples if name in row.values))
            for name in form.names
        ]
        self.notes = [note for note in (form.note, text.note) if note]

    def rows(self) -> Iterator[Numbered]:
        """Every line, as its parts."""
        return (row for row, _ in self._walk())

    def cells(self, column: str) -> Cells:
        """Every line, with the path in one of its parts."""
        for row, _ in self._walk():
            value = row.values.pop(column, None)
            yield row, [Cell(None, False, str(value))] if value else []

    def names(self, column: str) -> Iterator[str]:
        """The paths."""
        for row, _ in self._walk():
            if value := row.values.get(column):
                yield str(value)

    def payloads(self, column: str) -> Payloads:
        """No images: a list only names them."""
        return iter(())

    def _walk(self) -> Iterator[tuple[Numbered, str]]:
        names, parts = self._form.names, self._form.parts
        for number, line in enumerate(self._text.lines()):
            plain = line.rstrip("\r\n")
            if _is_comment(plain, self._look):
                continue
            cut = parts(plain)
            values: Row = dict(zip(names, cut, strict=True)) if cut else {"path": plain}
            yield Numbered(number, values), plain


def _is_comment(line: str, look: Look) -> bool:
    """Blank, or begun by `#`, unless a file has such a name."""
    if not line or line.isspace():
        return True
    return line[0] == "#" and look(line.strip()) is not Match.FILE


def _score(form: _Form, lines: Sequence[str], look: Look) -> tuple[int, int, int]:
    """Lines of which the path is a file, is one without its suffix, or looks like one."""
    place = form.names.index("path")
    found = [cut[place] for line in lines if (cut := form.parts(line))]
    matches = [look(name) for name in found]
    paths_alone = sum(looks.is_path(name) and "\t" not in name for name in found)
    return matches.count(Match.FILE), paths_alone, matches.count(Match.STEM)


def _tabbed(lines: Sequence[str], look: Look) -> list[_Form]:
    """A form for lines cut by tabs into as many parts each, the path where files are."""
    cut = [line.split("\t") for line in lines]
    width = len(cut[0]) if cut else 1
    if width == 1 or any(len(parts) != width for parts in cut):
        return []
    columns = [[parts[place].strip() for parts in cut] for place in range(width)]
    files = [sum(map(look, column)) for column in columns]
    alike = [sum(map(looks.is_path, column)) for column in columns]
    best = max(range(width), key=lambda place: (files[place], alike[place], -place))
    others = ["label"] if width == 2 and best == 0 else [f"column {n + 1}" for n in range(width)]
    if width == 3 and best == 2:  # MXNet's .lst: number, label, path
        others = ["column 1", "label", ""]
    names = tuple(
        "path" if place == best else others[place if len(others) > 1 else 0]
        for place in range(width)
    )
    return [_Form(names, lambda line: _by_tabs(line, width), "separated by tabs")]


def _by_tabs(line: str, width: int) -> Sequence[str] | None:
    parts = line.split("\t")
    return [part.strip() for part in parts] if len(parts) == width else None


def _path_first(line: str) -> Sequence[str] | None:
    if match := _PATH_FIRST.fullmatch(line.strip()):
        return match.groups()
    parts = line.split(maxsplit=1)
    return parts if len(parts) == 2 and not looks.is_path(line) else None


def _label_last(line: str) -> Sequence[str] | None:
    parts = line.rsplit(maxsplit=1)
    return parts if len(parts) == 2 and not looks.is_path(line) else None


def _path_last(line: str) -> Sequence[str] | None:
    parts = line.split(maxsplit=1)
    return parts if len(parts) == 2 else None


_WHOLE = _Form(("path",), lambda line: (line,))
_FIRST = _Form(("path", "label"), _path_first, "a path and a label on each line")
_LABELLED = _Form(("path", "label"), _label_last, "a path and a label on each line")
_LAST = _Form(("number", "path"), _path_last, "a number and a path on each line")
