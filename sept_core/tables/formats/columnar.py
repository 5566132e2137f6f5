"""Columnar tables: parquet, and Arrow files (`.arrow`, `.feather`) of either kind.

In: a file. Out: its rows, and the images in its columns, some at a time.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count, groupby
from typing import Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from sept_core import errors
from sept_core.tables.formats import fields, looks
from sept_core.tables.formats.fields import Field
from sept_core.tables.formats.rows import (
    SAMPLE_ROWS,
    Cell,
    Cells,
    Column,
    Numbered,
    Opener,
    Payloads,
)

ROWS_OF_IMAGES = 64
_ROWS = 4096
"""Rows in memory at a time, with and without images among them."""

_BUFFER = 1 << 20
_HELD = [Cell(None, True, None)]
DAMAGE = (pa.ArrowException, OSError, UnicodeError)
"""Exceptions of pyarrow on a damaged file; an OSError of the system itself has an `errno`."""


class Store(Protocol):
    """An opened file, by its `schema`; its rows lie in some `groups`."""

    schema: pa.Schema
    groups: int

    def is_full(self, group: int, images: Field) -> bool:
        """Return whether each row of a group certainly has one image, without reading any."""
        ...

    def is_filled(self, images: Field) -> bool:
        """Return whether some rows certainly have bytes, without reading any."""
        ...

    def batches(
        self, plain: Sequence[Field], whole: Sequence[Field], groups: Sequence[int], rows: int
    ) -> Iterator[pa.RecordBatch]:
        """The rows of some groups, with some fields: `plain` without the bytes of images."""
        ...


class ParquetStore:
    """A parquet file; images stay unread if its statistics are sufficient."""

    def __init__(self, file: BinaryIO, buffer: int = _BUFFER) -> None:
        """Open a file; with a buffer, a column chunk is not read whole but piece by piece."""
        self.file = pq.ParquetFile(file, buffer_size=buffer, pre_buffer=buffer == 0)
        self.schema = self.file.schema_arrow
        self.groups = self.file.metadata.num_row_groups
        count = len(self.file.schema)
        self._leaves = [self.file.schema.column(number).path for number in range(count)]

    def is_full(self, group: int, images: Field) -> bool:
        """As `Store.is_full`."""
        known = self.leaf(group, images).statistics
        if images.is_many or images.form not in ("bytes", "struct") or known is None:
            return False
        if not known.has_null_count or known.null_count:
            return False
        return not known.has_min_max or known.min != b""

    def is_filled(self, images: Field) -> bool:
        """As `Store.is_filled`."""
        known = [self.leaf(group, images).statistics for group in range(self.groups)]
        return any(s is not None and s.has_null_count and s.num_values > 0 for s in known)

    def batches(
        self, plain: Sequence[Field], whole: Sequence[Field], groups: Sequence[int], rows: int
    ) -> Iterator[pa.RecordBatch]:
        """As `Store.batches`."""
        columns = [leaf for field in plain for leaf in self.leaves(field, with_bytes=False)]
        columns += [leaf for field in whole for leaf in self.leaves(field)]
        yield from self.file.iter_batches(rows, row_groups=groups, columns=columns)

    def leaves(self, field: Field, with_bytes: bool = True) -> list[str]:
        """Return the parquet columns of a field, or of its path alone."""
        is_struct = field.form in ("struct", "located")
        end = r"(?:\..+)?" if with_bytes or not is_struct else r"(?:\..+)?\.path"
        steps = r"(?:\..+)?\.".join(map(re.escape, field.steps))
        return [leaf for leaf in self._leaves if re.fullmatch(steps + end, leaf)]

    def leaf(self, group: int, images: Field) -> pq.ColumnChunkMetaData:
        """Return parquet's metadata of the bytes in one group."""
        place = self._leaves.index(self.bytes_leaf(images))
        return self.file.metadata.row_group(group).column(place)

    def bytes_leaf(self, images: Field) -> str:
        """Return the parquet column with the bytes of images."""
        leaves = self.leaves(images)
        return next((leaf for leaf in leaves if leaf.endswith(".bytes")), leaves[0])


class ArrowStore:
    """An Arrow file, of random access or a stream; every batch of it is read whole."""

    groups = 1

    def __init__(self, file: BinaryIO) -> None:
        start = file.read(8)
        if start.startswith(b"FEA1"):
            raise pa.ArrowInvalid("it is Feather version 1; convert it to parquet")
        self._is_stream = not start.startswith(b"ARROW1")
        self._file = file
        self.schema = self._open(None).schema

    def is_full(self, group: int, images: Field) -> bool:
        """As `Store.is_full`: never sure."""
        return False

    def is_filled(self, images: Field) -> bool:
        """As `Store.is_filled`: never sure."""
        return False

    def batches(
        self, plain: Sequence[Field], whole: Sequence[Field], groups: Sequence[int], rows: int
    ) -> Iterator[pa.RecordBatch]:
        """As `Store.batches`; the file says how many rows a batch has."""
        tops = {field.steps[0] for field in (*plain, *whole)}
        places = [place for place, name in enumerate(self.schema.names) if name in tops]
        reader = self._open(places or None)
        if self._is_stream:
            yield from reader
        else:
            yield from map(reader.get_batch, range(reader.num_record_batches))

    def _open(self, places: list[int] | None) -> Any:
        self._file.seek(0)
        options = pa.ipc.IpcReadOptions(included_fields=places)
        opener = pa.ipc.open_stream if self._is_stream else pa.ipc.open_file
        return opener(self._file, options=options)


