"""Faults of a manifest's rows: content that no selection can have produced.

In: its tables. Out: the uid of each invalid row, and its fault.
"""

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from sept_core.manifest import manifest_tables

UID = re.compile(r"[0-9a-f]{32}")


def faults(rows: pa.Table, locations: pa.Table) -> Iterator[tuple[str, str]]:
    """List the uid of each row that no selection can have produced, with its fault."""
    seen: set[str] = set()
    for row in rows.select(["sha256", *manifest_tables.LOCATIONS.names]).to_pylist():
        fault = "it occurs twice" if row["uid"] in seen else _fault(**row)
        seen.add(row["uid"])
        if fault:
            yield str(row["uid"]), fault
    for row in locations.to_pylist():
        fault = _misplaced(*manifest_tables.location(**row))
        if row["uid"] not in seen:
            fault = "it has a location but is not selected"
        if fault:
            yield str(row["uid"]), fault


def _fault(uid: str, sha256: str | None, source: str, **place: str) -> str | None:
    if not UID.fullmatch(uid or ""):
        return "its uid is not 32 hex digits"
    if sha256 is None:
        return None  # imported by features only, so there is no file
    if len(sha256) != 64 or sha256[:32] != uid:
        return "its uid is not the beginning of its sha256"
    if bool(place["shard"]) != bool(place["key"]) or (place["rel_path"] and place["shard"]):
        return "it must have either a rel_path, or a shard and a key"
    return _misplaced(*manifest_tables.location(uid, source, **place))


def _misplaced(source: str, path: str, member: str) -> str | None:
    if not source or not path:
        return "it has no source or no path"
    if path.startswith("/") or ".." in path.split("/"):
        return f"{path!r} points outside its source"
    return None


def held_out(rows: pa.Table, guard: pa.Table) -> list[str]:
    """List the uids of rows with the same bytes as a held-out image."""
    leaked = pc.is_in(rows["uid"], value_set=guard["uid"].combine_chunks())
    found: list[str] = rows["uid"].filter(leaked).to_pylist()
    return found
