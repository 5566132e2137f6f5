"""Images inside a table, read by row in any order, by any thread, in bounded memory.

In: a table and one of its columns. Out: the bytes of one image at a time.
"""

import bisect
import os
import tempfile
import threading
import weakref
from array import array
from itertools import accumulate
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from sept_core.storage.recent import Recent
from sept_core.tables.formats import columnar, fields
from sept_core.tables.formats.rows import NO_IMAGE, Opener, Payloads

MAX_GROUP_BYTES = 1 << 28
"""A row group with more bytes of images is not held in memory."""

_KEPT = 2
"""Row groups held: threads may read on both sides of a border."""


class Images(Protocol):
    """The images of one column."""

    def read(self, row: int, index: int | None) -> bytes | str:
        """Return one image, or the reason why there is none.

        Raises:
            LookupError: there is no such row, or no such place in its list.
        """
        ...


class Unpacked:
    """Images of a table that can only be read from its beginning.

    Images are copied to an unnamed temporary file, up to the last one requested: one pass in total,
    in whatever order the threads read.
    """

    def __init__(self, payloads: Payloads) -> None:
        self._payloads = payloads
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (closed by finalize)
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._places: dict[tuple[int, int | None], int] = {}
        self._ends = array("q", [0])
        self._reasons: dict[tuple[int, int | None], str] = {}

    def read(self, row: int, index: int | None) -> bytes | str:
        """As `Images.read`."""
        key = (row, index)
        with self._lock:
            while key not in self._places and key not in self._reasons:
                self._read_on()
        if key in self._reasons:
            return self._reasons[key]
        place = self._places[key]
        start, end = self._ends[place], self._ends[place + 1]
        return os.pread(self._file.fileno(), end - start, start)

    def _read_on(self) -> None:
        found = next(self._payloads, None)
        if found is None:
            raise LookupError("no such row in the table")
        row, index, data = found
        if isinstance(data, str):
            self._reasons[row, index] = data
            return
        self._file.write(data)
        self._places[row, index] = len(self._ends) - 1
        self._ends.append(self._ends[-1] + len(data))


class RowGroups:
    """Images of a parquet file, a row group at a time, of which two are kept."""

    def __init__(self, opener: Opener, path: str, column: str) -> None:
        self._table = columnar.ColumnarTable(opener, path, columnar.ParquetStore)
        self._field = self._table.field(column)
        file = opener()
        weakref.finalize(self, file.close)
        self._store = columnar.ParquetStore(file, buffer=0)
        rows = [self._store.file.metadata.row_group(n).num_rows for n in range(self._store.groups)]
        self._starts = list(accumulate(rows, initial=0))
        self._kept = Recent[int, Images](_KEPT)

    def read(self, row: int, index: int | None) -> bytes | str:
        """As `Images.read`."""
        if not 0 <= row < self._starts[-1]:
            raise LookupError("no such row in the table")
        group = bisect.bisect_right(self._starts, row) - 1
        images = self._kept.get(group, lambda: self._open(group))
        return images.read(row - self._starts[group], index)

    def _open(self, group: int) -> Images:
        if self._store.leaf(group, self._field).total_uncompressed_size > MAX_GROUP_BYTES:
            return Unpacked(self._table.payloads(self._field.name, [group]))
        leaf = self._store.bytes_leaf(self._field)
        return _Group(self._field, self._store.file.read_row_group(group, [leaf]))


class _Group:
    """The images of one row group, in memory."""

    def __init__(self, field: fields.Field, rows: pa.Table) -> None:
        self._field, self._column = field, rows.column(0)
        is_single = len(field.steps) == 1 and not field.is_many
        self._is_plain = is_single and field.form in ("bytes", "struct")
        if self._is_plain and field.form == "struct":
            self._column = pc.struct_field(self._column, "bytes")

    def read(self, row: int, index: int | None) -> bytes | str:
        value: Any = self._column[row].as_py()
        if self._is_plain:
            return value or NO_IMAGE
        value = fields.descend(value, self._field.steps[1:])
        if index is not None:
            value = value[index] if self._field.is_many and value else None
        return self._field.unpack(value)
