"""Delimited text: csv, tsv and their like, read by Python's `csv` in the dialect of the file.

In: a file of text. Out: its rows, with numbers where a whole column holds numbers; rows that are
broken with their line.
"""

import csv
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice, repeat

import pyarrow as pa
import pyarrow.compute as pc

from sept_core.tables.formats import dialects, looks, packed
from sept_core.tables.formats.rows import (
    NO_IMAGE,
    SAMPLE_ROWS,
    Cell,
    Cells,
    Column,
    Look,
    Match,
    Numbered,
    Payloads,
    shown,
)
from sept_core.tables.formats.text import Text

SAMPLE_LINES = 300

_BATCH = 8192
_BLOCK_CHARACTERS = 1 << 24
"""Rows, and about how many characters, that are in memory at a time: a row may hold an image."""

_MAX_ROW_LINES = 10_000
"""Most lines of one row, which limits how far an unclosed quote extends."""

_MISSING = (
    "",
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "#NA",
    "NaN",
    "nan",
    "-NaN",
    "-nan",
    "null",
    "NULL",
    "None",
)
"""Texts that stand for a missing number."""


_Record = tuple[list[str], str | None]
"""The cells of a row, or why it is broken."""


class DelimitedTable:
    """A csv table, see `rows.Table`."""

    def __init__(self, text: Text, suffix: str, look: Look) -> None:
        """Detect its dialect and its columns by its first lines.

        Raises:
            SourceError: it cannot be read.
        """
        sample, is_whole = text.sample(SAMPLE_LINES)
        self._text = text
        length = sum(map(len, sample)) // max(1, len(sample))
        self._block = max(1, min(_BATCH, _BLOCK_CHARACTERS // max(1, length)))
        # Readers of packed images do not look up files, so packed columns are detected without.
        self._dialect = dialects.sniff(sample, is_whole, suffix, lambda _: Match.NONE)
        self.columns = self._sampled(sample)
        if not any(column.kind == "packed" for column in self.columns):
            self._dialect = dialects.sniff(sample, is_whole, suffix, look)
            self.columns = self._sampled(sample)
        self.notes = [*_notes(self._dialect), *([text.note] if text.note else [])]

    def rows(self) -> Iterator[Numbered]:
        """Every row, with its plain values."""
        return (row for row, _ in self._walk(None))

    def cells(self, column: str) -> Cells:
        """Every row, with the path or the packed image in one column."""
        is_packed = self._column(column).kind == "packed"
        for row, value in self._walk(column):
            yield row, [Cell(None, is_packed, value)] if value else []

    def names(self, column: str) -> Iterator[str]:
        """The values of one column."""
        place = self._dialect.names.index(column)
        records = self._records()
        return (cells[place] for cells, problem in records if not problem and cells[place])

    def payloads(self, column: str) -> Payloads:
        """The images packed in one column."""
        place = self._dialect.names.index(column)
        for number, (cells, broken) in enumerate(self._records()):
            value = "" if broken else cells[place].strip()
            try:
                yield number, None, packed.unpack(value) if value else NO_IMAGE
            except ValueError as problem:
                yield number, None, str(problem)

    def _sampled(self, lines: list[str]) -> list[Column]:
        records = islice(self._records(iter(lines)), SAMPLE_ROWS)
        rows = [cells for cells, problem in records if not problem]
        values = list(zip(*rows, strict=True)) or [()] * len(self._dialect.names)
        return [
            Column(name, "packed" if looks.are_packed(name, column) else "text", column)
            for name, column in zip(self._dialect.names, values, strict=True)
        ]

    def _column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def _walk(self, column: str | None) -> Iterator[tuple[Numbered, str | None]]:
        """Every row, and the text in one column that is not among its values.

        The table is held as text until its end, when it is known which columns contain numbers.
        """
        numbers, columns, broken = self._load()
        asked = columns.pop(column, None) if column else None
        heavy = {c.name for c in self.columns if c.kind == "packed"}
        typed = {name: _typed(name, text) for name, text in columns.items() if name not in heavy}
        names = [name for name in typed if not _is_nameless(name, typed[name])]
        for start in range(0, len(numbers), _BATCH):
            size = min(_BATCH, len(numbers) - start)
            values = [typed[name].slice(start, size).to_pylist() for name in names]
            rows = zip(*values, strict=True) if names else ((),) * size
            texts = asked.slice(start, size).to_pylist() if asked is not None else [None] * size
            for number, row, text in zip(numbers[start : start + size], rows, texts, strict=True):
                while broken and broken[0].number < number:
                    yield broken.popleft(), None
                yield Numbered(number, dict(zip(names, row, strict=True))), text
        for refused in broken:
            yield refused, None

    def _load(self) -> tuple["array[int]", dict[str, pa.ChunkedArray], deque[Numbered]]:
        """Row numbers and text by column; and the broken rows. Of images, whether they are held."""
        broken: deque[Numbered] = deque()
        numbers = array("q")
        heavy = [place for place, c in enumerate(self.columns) if c.kind == "packed"]
        chunks: list[list[pa.Array]] = [[] for _ in self.columns]
        records = enumerate(self._records())
        while some := list(islice(records, self._block)):
            broken += (Numbered(n, {}, problem) for n, (_, problem) in some if problem)
            numbers.extend(number for number, (_, problem) in some if not problem)
            rows = (cells for _, (cells, problem) in some if not problem)
            for place, values in enumerate(zip(*rows, strict=True)):
                if place in heavy:
                    values = tuple("held" if value.strip() else "" for value in values)
                chunks[place].append(_array(values))
        names = self._dialect.names
        return (
            numbers,
            {
                name: pa.chunked_array(parts, pa.large_string())
                for name, parts in zip(names, chunks, strict=True)
            },
            broken,
        )

    def _records(self, lines: Iterator[str] | None = None) -> Iterator[_Record]:
        """Yield every row below the header, broken ones with their line; skip blank lines."""
        dialect = self._dialect
        for line, text in dialect.titles:
            yield [], f"broken row in line {line}: {shown(text.strip())}"
        fed = _Lines(islice(lines or self._text.lines(), dialect.skipped, None), dialect.skipped)
        while block := fed.take(self._block):
            rows = self._quickly(block)
            if rows is not None:
                yield from zip(rows, repeat(None), strict=False)
                continue
            end = fed.number + len(block)
            fed.give_back(0)
            yield from self._one_by_one(fed, end)

    def _quickly(self, lines: list[str]) -> list[list[str]] | None:
        """The rows of some lines if each line is one whole row."""
        try:
            rows = list(csv.reader(lines, **self._dialect.options()))
        except csv.Error:
            return None
        if len(rows) != len(lines):
            return None
        width = len(self._dialect.names)
        found = [row for row in rows if row]
        return found if all(len(row) == width for row in found) else None

    def _one_by_one(self, fed: "_Lines", end: int) -> Iterator[_Record]:
        """Yield rows that may be broken or have several lines, up to a line."""
        width, options = len(self._dialect.names), self._dialect.options()
        reader = csv.reader(fed, **options)
        while fed.start() < end:
            try:
                cells = next(reader, None)
            except csv.Error:
                cells = None
            if cells is not None and len(cells) == width:
                yield cells, None
            elif cells != [] and fed.taken:
                yield from self._mended(fed, width)
                reader = csv.reader(fed, **options)

    def _mended(self, fed: "_Lines", width: int) -> Iterator[_Record]:
        """Yield the first line of a broken row by itself; the following lines are read again."""
        fed.give_back(1)
        line = fed.taken[0]
        cells = next(csv.reader([line], **self._dialect.options(strict=False)), [])
        spare = len(cells) - width
        if spare > 0 and not any(cell.strip() for cell in cells[width:]):
            cells = cells[:width]
        if len(cells) == width:
            yield [cell.rstrip("\r\n") for cell in cells], None
        elif not line.startswith("#"):
            problem = f"{len(cells)} columns instead of {width}: {shown(line.rstrip())}"
            yield [], f"broken row in line {fed.number + 1} with {problem}"


class _Lines:
    """Lines that can be given back, for a `csv.reader`.

    Attributes:
        taken: lines of the row, or block, that is being read.
        number: of the lines before them.
    """

    def __init__(self, lines: Iterator[str], number: int) -> None:
        self._lines = lines
        self._pending: deque[str] = deque()
        self.number = number
        self.taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if len(self.taken) == _MAX_ROW_LINES:
            raise StopIteration
        line = self._pending.popleft() if self._pending else next(self._lines)
        self.taken.append(line)
        return line

    def start(self) -> int:
        """Begin a row; return the number of lines before it."""
        self.number += len(self.taken)
        self.taken = []
        return self.number

    def take(self, most: int) -> list[str]:
        """Begin a block of lines."""
        self.start()
        pending = [self._pending.popleft() for _ in range(min(most, len(self._pending)))]
        self.taken = pending + list(islice(self._lines, most - len(pending)))
        return self.taken

    def give_back(self, kept: int) -> None:
        """Take back all lines but the first few."""
        self._pending.extendleft(reversed(self.taken[kept:]))
        del self.taken[kept:]


def _notes(dialect: dialects.Dialect) -> list[str]:
    names = {"\t": "tabs", ";": "semicolons", "|": "vertical bars"}
    notes = []
    if dialect.delimiter in names and len(dialect.names) > 1:
        notes.append(f"separated by {names[dialect.delimiter]}")
    if not dialect.has_header:
        notes.append("no header line: columns are named by their content")
    return notes


def _array(values: Sequence[str]) -> pa.Array:
    try:
        return pa.array(values, pa.large_string())
    except UnicodeError:  # undecodable bytes, escaped as lone surrogates
        clean = [value.encode("utf-8", "backslashreplace").decode() for value in values]
        return pa.array(clean, pa.large_string())


def _typed(name: str, text: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as whole numbers, numbers or truth values if all of it is; else as text."""
    plain = pc.if_else(pc.is_in(text, pa.array(_MISSING, pa.large_string())), None, text)
    if plain.null_count < len(plain) and name.strip().lower() not in looks.TEXT_COLUMNS:
        for kind in (pa.int64(), pa.float64(), pa.bool_()):
            try:
                return _finite(plain.cast(kind))
            except pa.ArrowInvalid:
                continue
    return pc.if_else(pc.equal(text, ""), None, text)


def _finite(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_finite(column), column, None)


def _is_nameless(name: str, column: pa.ChunkedArray) -> bool:
    """Return whether a column has neither a name nor content: a delimiter ends each line."""
    return name.startswith("column ") and column.null_count == len(column)
