"""Worklists: the files that a worker must read, and each row as bytes or an image.

In: the rows, written by the planner of the work; a worklist's file. Out: the same rows in the
worker, the locations of their sources, and their files, read by a `sources.ByteReader`.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sept_core import errors
from sept_core.filesystem import roots
from sept_core.imaging import images
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.ingest.sources import ByteReader
from sept_core.storage import atomic

SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("root", pa.string(), nullable=False),
        pa.field("rel_path", pa.string(), nullable=False),
        pa.field("member", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("split", pa.string()),
        pa.field("uid", pa.string()),
        pa.field(roots.FOLLOW_LINKS, pa.bool_()),
        pa.field("bands", pa.string()),
        pa.field("mtime_ns", pa.int64()),
    ]
)
"""One row a file to be read, in the order of work; offset and size are −1 where unknown.
`follow_links` and `bands` are options of the source, `mtime_ns` is of the listed version of the
file; null in worklists of older versions."""

Row = Mapping[str, Any]
"""A row with the fields of `SCHEMA`."""


def write(path: Path, table: pa.Table) -> None:
    """Write a worklist whole or not at all.

    Raises:
        ArrowInvalid, KeyError: a column of `SCHEMA` is missing or of another type
            (`follow_links` and `mtime_ns` may be missing).
    """
    for name in (roots.FOLLOW_LINKS, "mtime_ns"):
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(len(table), SCHEMA.field(name).type))
    with atomic.write_then_rename(path) as temporary:
        pq.write_table(table.select(SCHEMA.names).cast(SCHEMA), temporary)


def read(path: Path) -> pa.Table:
    """Read a worklist, with the columns of `SCHEMA`.

    Raises:
        NotFoundError: the file is not there.
        IntegrityError: it is not a worklist.
    """
    try:
        return pq.read_table(path, schema=SCHEMA)
    except FileNotFoundError:
        raise errors.NotFoundError(f"{path} does not exist.") from None
    except (pa.ArrowException, OSError) as problem:
        raise errors.IntegrityError(f"{path} is not a worklist ({problem}).") from problem


def roots_of(rows: Iterable[Row]) -> dict[str, roots.Root]:
    """Return where each source of some rows lies."""
    return {
        row["source"]: roots.Root(Path(row["root"]), bool(row.get(roots.FOLLOW_LINKS)))
        for row in rows
    }


def roots_in(table: pa.Table) -> dict[str, roots.Root]:
    """Return where each source of a table of rows lies, however many rows there are."""
    names = ["source", "root", roots.FOLLOW_LINKS]
    return roots_of(table.select(names).group_by(names).aggregate([]).to_pylist())


def name_of(row: Row) -> str:
    """Return a row's file name that is the same on every machine."""
    return f"{row['source']}/{row['rel_path']}/{row['member']}"


def read_bytes(reader: ByteReader, row: Row) -> bytes:
    """Read the bytes of a row's file; raises as `ByteReader.read`."""
    place = {name: row[name] for name in ("source", "rel_path", "member", "offset", "size")}
    return reader.read(**place, mtime_ns=row.get("mtime_ns") or 0)


def decode(
    data: bytes, row: Row, ranges: ValueRanges | None, least: int = 0
) -> images.DecodedImage:
    """Decode a row's bytes with the bands of its source; see `images.decode`."""
    return images.decode(data, least, ranges, images.parse_bands(row["bands"]))


def read_image(reader: ByteReader, row: Row, ranges: ValueRanges | None) -> images.DecodedImage:
    """Read and decode a row's file; raises as `ByteReader.read` and `images.decode`."""
    return decode(read_bytes(reader, row), row, ranges)
