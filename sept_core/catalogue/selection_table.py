"""Selections: the record of each; its picks lie in `selections/ID.parquet`."""

import json
import time
from typing import Any

from sept_core import errors
from sept_core.catalogue.connection import Connection, one, transaction


def put(db: Connection, selection_id: str, record: dict[str, Any]) -> None:
    """Store a selection's record; repeating the same selection keeps one row."""
    with transaction(db):
        db.execute("DELETE FROM selections WHERE id = ?", [selection_id])
        db.execute(
            "INSERT INTO selections VALUES (?, ?, ?)",
            [selection_id, json.dumps(record), time.time()],
        )


def every(db: Connection) -> list[dict[str, Any]]:
    """Return all records, oldest first, each with its `id` and `created_at`."""
    return _records(db, "TRUE", [])


def stamp(db: Connection) -> list[Any]:
    """Return a value that changes when a selection is stored or deleted."""
    return list(
        one(db, "SELECT count(*), max(created_at), bit_xor(hash(id))::TEXT FROM selections")
    )


def _records(db: Connection, where: str, values: list[str]) -> list[dict[str, Any]]:
    rows = db.execute(
        f"SELECT id, record, created_at FROM selections WHERE {where} ORDER BY created_at, id",
        values,
    ).fetchall()
    return [json.loads(record) | {"id": i, "created_at": at} for i, record, at in rows]


def find(db: Connection, selection_id: str) -> dict[str, Any]:
    """One record by its id, or by the beginning of it.

    Raises:
        NotFoundError: none, or more than one; the message lists them.
    """
    if exact := _records(db, "id = ?", [selection_id]):
        return exact[0]
    found = _records(db, "starts_with(id, ?)", [selection_id])
    if len(found) == 1:
        return found[0]
    known = ", ".join(r["id"] for r in (found or every(db))) or "none yet"
    if found:
        raise errors.NotFoundError(
            f"Several selections begin with {selection_id!r} ({known}); give more of the id."
        )
    raise errors.NotFoundError(f"No selection {selection_id!r}; there are: {known}.")


def remove(db: Connection, selection_id: str) -> None:
    """Delete a selection; decisions belong to the target set and stay."""
    db.execute("DELETE FROM selections WHERE id = ?", [selection_id])
