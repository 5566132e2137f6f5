"""Tables of a manifest: columns, places, and the content hash.

In: tables from a writer or from disk. Out: the same with exactly the columns of their schema, and
the hash that names the selected rows.

The content hash names the selected images: SHA-256 over one JSON line for each row, sorted,
with the columns of `HASHED` and those of `OPTIONAL` that there are. Left out are `decided_by` and
`decided_at` (people, times) and `index_id` (a version: rebuilding an index, or another shard
layout, changes its name and not the selection). The order of the rows is kept by the checksum of
the file instead.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sept_core import errors

# fmt: off
_TEXT, _INT, _FLOAT = pa.string(), pa.int32(), pa.float64()
SCHEMA = pa.schema([
    ("uid", _TEXT), ("sha256", _TEXT),  # no sha256: features only, there is no image to read
    ("source", _TEXT), ("source_uid", _TEXT),  # the source's own id (DataComp, img2dataset)
    ("rel_path", _TEXT),  # a plain file, or '' and then
    ("shard", _TEXT), ("key", _TEXT),  # a container and the member or row in it
    ("n_locations", _INT), ("width", _INT), ("height", _INT),
    ("target_uid", _TEXT), ("target_rank", _INT), ("similarity", _FLOAT), ("n_targets", _INT),
    ("phase", _TEXT), ("decision", _TEXT), ("reason", _TEXT),
    ("decided_by", _TEXT), ("decided_at", _TEXT),  # a time as ISO 8601 in UTC
    ("dup_group", pa.int64()), ("leak_distance", _FLOAT),
    ("encoder_id", _TEXT), ("index_id", _TEXT),
])
OPTIONAL = pa.schema([
    ("part", _TEXT),  # of a recipe; `target` for the target's own images
    ("weight", _FLOAT),  # of the owning target
])  # only in manifests of selections that have parts or weights, so that others keep their hash
PLACE = ("rel_path", "shard", "key")
LOCATIONS = pa.schema([(name, _TEXT) for name in ("uid", "source", *PLACE)])
GUARD = pa.schema([("uid", _TEXT), ("phash", pa.uint64()), ("target", _TEXT)])
# fmt: on
TABLES = {"manifest": SCHEMA, "locations": LOCATIONS, "guard": GUARD}
PICKS = ("uid", "target_uid", "target_rank", "similarity", "n_targets", "phase", "dup_group")
UNHASHED = ("decided_by", "decided_at", "index_id")
HASHED = tuple(name for name in SCHEMA.names if name not in UNHASHED)

Location = tuple[str, str, str]
"""source, rel_path of the plain file or of the container, member ('' for a plain file)."""


def schema_with(names: Iterable[str]) -> pa.Schema:
    """Return `SCHEMA` with those columns of `OPTIONAL` that are named, in their order."""
    wanted = set(names)
    return pa.schema([*SCHEMA, *(field for field in OPTIONAL if field.name in wanted)])


def optional(table: pa.Table) -> list[str]:
    """List the columns of `OPTIONAL` that a table has."""
    return [name for name in OPTIONAL.names if name in table.column_names]


def conform(table: pa.Table, what: str) -> pa.Table:
    """Return the table with exactly the columns and types of its schema; no place is ''.

    A manifest's rows may have columns of `OPTIONAL` too.
    """
    schema = schema_with(table.column_names) if what == "manifest" else TABLES[what]
    if set(table.column_names) != set(schema.names):
        odd = sorted(set(table.column_names) ^ set(schema.names))
        raise errors.ManifestError(
            f"The columns of {what}.parquet must be exactly {', '.join(schema.names)}; "
            f"missing or unknown: {', '.join(odd)}."
        )
    try:
        table = table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
        raise errors.ManifestError(f"{what}.parquet: {problem}.") from None
    for number, name in enumerate(schema.names):
        if name in PLACE:
            table = table.set_column(number, schema.field(name), pc.fill_null(table[name], ""))
    return table.replace_schema_metadata(None)


def location(uid: str, source: str, rel_path: str, shard: str, key: str) -> Location:
    """Return the place that a row of `LOCATIONS` names."""
    return (source, shard or rel_path, key)


def content_hash(rows: pa.Table) -> str:
    """Return 64 hex digits that name the selected rows in any order (see the module).

    Each row is the JSON array of its `HASHED` and `OPTIONAL` columns, without blanks, in ASCII;
    floats are rounded to 1e-6 and NaN is null. The sorted lines follow the line of column names.
    """
    names = (*HASHED, *optional(rows))
    columns = [_canonical(rows[name].to_pylist()) for name in names]
    lines = sorted(_line(values) for values in zip(*columns, strict=True))
    return hashlib.sha256(b"".join([_line(names), *lines])).hexdigest()


def _canonical(values: list[Any]) -> list[Any]:
    """Convert a float for hashing: rounded, −0 as 0, NaN as null."""
    return [
        (round(value, 6) + 0.0 if value == value else None) if isinstance(value, float) else value
        for value in values
    ]


def _line(values: tuple[Any, ...]) -> bytes:
    return json.dumps(values, separators=(",", ":"), allow_nan=False).encode() + b"\n"