class ColumnarTable:
    """A parquet or Arrow table, see `rows.Table`."""

    def __init__(self, opener: Opener, path: str, form: Callable[[BinaryIO], Store]) -> None:
        """Detect its columns.

        Raises:
            SourceError: it is not such a table.
        """
        self._opener, self._path, self._form = opener, path, form
        self.notes: list[str] = []
        with opener() as file:
            store = open_store(form, file, path)
            self._fields = fields.of_schema(store.schema)
            self._has_rows = store.groups > 0
            filled = {f.name for f in self._fields if f.kind == "bytes" and store.is_filled(f)}
        self.columns = [
            replace(column, is_filled=column.name in filled) for column in self._sampled()
        ]
        packed_too = {column.name for column in self.columns if column.kind == "packed"}
        self._fields = [
            replace(f, form="packed") if f.name in packed_too else f for f in self._fields
        ]

    def rows(self) -> Iterator[Numbered]:
        """Every row, with its plain values."""
        return (row for row, _ in self._walk(None))

    def cells(self, column: str) -> Cells:
        """Every row, with the images or paths in one column."""
        return self._walk(self.field(column))

    def names(self, column: str) -> Iterator[str]:
        """The paths in one column."""
        field = self.field(column)
        for batch in self._batches([field], []):
            for value in fields.values(batch, field):
                yield from (cell.name for cell in field.cells(value) if cell.name)

    def payloads(self, column: str, groups: Sequence[int] | None = None) -> Payloads:
        """The images in one column, of some groups of rows; numbered from 0 in the first."""
        field = self.field(column)
        numbers = count()
        for batch in self._batches([], [field], groups, ROWS_OF_IMAGES):
            for value in fields.values(batch, field):
                yield from field.payloads(next(numbers), value)

    def field(self, name: str) -> Field:
        """The field of a column."""
        return next(field for field in self._fields if field.name == name)

    def _walk(self, images: Field | None) -> Cells:
        plain = [
            f for f in self._fields
            if f != images and not f.is_many and (f.kind in ("text", "plain") or f.form == "struct")
        ]  # fmt: skip
        names = [field.name for field in plain]
        number = 0
        for is_full, batch in self._in_groups(plain, images):
            columns = [fields.scalars(batch, field) for field in plain]
            rows = zip(*columns, strict=True) if plain else ((),) * batch.num_rows
            held = [_HELD] * batch.num_rows if is_full or images is None else [
                images.cells(value) for value in fields.values(batch, images)
            ]  # fmt: skip
            for row, cells in zip(rows, held, strict=True):
                yield Numbered(number, dict(zip(names, row, strict=True))), cells
                number += 1

    def _in_groups(
        self, plain: list[Field], images: Field | None
    ) -> Iterator[tuple[bool, pa.RecordBatch]]:
        """Batches of rows; without the images where each row surely has one."""
        if images is None or images.kind == "text":
            both = [*plain, images] if images else plain
            yield from ((False, batch) for batch in self._batches(both, []))
            return
        with self._opener() as file:
            store = open_store(self._form, file, self._path)
            sure = [store.is_full(group, images) for group in range(store.groups)]
        for is_full, run in groupby(range(len(sure)), key=sure.__getitem__):
            whole, rows = ([], _ROWS) if is_full else ([images], ROWS_OF_IMAGES)
            for batch in self._batches(plain, whole, list(run), rows):
                yield is_full, batch

    def _batches(
        self,
        plain: Sequence[Field],
        whole: Sequence[Field],
        groups: Sequence[int] | None = None,
        rows: int = _ROWS,
    ) -> Iterator[pa.RecordBatch]:
        """Yield some fields, a number of rows at a time, checked against the file's schema.

        Raises:
            SourceError: the rows cannot be read.
        """
        with self._opener() as file:
            store = open_store(self._form, file, self._path)
            every = range(store.groups) if groups is None else groups
            found = store.batches(plain, whole, every, rows)
            while True:
                try:
                    batch = next(found, None)
                    if batch is None:
                        return
                    batch.validate(full=True)
                except DAMAGE as problem:
                    _reraise(problem)
                    raise errors.SourceError(
                        f"The rows of {self._path} cannot be read ({problem}); recreate the table."
                    ) from problem
                yield batch

    def _sampled(self) -> list[Column]:
        """The columns, with the first few values of those that hold text or numbers."""
        light = [field for field in self._fields if field.form not in ("bytes", "numbers")]
        batches = self._batches(light, [], [0], SAMPLE_ROWS) if self._has_rows else iter(())
        batch = next(batches, None)
        return [self._column(field, batch if field in light else None) for field in self._fields]

    def _column(self, field: Field, batch: pa.RecordBatch | None) -> Column:
        values = [] if batch is None else fields.values(batch.slice(0, SAMPLE_ROWS), field)
        samples = tuple(c.name for value in values for c in field.cells(value) if c.name)
        is_packed = field.form == "text" and looks.are_packed(field.name, samples)
        is_simple = len(field.steps) == 1 and not field.is_many and field.form != "numbers"
        return Column(field.name, "packed" if is_packed else field.kind, samples, is_simple)


def open_store(form: Callable[[BinaryIO], Store], file: BinaryIO, path: str) -> Store:
    """Open a file.

    Raises:
        SourceError: it is not such a file.
    """
    try:
        store = form(file)
        _ = store.schema.names  # raises where they are not UTF-8
    except DAMAGE as problem:
        _reraise(problem)
        name = "an Arrow table" if form is ArrowStore else "a parquet table"
        raise errors.SourceError(f"{path} is not {name} ({problem}).") from problem
    return store


def _reraise(problem: Exception) -> None:
    """Re-raise system errors, since the file itself may be intact."""
    if isinstance(problem, OSError) and problem.errno:
        raise problem
