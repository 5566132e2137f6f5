"""Tables that list images: csv, jsonl, parquet and their like, and lists of paths.

In: an opener of a table's file. Out: its rows as plain values, the column that names files or
holds images, and the bytes of the images inside it.
"""

import functools
import threading
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from sept_core import errors
from sept_core.filesystem import safe_paths
from sept_core.imaging import images, outcomes
from sept_core.remote import files, places
from sept_core.tables.formats import held, looks
from sept_core.tables.formats.choosing import Choice, best_named, choose_column, usual_column
from sept_core.tables.formats.columnar import ArrowStore, ColumnarTable, ParquetStore
from sept_core.tables.formats.delimited import DelimitedTable
from sept_core.tables.formats.lists import open_list
from sept_core.tables.formats.records import RecordTable
from sept_core.tables.formats.rows import (
    NO_IMAGE,
    Cell,
    Cells,
    Look,
    Match,
    Numbered,
    Opener,
    Row,
    Scalar,
    Table,
    scalars,
    shown,
)
from sept_core.tables.formats.text import PACKED, open_text

__all__ = [
    "NO_IMAGE",
    "SHARD_SUFFIXES",
    "SUFFIXES",
    "Cell",
    "Cells",
    "Choice",
    "HeldImages",
    "Look",
    "Match",
    "Numbered",
    "Opener",
    "Row",
    "Scalar",
    "Table",
    "choose_column",
    "column_of_paths",
    "is_list",
    "is_table",
    "open_table",
    "opener_of",
    "scalars",
    "shown",
    "usual_column",
]

_DELIMITED = (".csv", ".tsv", ".tab", ".psv")
_LISTS = (".txt", ".lst", ".list")
_RECORDS = (".jsonl", ".ndjson", ".json")
SHARD_SUFFIXES = (".parquet", ".arrow", ".feather")
"""Formats of tables that are often the shards of one data set."""

SUFFIXES = frozenset((*_DELIMITED, *_LISTS, *_RECORDS, *SHARD_SUFFIXES))


def suffix_of(path: str) -> str:
    """Return the suffix of a table's format, in lower case; that of a compression is skipped."""
    suffix = safe_paths.suffix_of(path)
    return safe_paths.suffix_of(path[: -len(suffix)]) if suffix in PACKED else suffix


@functools.lru_cache(1024)
def is_table(path: str) -> bool:
    """Return whether a file of this name is read as a table."""
    suffix = suffix_of(path)
    return suffix in SUFFIXES and (suffix not in SHARD_SUFFIXES or path.lower().endswith(suffix))


def is_list(path: str) -> bool:
    """Return whether a file of this name is read as a list of paths."""
    return suffix_of(path) in _LISTS


def opener_of(path: Path) -> Opener:
    """Return an opener of a table's file that the user named, local or remote."""
    if places.is_remote(path):
        ahead = suffix_of(path.name) not in SHARD_SUFFIXES
        return lambda: files.open_object(places.url(path), ahead=ahead)
    return lambda: path.open("rb")


def open_table(opener: Opener, path: str, look: Look = lambda value: Match.NONE) -> Table:
    """Open a table and detect its dialect and columns.

    Args:
        opener: opens its file again.
        path: its name, which determines the format.
        look: checks whether a value names a file.

    Raises:
        SourceError: it is not such a table.
    """
    suffix = suffix_of(path)
    if suffix == ".parquet":
        return ColumnarTable(opener, path, ParquetStore)
    if suffix in SHARD_SUFFIXES:
        return ColumnarTable(opener, path, ArrowStore)
    text = open_text(opener, path)
    if suffix in _RECORDS:
        return RecordTable(text, suffix)
    return open_list(text, suffix, look) if suffix in _LISTS else DelimitedTable(text, suffix, look)


def column_of_paths(names: Sequence[str]) -> str | None:
    """Return the column of paths by name: a usual name, else the only column."""
    return best_named(names, looks.PATH_COLUMNS) or (names[0] if len(names) == 1 else None)


class HeldImages:
    """The images inside one table, by their place in it; dropping it closes the table.

    A place is `ROW`, `ROW:COLUMN`, or `ROW:COLUMN:INDEX` where a row holds a list of images.
    Parquet is read a row group at a time; other tables from their beginning, once.
    """

    def __init__(self, opener: Opener, path: str) -> None:
        """Open a table.

        Raises:
            RejectedImage: it is not a table.
            OSError: the system could not read it.
        """
        self._opener, self._path = opener, path
        try:
            self._table = open_table(opener, path)
        except errors.SourceError as problem:
            raise images.RejectedImage(f"unreadable: {problem}") from problem
        self._names = {column.name for column in self._table.columns}
        self._usual = usual_column(self._table.columns)
        self._opened: dict[str, held.Images] = {}
        self._lock = threading.Lock()

    def read(self, place: str) -> bytes:
        """The bytes of one image.

        Raises:
            RejectedImage: the place contains no image, or does not exist.
            OSError: the system could not read the table.
        """
        try:
            row, column, index = self._parsed(place)
            data = self._images(column).read(row, index)
        except OSError as problem:
            if outcomes.of_machine(problem) is not None:
                raise
            raise images.RejectedImage(f"unreadable: damaged table: {problem}") from problem
        except (pa.ArrowException, errors.SourceError, ValueError, LookupError) as problem:
            raise images.failure(problem, f"unreadable: {problem}") from problem
        if isinstance(data, str):
            raise images.RejectedImage(data if data == NO_IMAGE else f"unreadable: {data}")
        return data

    def _parsed(self, place: str) -> tuple[int, str, int | None]:
        row, _, column = place.partition(":")
        if not column and self._usual:
            return int(row), self._usual, None
        if column in self._names:
            return int(row), column, None
        name, _, index = column.rpartition(":")
        if name not in self._names:
            raise LookupError(f"no column {shown(column)} in the table")
        return int(row), name, int(index)

    def _images(self, column: str) -> held.Images:
        if found := self._opened.get(column):
            return found
        with self._lock:
            if column not in self._opened:
                self._opened[column] = (
                    held.RowGroups(self._opener, self._path, column)
                    if suffix_of(self._path) == ".parquet"
                    else held.Unpacked(self._table.payloads(column))
                )
            return self._opened[column]
