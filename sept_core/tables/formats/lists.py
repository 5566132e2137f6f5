"""Lists: text with a path on each line, alone or with a label or a number.

In: a file of text. Out: its lines as rows of `path` and the other parts.
"""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
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
    """The form of a line.

    Attributes:
        names: of its parts.
        parts: the parts of a line; None if it is of another form.
        note: note about it for the user.
        header: the first line, if it names the parts.
    """

    names: tuple[str, ...]
    parts: Callable[[str], Sequence[str] | None]
    note: str = ""
    header: str | None = None


def open_list(text: Text, suffix: str, look: Look) -> Table:
    """Open a list as a table: of paths, of paths and labels, or of delimited text.

    Raises:
        SourceError: it cannot be read.
    """
    sample, _ = text.sample(SAMPLE_ROWS)
    lines = [line.strip() for line in sample if not _is_comment(line, look)]
    forms = [_WHOLE, *_tabbed(lines, look), _FIRST, _LABELLED, _LAST]
    scores = [_score(form, lines, look) for form in forms]
    best = max(range(len(forms)), key=lambda place: (scores[place], -place))
    if not any(scores[best]):
        table = DelimitedTable(text, suffix, look)
        if len(table.columns) > 1 and any(map(_has_images, table.columns)):
            return table
    return ListTable(text, _headed(forms[best], lines), look)


def _has_images(column: Column) -> bool:
    is_named = column.kind == "packed" or column.name == "path"
    return is_named or any(map(looks.is_path, column.samples))


def _headed(form: _Form, lines: Sequence[str]) -> _Form:
    """The form with the names that its first line gives, if it gives names."""
    cut = form.parts(lines[0]) if lines else None
    if not cut or not all(map(looks.is_known, cut)):
        return form
    names = zip(form.names, cut, strict=True)
    return replace(
        form,
        names=tuple("path" if name == "path" else given.strip() for name, given in names),
        header=lines[0],
    )


class ListTable:
    """A list in one form, see `rows.Table`; its rows are numbered by their line, from 0."""

    def __init__(self, text: Text, form: _Form, look: Look) -> None:
        self._text, self._form, self._look = text, form, look
        samples = list(islice(self.rows(), SAMPLE_ROWS))
        self.columns = [
            Column(name, "text", tuple(row.values[name] for row in samples if name in row.values))
            for name in form.names
        ]
        self.notes = [note for note in (form.note, text.note) if note]

    def rows(self) -> Iterator[Numbered]:
        """Every line, as its parts."""
        names, parts, header = self._form.names, self._form.parts, self._form.header
        for number, line in enumerate(self._text.lines()):
            plain = line.rstrip("\r\n")
            if _is_comment(plain, self._look):
                continue
            if plain.strip() == header:
                header = None
                continue
            cut = parts(plain)
            values: Row = dict(zip(names, cut, strict=True)) if cut else {"path": plain}
            yield Numbered(number, values)

    def cells(self, column: str) -> Cells:
        """Every line, with the path in one of its parts."""
        for row in self.rows():
            value = row.values.pop(column, None)
            yield row, [Cell(None, False, str(value))] if value else []

    def names(self, column: str) -> Iterator[str]:
        """The paths."""
        return (str(row.values[column]) for row in self.rows() if row.values.get(column))

    def payloads(self, column: str) -> Payloads:
        """Yield no images: a list only names them."""
        return iter(())


def _is_comment(line: str, look: Look) -> bool:
    """Return whether a line is blank, or starts with `#` and does not name a file."""
    if not line or line.isspace():
        return True
    return line[0] == "#" and look(line.strip()) is not Match.FILE


def _score(form: _Form, lines: Sequence[str], look: Look) -> tuple[int, int, int]:
    """Count the lines whose path is a file, is one without its suffix, or looks like one."""
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
    names = [f"column {number}" for number in range(1, width + 1)]
    names[best] = "path"
    if (width, best) in ((2, 0), (3, 2)):  # path and label; MXNet's number, label and path
        names[1] = "label"
    parts = functools.partial(_by_tabs, width=width)
    return [_Form(tuple(names), parts, "separated by tabs")]


def _by_tabs(line: str, *, width: int) -> Sequence[str] | None:
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
