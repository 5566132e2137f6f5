"""The reviewer's decisions as an append-only log (docs/method.md §3).

Every event is committed before the call returns; nothing is ever updated or deleted.
"""

import datetime
from collections.abc import Sequence
from typing import Any

from sept_core.catalogue.connection import Connection, one, scalar, transaction
from sept_core.review import decision_log
from sept_core.storage.recent import Recent

KEPT = 16
"""Number of target sets whose logs a process keeps in memory."""

_kept = Recent[tuple[str, tuple[str, ...]], decision_log.Log](KEPT)

FIELDS = {
    "position": "BIGINT",
    "target_id": "TEXT",
    "at": "TEXT",
    "who": "TEXT",
    "action": "TEXT",
    "scope": "TEXT",
    "reason": "TEXT",
    "uids": "TEXT[]",
    "undoes": "BIGINT[]",
}
"""Fields of an entry of the whole log and their types, in the order of the table."""


def append(
    db: Connection,
    target_ids: Sequence[str],
    *,
    who: str,
    action: str,
    scope: str = "image",
    reason: str = "",
    uids: Sequence[str] = (),
    undoes: Sequence[int] | None = None,
) -> int:
    """Commit one decision for each target set it belongs to; return the last position.

    `uids` is the expanded list that the preview showed, so that a replay never depends on
    clusters or thresholds made later.
    """
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    with transaction(db):
        position = last_position(db)
        for target_id in target_ids:
            position += 1
            db.execute(
                "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [position, target_id, at, who, action, scope, reason, list(uids),
                 None if undoes is None else list(undoes)],
            )  # fmt: skip
    return position


def append_all(db: Connection, target_ids: Sequence[str], made: Sequence[dict[str, Any]]) -> int:
    """Commit several decisions at one time, all or none; return the last position.

    Args:
        db: the catalogue.
        target_ids: each decision is made for all of them.
        made: who, action, scope, reason and uids of each.
    """
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    with transaction(db):
        first = last_position(db) + 1
        each = [(one, target_id) for one in made for target_id in target_ids]
        entries = [
            {**one, "position": position, "target_id": target_id, "at": at, "undoes": None}
            for position, (one, target_id) in enumerate(each, start=first)
        ]
        restore(db, entries)
        return last_position(db)


def last_position(db: Connection) -> int:
    """The position of the newest event, 0 when there is none."""
    return int(scalar(db, "SELECT coalesce(max(position), 0) FROM decisions"))


def log(db: Connection) -> list[dict[str, Any]]:
    """Return every event of every target set as it is stored, oldest first."""
    rows = db.execute("SELECT * FROM decisions ORDER BY position").fetchall()
    return [dict(zip(FIELDS, row, strict=True)) for row in rows]


def restore(db: Connection, entries: Sequence[dict[str, Any]]) -> None:
    """Write events of a backup at their own positions, all or none of them."""
    columns = [[entry[name] for entry in entries] for name in FIELDS]
    rows = ", ".join(f"unnest(?::{kind}[]) AS {name}" for name, kind in FIELDS.items())
    with transaction(db):
        db.execute(f"INSERT INTO decisions FROM (SELECT {rows}) ORDER BY position", columns)


def log_of(db: Connection, target_ids: Sequence[str]) -> decision_log.Log:
    """Return the log of these target sets; events that this process has read are not read again."""
    key = (_file(db), tuple(sorted(target_ids)))
    known = _kept.find(key)
    if known is None or not _is_in(db, known):
        known = decision_log.Log()
    later = _events(db, target_ids, known.events[-1].position if known.events else 0)
    found = decision_log.Log(later, known) if later else known
    _kept.put(key, found)
    return found


def _file(db: Connection) -> str:
    (path,) = one(db, "SELECT path FROM duckdb_databases() WHERE NOT internal")
    return str(path)


def _is_in(db: Connection, log: decision_log.Log) -> bool:
    """Return whether the catalogue still holds the events read: its file may have been replaced."""
    if not log.events:
        return True
    last = log.events[-1]
    rows = db.execute(
        "SELECT decided_at, who, action, reason, len(uids), uids[1] FROM decisions "
        "WHERE position = ?",
        [last.position],
    ).fetchall()
    first = last.uids[0] if last.uids else None
    return rows == [(last.at, last.who, last.action, last.reason, len(last.uids), first)]


def _events(db: Connection, target_ids: Sequence[str], after: int) -> list[decision_log.Event]:
    rows = db.execute(
        """SELECT position, decided_at, who, action, scope, reason, uids, undoes FROM decisions
           WHERE position > ? AND list_contains(?, target_id) ORDER BY position""",
        [after, list(target_ids)],
    ).fetchall()
    return [
        decision_log.Event(
            position=position,
            at=at,
            who=who,
            action=action,
            scope=scope,
            reason=reason,
            uids=tuple(uids),
            undoes=None if undoes is None else tuple(undoes),
        )
        for position, at, who, action, scope, reason, uids, undoes in rows
    ]
