"""Dialects of delimited text: delimiter, quotes, header and comments, detected from a sample.

In: the first lines of a file. Out: the `Dialect` that Python's own `csv` reads them with, chosen by
trial: the sample is read in each way, and the way wins whose rows name existing files, have the
same width, and look like paths.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sept_core.tables.formats import looks, packed
from sept_core.tables.formats.rows import Look, Match

DELIMITERS = {".tsv": "\t,;|", ".tab": "\t,;|", ".psv": "|,;\t"}
"""Delimiters by suffix, the likeliest first."""

USUAL_DELIMITERS = ",;\t|"

_PROBED_ROWS = 20
_PROBED_CELLS = 100
_HINT = re.compile(r"sep=([^\w\s'\"]|\t)\s*", re.IGNORECASE)

csv.field_size_limit(2**31 - 1)  # a cell may hold an image


@dataclass(frozen=True)
class Dialect:
    """The dialect of a file of delimited text.

    Attributes:
        skipped: lines before the first row: header, comments, Excel's `sep=;`.
        titles: those of them that are neither, as numbers from 1.
        names: of the columns, each once.
    """

    delimiter: str
    quote: str = '"'
    escape: str | None = None
    skips_spaces: bool = False
    has_header: bool = True
    skipped: int = 0
    titles: tuple[tuple[int, str], ...] = ()
    names: tuple[str, ...] = ()

    def options(self, strict: bool = True) -> dict[str, Any]:
        """Arguments of `csv.reader`."""
        return {
            "delimiter": self.delimiter,
            "quotechar": self.quote,
            "escapechar": self.escape,
            "skipinitialspace": self.skips_spaces,
            "strict": strict,
        }


@dataclass(frozen=True)
class _Record:
    """A row of the sample, None where it breaks the rules, and the line after it."""

    cells: list[str] | None
    end: int


def sniff(sample: Sequence[str], is_whole: bool, suffix: str, look: Look) -> Dialect:
    """Detect the dialect of a file.

    Args:
        sample: its first lines, with their ends.
        is_whole: these are all.
        suffix: of its name.
        look: checks whether a value names a file.
    """
    start, hint = _preamble(sample)
    lines = sample[start:]
    known = hint or DELIMITERS.get(suffix, USUAL_DELIMITERS)
    ways = [_spaced(way, lines) for way in _ways(known, lines)]
    best = max(ways, key=lambda way: (_fit(way, lines, is_whole, look), -ways.index(way)))
    return _headed(best, sample, start, is_whole, look)


def _preamble(sample: Sequence[str]) -> tuple[int, str]:
    """Return the number of leading comment lines, and the delimiter from Excel's hint."""
    hint = ""
    for number, line in enumerate(sample):
        if match := _HINT.fullmatch(line.strip("\ufeff\r\n")):
            hint = match[1]
        elif line.strip() and not line.startswith("#"):
            return number, hint
    return 0, hint


def _ways(delimiters: str, lines: Sequence[str]) -> Iterator[Dialect]:
    text = "".join(lines)
    escapes = [None, "\\"] if '\\"' in text or "\\'" in text else [None]
    quotes = ['"', "'"] if "'" in text else ['"']
    # Those that the sample holds, and one that it does not: names in a single column hold commas.
    absent = [delimiter for delimiter in delimiters if delimiter not in text]
    delimiters = "".join(filter(text.__contains__, delimiters)) + "".join(absent[:1])
    for quote in quotes:
        for escape in escapes:
            for delimiter in delimiters:
                yield Dialect(delimiter, quote, escape)


def _spaced(way: Dialect, lines: Sequence[str]) -> Dialect:
    """The same, skipping blanks after a delimiter where all rows have them."""
    rows = [line.rstrip("\r\n").split(way.delimiter)[1:] for line in lines[:_PROBED_ROWS]]
    cells = [cell for row in rows for cell in row if cell]
    return replace(way, skips_spaces=bool(cells) and all(cell[0] == " " for cell in cells))


def _fit(way: Dialect, lines: Sequence[str], is_whole: bool, look: Look) -> tuple[Any, ...]:
    """Score a way of reading; higher is better."""
    records = [record for record in _read(way, lines, is_whole) if record.cells != []]
    rows = [record.cells for record in records if record.cells]
    if not rows:
        return (0,)
    width, count = Counter(map(len, rows)).most_common(1)[0]
    probed = [row for row in rows if len(row) == width][:_PROBED_ROWS]
    matches = [{look(cell) for cell in row[:_PROBED_CELLS]} for row in probed]
    files = sum(Match.FILE in found for found in matches)
    stems = sum(Match.STEM in found for found in matches)
    share = count / len(records)
    is_table = width > 1 and share > 0.5
    stray = sum(_is_stray(cell) for row in probed for cell in row[:_PROBED_CELLS])
    return files, stems, is_table, share if is_table else 0.0, _clean(way, probed), -stray, width


def _is_stray(cell: str) -> bool:
    """Return whether a cell contains quotes that the right dialect would have removed."""
    return '"' in cell or cell[:1] == cell[1:][-1:] == "'"


