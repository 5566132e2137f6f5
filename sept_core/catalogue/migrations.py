"""The schema, as a list of steps that are each applied once and recorded.

A released step is never edited: a change is a further step, and a fixture of the
schema before it stays in the tests.
"""

import re
import time
from collections.abc import Callable

import duckdb

from sept_core import errors
from sept_core.imaging import outcomes

_FIRST = """
CREATE TABLE sources (
    id TEXT NOT NULL,            -- stable through renames: s1, s2, ...
    role TEXT NOT NULL,          -- 'pool' or 'target'
    name TEXT NOT NULL,
    kind TEXT NOT NULL,          -- as sources.detect names it
    path TEXT NOT NULL,          -- what the user gave
    root TEXT NOT NULL,          -- rel_path counts from here; nothing outside is read
    options JSON NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    added_at DOUBLE NOT NULL
);
CREATE SEQUENCE source_ids;
CREATE TABLE files (              -- one row for every place where an image lies
    source_id TEXT NOT NULL,
    rel_path TEXT NOT NULL,
    member TEXT NOT NULL,
    byte_offset BIGINT NOT NULL,
    size BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL,
    source_uid TEXT,
    label TEXT,
    split TEXT,
    metadata JSON,
    state TEXT NOT NULL,         -- waiting, ok, rejected
    reason TEXT,
    uid TEXT,
    gone BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE TABLE images (             -- one row for every distinct content
    uid TEXT NOT NULL,
    sha256 TEXT,
    width INTEGER,
    height INTEGER,
    format TEXT,
    mode TEXT,
    bytes BIGINT,
    phash UBIGINT,
    brightness FLOAT,
    contrast FLOAT,
    sharpness FLOAT,
    entropy FLOAT,
    features_only BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE TABLE adopted (            -- feature shards whose outcomes are in the tables above
    outcomes_sha256 TEXT NOT NULL
);
CREATE TABLE decisions (
    position BIGINT NOT NULL,
    target_id TEXT NOT NULL,
    decided_at TEXT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    scope TEXT NOT NULL,
    reason TEXT NOT NULL,
    uids TEXT[] NOT NULL,
    undoes BIGINT[]
);
CREATE TABLE selections (
    id TEXT NOT NULL,
    record JSON NOT NULL,        -- settings, counts, and what they were made from
    created_at DOUBLE NOT NULL
);
CREATE TABLE settings (key TEXT NOT NULL, value JSON NOT NULL);
"""

_REVISION = """
INSERT INTO settings VALUES ('files_revision', to_json(uuid()::TEXT));  -- see `revision`
"""

_FACTS = """
-- files.state is waiting, ok, rejected or unreadable
ALTER TABLE files ADD COLUMN decoder TEXT;  -- of the outcome; null for what listing found
CREATE TABLE featureless (         -- images that decode and that an encoder gave no features
    encoder_id TEXT NOT NULL,
    uid TEXT NOT NULL,
    reason TEXT NOT NULL
);
UPDATE settings SET value = to_json(uuid()::TEXT) WHERE key = 'files_revision';
"""

_READ = re.compile(r"unreadable: |truncated: the archive ends inside this image|could not be ")
"""Beginnings of reasons that only the worker wrote, about bytes that it may not have been able to
read."""


def _tell_facts_apart(connection: duckdb.DuckDBPyConnection) -> None:
    """Restore files that were rejected by accident, and images that one encoder removed.

    Files that were out of reach are unreadable for now; they are listed again before they are read,
    since they may have changed. An image without features waits until the shard that names it is
    adopted once more: it holds the image's size and hash.
    """
    connection.execute(_FACTS)
    rows = connection.execute(
        "SELECT DISTINCT reason, uid IS NOT NULL FROM files WHERE state = 'rejected'"
    ).fetchall()
    known = [(reason, has_uid, *_verdict(reason, has_uid)) for reason, has_uid in rows]
    columns = [list(column) for column in zip(*known, strict=True)] or [[]] * 4
    connection.execute(
        """UPDATE files f SET state = v.state, decoder = v.decoder,
               reason = CASE v.state WHEN 'waiting' THEN NULL ELSE f.reason END
           FROM (SELECT unnest(?::TEXT[]) AS reason, unnest(?::BOOLEAN[]) AS has_uid,
                        unnest(?::TEXT[]) AS state, unnest(?::TEXT[]) AS decoder) v
           WHERE f.state = 'rejected' AND f.reason IS NOT DISTINCT FROM v.reason
             AND (f.uid IS NOT NULL) = v.has_uid""",
        columns,
    )
    if any(state == "waiting" for _, _, state, _ in known):
        connection.execute("INSERT INTO settings VALUES ('images_to_adopt', 'true')")


def _verdict(reason: str | None, has_uid: bool) -> tuple[str, str | None]:
    """State and decoder of a file that a version before this step had rejected."""
    word = outcomes.of_earlier(outcomes.REJECTED, reason)
    if word == outcomes.NO_FEATURES and has_uid:
        return "waiting", None
    if word == outcomes.UNREADABLE:
        return word, None
    was_read = has_uid or _READ.match(reason or "") is not None
    return outcomes.REJECTED, outcomes.UNKNOWN_DECODER if was_read else None


MIGRATIONS: list[tuple[str, str | Callable[[duckdb.DuckDBPyConnection], None]]] = [
    ("first schema", _FIRST),
    ("a revision of the files", _REVISION),
    ("unreadable files, decoder versions, images without features", _tell_facts_apart),
]


def migrate(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring the open catalogue to the newest schema, each step in its own transaction.

    Raises:
        IntegrityError: the catalogue was written by a newer version of SEPT.
    """
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (step INTEGER, name TEXT, applied_at DOUBLE)"
    )
    [(applied,)] = connection.execute("SELECT count(*) FROM migrations").fetchall()
    if applied > len(MIGRATIONS):
        raise errors.IntegrityError(
            f"This project was written by a newer version of SEPT (schema {applied}; this version "
            f"supports up to {len(MIGRATIONS)}); update SEPT to open it."
        )
    for step, (name, change) in enumerate(MIGRATIONS[applied:], start=applied + 1):
        connection.execute("BEGIN")
        if isinstance(change, str):
            connection.execute(change)
        else:
            change(connection)
        connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", [step, name, time.time()])
        connection.execute("COMMIT")
