"""Tables that list images: csv, jsonl, parquet, and text with a path on each line.

In: an opened table. Out: its rows as plain values, which of its columns name files or hold
images, and the bytes of the images inside it.
"""

import base64
import bisect
import codecs
import datetime
import json
import math
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from sept_core import errors, images, paths

Scalar = str | int | float | bool | None
Row = dict[str, Scalar]

SUFFIXES = frozenset((".csv", ".jsonl", ".parquet", ".txt"))

PATH_COLUMNS = (
    *("path", "file_name", "filepath", "file_path", "filename", "image_path", "rel_path"),
    *("abs_path", "file", "image", "img"),
)
"""Names under which a column of paths is found, tried in this order."""

IMAGE_COLUMNS = ("image", "img", "image_bytes", "image_base64", "bytes", "data", "jpg", "png")
"""Names under which a column of image bytes is found, tried in this order."""

TEXT_COLUMNS = frozenset(
    (*PATH_COLUMNS, "uid", "key", "id", "label", "class", "class_name", "category", "split")
)
"""Columns of a csv that stay text even where every value looks like a number (`007`)."""

_BATCH = 4096


class Numbered(NamedTuple):
    """One row: its number from 0, its values, and why they could not be read if so."""

    number: int
    values: Row
    problem: str | None = None


@dataclass(frozen=True)
class Columns:
    """The columns of one table: `images` hold bytes, `scalars` plain values."""

    images: list[str]
    scalars: list[str]


def is_table(path: str) -> bool:
    """Whether a file of this name is read as a table."""
    return paths.suffix_of(path) in SUFFIXES


def columns(file: BinaryIO, path: str) -> Columns:
    """What the table has; nested and list columns are left out.

    Images are binary columns and Hugging Face's struct of `bytes` and `path` in parquet. A csv
    or jsonl file can hold them as base64, under one of `IMAGE_COLUMNS` that says so.

    Raises:
        SourceError: it is not such a table.
    """
    if paths.suffix_of(path) == ".parquet":
        with _parquet(file, path) as table:
            names = [n for n in table.schema_arrow.names if _holds_images(table, n)]
            return Columns(names, [n for n in _scalar_columns(table) if n not in names])
    if paths.suffix_of(path) == ".txt":
        return Columns([], ["path"])
    first = next((row.values for row in rows(file, path) if not row.problem), {})
    packed = [name for name in first if name in ("image_base64", "image_bytes", "bytes")]
    return Columns(packed, [name for name in first if name not in packed])


def rows(file: BinaryIO, path: str, skip: str | None = None) -> Iterator[Numbered]:
    """Walk the table.

    Args:
        file: opened, at its beginning.
        path: its name, which says what it is.
        skip: a column left unread.

    Raises:
        SourceError: the file as a whole is not such a table.
    """
    return _READERS[paths.suffix_of(path)](file, path, skip)


