"""The schema, as a list of steps that are each applied once and recorded.

A released step is never edited: a change is a further step, and a fixture of the
schema before it stays in the tests.
"""

import time

import duckdb

from sept_core import errors

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

MIGRATIONS: list[tuple[str, str]] = [
    ("first schema", _FIRST),
    ("a revision of the files", _REVISION),
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
            f"This project was written by a newer SEPT (schema {applied}, this one knows "
            f"{len(MIGRATIONS)}); update SEPT to open it."
        )
    for step, (name, sql) in enumerate(MIGRATIONS[applied:], start=applied + 1):
        connection.execute("BEGIN")
        connection.execute(sql)
        connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", [step, name, time.time()])
        connection.execute("COMMIT")
