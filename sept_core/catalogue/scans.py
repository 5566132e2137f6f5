"""Scans: the files of a source brought up to date with a new listing of it.

In: the entries of a whole listing. Out: the table `files`, and how many files are new, changed or
gone.
"""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from sept_core.catalogue import revision
from sept_core.catalogue.connection import Connection, one, registered, scalar, transaction
from sept_core.catalogue.source_table import ScanReport
from sept_core.imaging import outcomes
from sept_core.ingest.entries import FileEntry

SCAN_SCHEMA = pa.schema(
    [
        ("rel_path", pa.string()),
        ("member", pa.string()),
        ("byte_offset", pa.int64()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("source_uid", pa.string()),
        ("label", pa.string()),
        ("split", pa.string()),
        ("metadata", pa.string()),
        ("problem", pa.string()),
    ]
)


def scan_table(entries: list[FileEntry]) -> pa.Table:
    """A batch of scanned entries as a table of `SCAN_SCHEMA`."""
    rows = [
        (e.rel_path, e.member, e.offset, e.size, e.mtime_ns, e.source_uid, e.label, e.split,
         json.dumps(e.metadata) if e.metadata else None, e.problem)
        for e in entries
    ]  # fmt: skip
    columns = zip(*rows, strict=True) if rows else [()] * len(SCAN_SCHEMA)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, SCAN_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCAN_SCHEMA)


_SAME_PLACE = "f.source_id = $id AND f.rel_path = n.rel_path AND f.member = n.member"

_PART = "CASE WHEN {}.split IN ('val', 'test') THEN 'heldout' ELSE {}.split END"

_SAME_PART = f"{_PART.format('f', 'f')} IS NOT DISTINCT FROM {_PART.format('n', 'n')}"

_SAME_FILE = f"""(n.state = 'unreadable'
    OR (f.size = n.size AND f.mtime_ns = n.mtime_ns AND {_SAME_PART}))"""
"""A file that cannot be examined counts as the same file."""

_FOUND = "f.state IN ('rejected', 'unreadable') AND f.decoder IS NULL"
"""Set by listing; outcomes from the worker name the decoder."""

_NEWS = f"""CASE n.state
    WHEN 'rejected' THEN TRUE
    WHEN 'waiting' THEN {_FOUND}
    ELSE f.state IN ('waiting', 'unreadable') OR ({_FOUND})
         OR (f.state = 'ok' AND NOT $only_unreadable) END"""
"""True where the new listing replaces the state of an unchanged file."""

_COMPARE = f"""SELECT count(*) FILTER (f.state IS NULL),
                      count(*) FILTER (f.state IS NOT NULL AND NOT {_SAME_FILE}),
                      count(*) FILTER (f.gone AND {_SAME_FILE}), count(*),
                      count(*) FILTER (n.state = 'unreadable'),
                      count(*) FILTER (n.state = 'rejected')
               FROM scan n LEFT JOIN files f ON {_SAME_PLACE}"""

_MARK_GONE = f"""UPDATE files f SET gone = TRUE WHERE f.source_id = $id AND NOT f.gone
                 AND NOT EXISTS (SELECT 1 FROM scan n WHERE {_SAME_PLACE})
                 AND NOT EXISTS (SELECT 1 FROM scan n WHERE n.rel_path = f.rel_path
                                 AND n.member = '' AND n.state = 'unreadable' AND f.member <> '')
                 AND (NOT $only_unreadable OR ({_FOUND}))"""

_RETURN_SAME = f"""UPDATE files f SET gone = FALSE, label = n.label, split = n.split,
                       metadata = n.metadata, source_uid = n.source_uid,
                       byte_offset = CASE n.state WHEN 'unreadable' THEN f.byte_offset
                                     ELSE n.byte_offset END
                   FROM scan n WHERE {_SAME_PLACE} AND {_SAME_FILE}"""

_RENEW_STATES = f"""UPDATE files f SET reason = n.problem, decoder = NULL,
                        state = CASE WHEN n.state = 'waiting' AND f.uid IN (SELECT uid FROM images)
                                THEN 'ok' ELSE n.state END,
                        uid = CASE n.state WHEN 'rejected' THEN NULL ELSE f.uid END
                    FROM scan n WHERE {_SAME_PLACE} AND {_SAME_FILE} AND {_NEWS}"""

_DROP_CHANGED = f"DELETE FROM files f USING scan n WHERE {_SAME_PLACE} AND NOT {_SAME_FILE}"

_ADD_NEW = f"""INSERT INTO files
               SELECT $id, n.rel_path, n.member, n.byte_offset, n.size, n.mtime_ns,
                      n.source_uid, n.label, n.split, n.metadata, n.state, n.problem, NULL, FALSE,
                      NULL
               FROM scan n WHERE NOT EXISTS (SELECT 1 FROM files f WHERE {_SAME_PLACE})"""


def merge_scan(
    db: Connection, source_id: str, scan: pa.Table, *, only_unreadable: bool = False
) -> ScanReport:
    """Bring the files of a source up to date with a whole new scan of it.

    New files wait to be read; files whose size or time changed, or whose held-out status changed,
    wait to be read again; missing files are marked gone and are restored when they return, as are
    known images that cannot be examined, and the members of an archive that cannot be. Earlier
    findings of listing are replaced by the new ones; findings from the bytes hold as long as it is
    the same file.

    Args:
        db: the catalogue.
        source_id: of the source.
        scan: of `SCAN_SCHEMA`.
        only_unreadable: no known image is marked gone: an automatic scan must not empty a pool
            whose share is unmounted.
    """
    key = {"id": source_id}
    narrow = key | {"only_unreadable": only_unreadable}
    with registered(db, "scan", _with_state(scan)), transaction(db):
        report = _compared(db, key)
        gone = scalar(db, _MARK_GONE, narrow)
        for statement, values in (
            (_RETURN_SAME, key),
            (_RENEW_STATES, narrow),
            (_DROP_CHANGED, key),
            (_ADD_NEW, key),
        ):
            db.execute(statement, values)
        revision.renew(db)
    return replace(report, gone=gone)


def _compared(db: Connection, key: dict[str, str]) -> ScanReport:
    """Compare the scan with the files before it, none of which is marked gone yet."""
    new, changed, returned, total, unreadable, problems = one(db, _COMPARE, key)
    unchanged = total - new - changed - returned
    return ScanReport(total, new, changed, returned, unchanged, 0, unreadable, problems)


def _with_state(scan: pa.Table) -> pa.Table:
    """Return the scan with the `state` of each file that is new or decided by listing alone."""
    problems = scan["problem"]
    passing = [p for p in pc.unique(problems.drop_null()).to_pylist() if outcomes.can_pass(p)]
    unreadable = pc.is_in(problems, pa.array(passing, pa.string()))
    state = pc.if_else(
        pc.is_null(problems),
        "waiting",
        pc.if_else(unreadable, outcomes.UNREADABLE, outcomes.REJECTED),
    )
    return scan.append_column("state", state)
