"""Small values that belong to the project: the reviewer's name, the chosen encoder."""

import json
from typing import Any

from sept_core.catalogue.connection import Connection, transaction


def get(db: Connection, key: str, default: Any = None) -> Any:
    """The stored value, or `default`."""
    rows = db.execute("SELECT value FROM settings WHERE key = ?", [key]).fetchall()
    return json.loads(rows[0][0]) if rows else default


def put(db: Connection, key: str, value: Any) -> None:
    """Store a JSON value under a key."""
    with transaction(db):
        db.execute("DELETE FROM settings WHERE key = ?", [key])
        db.execute("INSERT INTO settings VALUES (?, ?)", [key, json.dumps(value)])


def keys(db: Connection, prefix: str) -> list[str]:
    """Return the keys that begin with `prefix`, in alphabetical order; no value is read."""
    rows = db.execute(
        "SELECT key FROM settings WHERE starts_with(key, ?) ORDER BY key", [prefix]
    ).fetchall()
    return [str(key) for (key,) in rows]


def remove(db: Connection, key: str) -> None:
    """Delete a key; do nothing if there is none."""
    db.execute("DELETE FROM settings WHERE key = ?", [key])
