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