def choose_columns(
    file: BinaryIO, path: str, options: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """The column of images, or else the column of paths, by which a table is read.

    Args:
        file: opened, at its beginning.
        path: its name, which says what it is.
        options: `image_column` or `path_column`, where the user named one.

    Raises:
        SourceError: there is no such column, or none can be told by its name.
    """
    found = columns(file, path)
    names = (*found.images, *found.scalars)
    image, by_path = options.get("image_column"), options.get("path_column")
    if image is None and by_path is None:
        image = best_column(found.images, IMAGE_COLUMNS)
        by_path = None if image else best_column(found.scalars, PATH_COLUMNS)
    wanted = image or by_path
    if wanted and paths.suffix_of(wanted) in paths.IMAGE_SUFFIXES:
        raise errors.SourceError(f"{path} has no header line; give its columns names.")
    if wanted in names:
        return image, by_path
    missing = f"no column {wanted!r}" if wanted else "no column known to hold paths or images"
    raise errors.SourceError(
        f"{path} has {missing}; name one as path_column or image_column: {', '.join(names)}."
    )


class ImageColumn:
    """The images in one column of a table, by row number; dropping it closes the table.

    Parquet is read a row group at a time, of which two are kept; a csv or jsonl is read whole.
    """

    def __init__(self, opener: Callable[[], BinaryIO], path: str, column: str | None) -> None:
        """Open `column`, or the first that holds images where it is None.

        Raises:
            SourceError: the table cannot be read or has no such column.
        """
        with opener() as file:
            found = columns(file, path)
        if column is None:
            column = best_column(found.images, IMAGE_COLUMNS)
        if column is None or column not in (*found.images, *found.scalars):
            raise errors.SourceError(f"{path} has no column of images named {column!r}.")
        kind = _ParquetImages if paths.suffix_of(path) == ".parquet" else _TextImages
        self._images = kind(opener, path, column)

    def read(self, row: int) -> bytes:
        """The bytes of one image.

        Raises:
            RejectedImage: the row holds none, or does not exist.
            UnreadableFile: the table cannot be read now.
        """
        try:
            data = self._images.read(row)
        except (pa.ArrowException, OSError, ValueError, LookupError) as problem:
            raise images.failure(problem, f"unreadable: {problem}") from problem
        if data is None:
            raise images.RejectedImage("unreadable: no image in this row")
        return data


def best_column(found: list[str], known: tuple[str, ...]) -> str | None:
    """The column to take: the first known name, in any case, else the only one there is."""
    by_name = {name.lower(): name for name in reversed(found)}
    for name in known:
        if name in by_name:
            return by_name[name]
    return found[0] if len(found) == 1 else None


class _ParquetImages:
    def __init__(self, opener: Callable[[], BinaryIO], path: str, column: str) -> None:
        file = opener()
        weakref.finalize(self, file.close)
        self._table = pq.ParquetFile(file)
        kind = self._table.schema_arrow.field(column).type
        self._leaf = f"{column}.bytes" if pa.types.is_struct(kind) else column
        groups = self._table.metadata.num_row_groups
        sizes = [self._table.metadata.row_group(i).num_rows for i in range(groups)]
        self._starts = list(accumulate(sizes, initial=0))
        self._kept: dict[int, pa.ChunkedArray] = {}
        self._lock = threading.Lock()

    def read(self, row: int) -> bytes | None:
        if not 0 <= row < self._starts[-1]:
            raise LookupError("no such row in the table")
        group = bisect.bisect_right(self._starts, row) - 1
        value = self._group(group)[row - self._starts[group]].as_py()
        data: bytes | None = value["bytes"] if isinstance(value, dict) else value
        return data

    def _group(self, group: int) -> pa.ChunkedArray:
        """One row group's images; two are kept, for threads on both sides of a border."""
        with self._lock:
            if group not in self._kept:
                for old in list(self._kept)[:-1]:
                    del self._kept[old]
                self._kept[group] = self._table.read_row_group(group, [self._leaf]).column(0)
            return self._kept[group]


class _TextImages:
    def __init__(self, opener: Callable[[], BinaryIO], path: str, column: str) -> None:
        with opener() as file:
            self._values = {row.number: row.values.get(column) for row in rows(file, path)}

    def read(self, row: int) -> bytes | None:
        value = self._values[row]
        return None if value in (None, "") else base64.b64decode(str(value), validate=True)


def _list_rows(file: BinaryIO, path: str, skip: str | None) -> Iterator[Numbered]:
    for number, line in enumerate(file):
        text = os.fsdecode(line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n"))
        if text.strip():
            yield Numbered(number, {"path": text})


def _csv_rows(file: BinaryIO, path: str, skip: str | None) -> Iterator[Numbered]:
    table, broken = _read_csv(file, path)
    number = 0
    for batch in table.drop_columns([skip] if skip else []).to_batches(_BATCH):
        for row in batch.to_pylist():
            yield Numbered(number, {name: _scalar(value) for name, value in row.items()})
            number += 1
    for problem in broken:
        yield Numbered(number, {}, problem)
        number += 1


def _read_csv(file: BinaryIO, path: str) -> tuple[pa.Table, list[str]]:
    """The whole table, since a column's type shows in its last row only; and the broken rows."""
    broken: list[str] = []

    def keep_aside(row: Any) -> str:
        broken.append(f"broken row with {row.actual_columns} columns: {row.text[:80]!r}")
        return "skip"

    try:
        _check_utf8(file)
        table = pyarrow.csv.read_csv(
            file,
            parse_options=pyarrow.csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=keep_aside
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(TEXT_COLUMNS, pa.string())
            ),
        )
        names = ", ".join(table.column_names)  # raises where they are not UTF-8
        if any(map(_is_binary, table.schema.types)):
            raise UnicodeError(f"{names} hold other than UTF-8")
    except (pa.ArrowException, UnicodeError) as problem:
        raise errors.SourceError(
            f"{path} is not a csv table ({problem}); it needs a header line and UTF-8 text."
        ) from problem
    return table, broken


def _check_utf8(file: BinaryIO) -> None:
    """Read to the end and go back; pyarrow would drop a broken row that is no text in silence.

    Raises:
        UnicodeError: it is not UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    while chunk := file.read(1 << 20):
        decoder.decode(chunk)
    decoder.decode(b"", final=True)
    file.seek(0)


def _jsonl_rows(file: BinaryIO, path: str, skip: str | None) -> Iterator[Numbered]:
    for number, line in enumerate(file):
        if not line.strip():
            continue
        try:
            values = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as problem:
            yield Numbered(number, {}, f"not a line of JSON ({problem})")
            continue
        if isinstance(values, dict):
            yield Numbered(number, scalars({k: v for k, v in values.items() if k != skip}))
        else:
            yield Numbered(number, {}, "not a JSON object")


def _parquet_rows(file: BinaryIO, path: str, skip: str | None) -> Iterator[Numbered]:
    with _parquet(file, path) as table:
        names = [name for name in _scalar_columns(table) if name != skip]
        classes = _class_names(table.schema_arrow)
        leaves = [
            f"{name}.path" if pa.types.is_struct(table.schema_arrow.field(name).type) else name
            for name in names
        ]
        number = 0
        for batch in _batches(table, path, leaves):
            for row in batch.to_pylist() if names else [{}] * batch.num_rows:
                yield Numbered(number, {n: _named(_scalar(row[n]), classes.get(n)) for n in names})
                number += 1


def _batches(table: pq.ParquetFile, path: str, leaves: list[str]) -> Iterator[pa.RecordBatch]:
    """Some columns, a number of rows at a time; text in them is UTF-8."""
    found = table.iter_batches(_BATCH, columns=leaves)
    while True:
        try:
            batch = next(found, None)
            if batch is None:
                return
            batch.validate(full=True)  # parquet itself promises UTF-8, and nobody checks
        except (pa.ArrowException, OSError) as problem:
            raise errors.SourceError(
                f"The rows of {path} cannot be read ({problem}); write the table again."
            ) from problem
        yield batch


_READERS = {
    ".csv": _csv_rows,
    ".jsonl": _jsonl_rows,
    ".parquet": _parquet_rows,
    ".txt": _list_rows,
}


def _parquet(file: BinaryIO, path: str) -> pq.ParquetFile:
    try:
        table = pq.ParquetFile(file)
        _ = table.schema_arrow.names  # raises where they are not UTF-8
    except (pa.ArrowException, OSError, UnicodeError) as problem:
        raise errors.SourceError(f"{path} is not a parquet table ({problem}).") from problem
    return table


def _holds_images(table: pq.ParquetFile, name: str) -> bool:
    """Whether a column is binary, or Hugging Face's struct with at least some bytes in it."""
    kind = table.schema_arrow.field(name).type
    if not pa.types.is_struct(kind):
        return _is_binary(kind)
    for number in range(table.metadata.num_row_groups):
        group = table.metadata.row_group(number)
        for leaf in map(group.column, range(group.num_columns)):
            if leaf.path_in_schema == f"{name}.bytes":
                counted = leaf.statistics is not None and leaf.statistics.has_null_count
                if not counted or leaf.statistics.null_count < group.num_rows:
                    return True
    return False


def _scalar_columns(table: pq.ParquetFile) -> list[str]:
    """Columns of plain values, and structs with a `path` (used where their bytes are empty)."""

    def plain(kind: pa.DataType) -> bool:
        if pa.types.is_struct(kind):
            return bool(kind.get_field_index("path") >= 0)
        return not pa.types.is_nested(kind) and not _is_binary(kind)

    return [field.name for field in table.schema_arrow if plain(field.type)]


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Names of integer classes, as Hugging Face's `ClassLabel` keeps them in the schema."""
    try:
        kept = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = kept["info"]["features"].items()
        return {name: kind["names"] for name, kind in features if "names" in kind}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _named(value: Scalar, names: list[str] | None) -> Scalar:
    known = names is not None and isinstance(value, int) and 0 <= value < len(names)
    return names[value] if known and names else value  # type: ignore[index]


def scalars(values: dict[str, Any]) -> Row:
    """The plain values of a JSON object; lists and nested objects are left out."""
    return {str(k): _scalar(v) for k, v in values.items() if not isinstance(v, (dict, list))}


def _scalar(value: Any) -> Scalar:
    """A value that JSON, parquet and DuckDB all can hold."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, dict):
        return _scalar(value["path"])
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return str(value)
