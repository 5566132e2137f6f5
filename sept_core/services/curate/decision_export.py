"""Decisions as a table for others: csv, jsonl or parquet.

In: target sets. Out: one row for each image with a standing decision, in the order in which they
were made, and for each vetoed target image. `decision_import` reads the table back.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sept_core import errors
from sept_core.catalogue import decision_table, place_table
from sept_core.export import run as export_run
from sept_core.export import tables
from sept_core.review import decision_log
from sept_core.services.curate import decisions
from sept_core.services.project.project import Project
from sept_core.storage import atomic

SCHEMA = pa.schema(
    [
        ("uid", pa.string()),
        ("decision", pa.string()),
        ("reason", pa.string()),
        ("who", pa.string()),
        ("at", pa.string()),
        ("scope", pa.string()),
        ("target", pa.string()),
        ("source", pa.string()),
        ("path", pa.string()),
        ("source_uid", pa.string()),
    ]
)

SUFFIXES = (".csv", ".jsonl", ".parquet")


def table(project: Project, targets: Sequence[str]) -> pa.Table:
    """Return the standing decisions of these target sets, those of the first one first.

    `path` is below the source's folder; a member of an archive follows its path.

    Raises:
        NotFoundError: a target set does not exist.
    """
    ids = decisions.ids_of(project, targets)
    rows = []
    for name, ident in zip(targets, ids, strict=True):
        rows += _of_target(decision_table.log_of(project.db, [ident]), name)
    places = _places(project, [row["uid"] for row in rows])
    nowhere = {"source": None, "path": None, "source_uid": None}
    return pa.Table.from_pylist([row | places.get(row["uid"], nowhere) for row in rows], SCHEMA)


def _of_target(log: decision_log.Log, target: str) -> list[dict[str, Any]]:
    rows = [_row(uid, made, target) for uid, made in log.state.decisions.items()]
    vetoes = {
        uid: event
        for event in decision_log.standing(log.events)
        if event.scope == "target" and event.action == "veto"
        for uid in event.uids
    }
    return rows + [_row(uid, vetoes[uid], target) for uid in sorted(log.state.vetoed_targets)]


def _row(uid: str, made: decision_log.Decision | decision_log.Event, target: str) -> dict[str, Any]:
    return {
        "uid": uid,
        "decision": made.action,
        "reason": made.reason,
        "who": made.who,
        "at": made.at,
        "scope": made.scope,
        "target": target,
    }


def _places(project: Project, uids: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in place_table.locations(project.db, dict.fromkeys(uids)).to_pylist():
        path = "/".join(filter(None, (row["rel_path"], row["member"])))
        place = {"source": row["source"], "path": path, "source_uid": row["source_uid"]}
        found.setdefault(row["uid"], place)
    return found


def write(found: pa.Table, out: Path) -> Path:
    """Write the table in the format of the file's suffix; return the path.

    Raises:
        InputError: the suffix is unknown, or the file exists.
    """
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise errors.InputError(f"{out} must end in one of {', '.join(SUFFIXES)}.")
    export_run.refuse_existing(out)
    with atomic.write_then_rename(out) as temporary:
        if suffix == ".parquet":
            pq.write_table(found, temporary)
        elif suffix == ".jsonl":
            tables.write_jsonl(temporary, found.to_pylist())
        else:
            tables.write_csv(temporary, found.column_names, found.to_pylist())
    return out


def packed(found: pa.Table, suffix: str) -> bytes:
    """Return the table as the bytes of a file with that suffix, for a download."""
    with tempfile.TemporaryDirectory() as folder:
        return write(found, Path(folder) / f"decisions{suffix}").read_bytes()