def _clean(way: Dialect, rows: list[list[str]]) -> bool:
    """Return whether a column looks like paths and nothing else, or has a known name."""
    others = {*USUAL_DELIMITERS, '"'} - {way.delimiter}
    if any(map(looks.is_known, rows[0])):
        return True
    columns = zip(*(rows[1:] or rows), strict=False)
    return any(
        all(looks.is_path(cell) and not others & set(cell) for cell in column) for column in columns
    )


def _read(way: Dialect, lines: Sequence[str], is_whole: bool) -> list[_Record]:
    """The sample's rows; the last is left out where it may have been cut."""
    reader = csv.reader(lines, **way.options())
    found: list[_Record] = []
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:
            found.append(_Record(None, reader.line_num))
            continue
        found.append(_Record(cells, reader.line_num))
    return found if is_whole or len(found) < 2 else found[:-1]


def _headed(way: Dialect, sample: Sequence[str], start: int, is_whole: bool, look: Look) -> Dialect:
    """The dialect with the names of its columns."""
    records = [r for r in _read(way, sample[start:], is_whole) if r.cells]
    rows = [record.cells for record in records if record.cells]
    if not rows:
        return replace(way, skipped=start, names=("column 1",))
    width = Counter(map(len, rows[1:] or rows)).most_common(1)[0][0]
    if names := _commented_header(way, sample[:start], width):
        return replace(way, skipped=start, names=_unique(names))
    names = _fitted(rows[0], rows[1:], width)
    if len(names) != width and not any(map(looks.is_known, names)):
        return _titled(way, sample, start + records[0].end, is_whole, look)
    body = [row for row in rows[1:] if len(row) == len(names)]
    if _is_header(rows[0], body, look):
        return replace(way, skipped=start + records[0].end, names=_unique(names))
    names = _names_by_content([rows[0], *body], look)
    return replace(way, has_header=False, skipped=start, names=_unique(names))


def _titled(way: Dialect, sample: Sequence[str], end: int, is_whole: bool, look: Look) -> Dialect:
    """The dialect below a first row that fits no other, such as a title."""
    below = _headed(way, sample, end, is_whole, look)
    return replace(below, titles=((end, sample[end - 1]), *below.titles))


def _commented_header(way: Dialect, comments: Sequence[str], width: int) -> list[str]:
    """`# path, label` above the first row."""
    if not comments or not comments[-1].startswith("#"):
        return []
    names = next(csv.reader([comments[-1].lstrip("# ")], **way.options(strict=False)), [])
    return names if len(names) == width and any(map(looks.is_known, names)) else []


def _is_header(first: list[str], body: list[list[str]], look: Look) -> bool:
    """Return whether the first row holds names; a row of data must never be lost to it."""
    if any(map(looks.is_data, first)):
        return False
    if any(map(looks.is_known, first)):
        return True
    if any(look(cell) is Match.FILE for cell in first):
        return False
    columns = list(zip(*body, strict=False)) or [()] * len(first)
    for cell, column in zip(first, columns, strict=False):
        if looks.is_number(cell) and all(map(looks.is_number, column)):
            return False
        if look(cell) is Match.STEM and all(look(value) for value in column[:_PROBED_ROWS]):
            return False
    return True


def _fitted(header: list[str], body: list[list[str]], width: int) -> list[str]:
    """The header, with as many names as rows have cells."""
    spare = len(header) - width
    if spare > 0 and not any(name.strip() for name in header[width:]):
        return header[:width]
    if spare == -1 and body:  # a delimiter ends each row; or row names, as R writes them
        is_trailing = not any(row[-1].strip() for row in body)
        return [*header, ""] if is_trailing else ["", *header]
    return header


def _names_by_content(rows: list[list[str]], look: Look) -> list[str]:
    """Names for the columns of a table without a header, by what they hold."""
    columns = [column[:_PROBED_ROWS] for column in zip(*rows, strict=False)]
    names = [_name_by_content(column) for column in columns]
    for match in (Match.FILE, Match.STEM):
        for place, column in enumerate(columns):
            if "path" not in names and "image" not in names:
                names[place] = "path" if all(look(v) is match for v in column) else names[place]
    if names.count("") == 1 and len(names) > 1:
        place = names.index("")
        is_count = len(set(columns[place])) == len(columns[place]) > 1
        names[place] = "id" if is_count and all(map(looks.is_number, columns[place])) else "label"
    return names


def _name_by_content(column: Sequence[str]) -> str:
    if any(map(packed.is_packed, column)):
        return "image"
    if any(map(looks.is_address, column)):
        return "url"
    return "path" if sum(map(looks.is_path, column)) * 2 > len(column) else ""


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Each name once; nameless columns by their number."""
    taken: set[str] = set()
    found: list[str] = []
    for number, given in enumerate(names, start=1):
        name = plain = given.strip() or f"column {number}"
        times = 1
        while name in taken:
            times += 1
            name = f"{plain}_{times}"
        taken.add(name)
        found.append(name)
    return tuple(found)
