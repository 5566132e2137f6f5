"""Sources and target sets: where images come from, and every file seen there.

A target set is a source with another role: it is scanned, read and embedded the same way.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sept_core import errors
from sept_core.catalogue import revision
from sept_core.catalogue.connection import Connection, one, registered, scalar, table, transaction
from sept_core.imaging import outcomes
from sept_core.ingest import sources
from sept_core.storage import project_paths

ROLES = {"pool": "source", "target": "target set"}


@dataclass(frozen=True)
class SourceRecord:
    """One source or target set as the catalogue knows it; `id` survives renames."""

    id: str
    role: str
    name: str
    spec: sources.SourceSpec
    note: str
    added_at: float


@dataclass(frozen=True)
class ScanReport:
    """What a scan found, in files: `total` = new + changed + returned + unchanged.

    `problems` will never be read as they are; `unreadable` cannot be looked at now.
    """

    total: int
    new: int
    changed: int
    returned: int
    unchanged: int
    gone: int
    unreadable: int
    problems: int


def add(db: Connection, role: str, spec: sources.SourceSpec, note: str = "") -> SourceRecord:
    """Register a source under a new name.

    Raises:
        InputError: the name is taken.
    """
    project_paths.check_name(spec.name, ROLES[role].capitalize())
    _check_free(db, role, spec.name)
    ident = scalar(db, "SELECT 's' || nextval('source_ids')")
    db.execute(
        "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [ident, role, spec.name, spec.kind, str(spec.path), str(spec.root),
         json.dumps(spec.options), note, time.time()],
    )  # fmt: skip
    return find(db, role, spec.name)


def _check_free(db: Connection, role: str, name: str) -> None:
    if any(record.name == name for record in every(db, role)):
        raise errors.InputError(f"There is already a {ROLES[role]} named {name!r}; take another.")


def every(db: Connection, role: str) -> list[SourceRecord]:
    """All sources (`pool`) or target sets (`target`), in the order they were added."""
    rows = db.execute(
        "SELECT id, role, name, kind, path, root, options, note, added_at FROM sources "
        "WHERE role = ? ORDER BY added_at, id",
        [role],
    ).fetchall()
    return [_record(row) for row in rows]


def _record(row: tuple[Any, ...]) -> SourceRecord:
    ident, role, name, kind, path, root, options, note, added_at = row
    spec = sources.SourceSpec(
        name=name, path=Path(path), kind=kind, root=Path(root), options=json.loads(options)
    )
    return SourceRecord(ident, role, name, spec, note, added_at)


def find(db: Connection, role: str, name: str) -> SourceRecord:
    """One source or target set by its name.

    Raises:
        NotFoundError: there is none; the message lists those there are.
    """
    records = every(db, role)
    for record in records:
        if record.name == name:
            return record
    known = ", ".join(record.name for record in records) or "none yet"
    raise errors.NotFoundError(f"No {ROLES[role]} named {name!r}; this project has: {known}.")


def rename(db: Connection, role: str, name: str, new_name: str) -> None:
    """Give a source another name; everything that refers to it follows."""
    record = find(db, role, name)
    project_paths.check_name(new_name, ROLES[role].capitalize())
    _check_free(db, role, new_name)
    with transaction(db):
        db.execute("UPDATE sources SET name = ? WHERE id = ?", [new_name, record.id])
        revision.renew(db)  # a filter may name it


def annotate(db: Connection, role: str, name: str, note: str) -> None:
    """Replace a source's note."""
    db.execute("UPDATE sources SET note = ? WHERE id = ?", [note, find(db, role, name).id])


def move(db: Connection, role: str, name: str, spec: sources.SourceSpec) -> None:
    """Say that a source's files lie elsewhere now; its files are to be listed again.

    Raises:
        InputError: what lies there is of another kind.
    """
    record = find(db, role, name)
    if spec.kind != record.spec.kind:
        raise errors.InputError(
            f"{spec.path} is a {spec.kind}, {name!r} was a {record.spec.kind}; name what was moved."
        )
    db.execute(
        "UPDATE sources SET path = ?, root = ? WHERE id = ?",
        [str(spec.path), str(spec.root), record.id],
    )


def set_options(db: Connection, source_id: str, options: dict[str, str]) -> None:
    """Replace what the user set beside a source's path; its files are to be listed again."""
    db.execute("UPDATE sources SET options = ? WHERE id = ?", [json.dumps(options), source_id])


def has_images(db: Connection, source_id: str) -> bool:
    """Whether any file of a source has been decoded."""
    query = "SELECT count(*) FROM files WHERE source_id = ? AND state = 'ok' AND NOT gone"
    return bool(scalar(db, query, [source_id]))


def files_on_disk(db: Connection, source_id: str) -> pa.Table:
    """What of a source should be found on disk, containers once, in order of their paths.

    Columns: rel_path, size (in bytes, −1 for what holds other files), mtime_ns.
    """
    return table(
        db,
        """SELECT rel_path, max(CASE member WHEN '' THEN size ELSE -1 END) AS size,
                  max(mtime_ns) AS mtime_ns
           FROM files WHERE source_id = ? AND NOT gone AND mtime_ns >= 0
             AND state IN ('waiting', 'ok')
           GROUP BY rel_path ORDER BY rel_path""",
        [source_id],
    )


def restore(db: Connection, record: SourceRecord) -> None:
    """Register a source as it was: under its id, its files yet to be listed."""
    spec = record.spec
    db.execute(
        "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [record.id, record.role, spec.name, spec.kind, str(spec.path), str(spec.root),
         json.dumps(spec.options), record.note, record.added_at],
    )  # fmt: skip
    taken = int(record.id.removeprefix("s"))
    while scalar(db, "SELECT nextval('source_ids')") < taken:
        pass  # the next new source must not get this id


def remove(db: Connection, role: str, name: str) -> int:
    """Forget a source and its files (never touching them on disk); returns how many.

    Features, images and decisions stay: adding the source again brings them back to use.
    """
    record = find(db, role, name)
    with transaction(db):
        count = scalar(db, "SELECT count(*) FROM files WHERE source_id = ?", [record.id])
        db.execute("DELETE FROM files WHERE source_id = ?", [record.id])
        db.execute("DELETE FROM sources WHERE id = ?", [record.id])
        revision.renew(db)
    return int(count)


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


def scan_table(entries: list[sources.FileEntry]) -> pa.Table:
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
"""Of a file that cannot be looked at nothing is known that would be another."""

_FOUND = "f.state IN ('rejected', 'unreadable') AND f.decoder IS NULL"
"""What listing found; a finding of the worker names the decoder."""

_NEWS = f"""CASE n.state
    WHEN 'rejected' THEN TRUE
    WHEN 'waiting' THEN {_FOUND}
    ELSE f.state IN ('waiting', 'unreadable') OR ({_FOUND})
         OR (f.state = 'ok' AND NOT $only_unreadable) END"""
"""Whether what listing says now replaces the state of a file that is the same."""


def merge_scan(
    db: Connection, source_id: str, scan: pa.Table, *, only_unreadable: bool = False
) -> ScanReport:
    """Bring the files of a source up to date with a whole new scan of it.

    New files wait to be read; files whose size or time changed, or that are held out now and were
    not (or the reverse), wait to be read again; files that are not there any more are marked gone
    and come back to life when they return, and so do known images that cannot be looked at. What
    listing said of a file before is replaced by what it says now; what its bytes proved holds as
    long as it is the same file.

    Args:
        db: the catalogue.
        source_id: of the source.
        scan: of `SCAN_SCHEMA`.
        only_unreadable: no image that is known goes: a scan that nobody asked for must not empty
            a pool whose share is away.
    """
    key = {"id": source_id}
    narrow = key | {"only_unreadable": only_unreadable}
    with registered(db, "scan", _with_state(scan)), transaction(db):
        new, changed, returned, total, unreadable, problems = one(
            db,
            f"""SELECT count(*) FILTER (f.state IS NULL),
                       count(*) FILTER (f.state IS NOT NULL AND NOT {_SAME_FILE}),
                       count(*) FILTER (f.gone AND {_SAME_FILE}), count(*),
                       count(*) FILTER (n.state = 'unreadable'),
                       count(*) FILTER (n.state = 'rejected')
                FROM scan n LEFT JOIN files f ON {_SAME_PLACE}""",
            key,
        )
        gone = scalar(
            db,
            f"""UPDATE files f SET gone = TRUE WHERE f.source_id = $id AND NOT f.gone
                AND NOT EXISTS (SELECT 1 FROM scan n WHERE {_SAME_PLACE})
                AND (NOT $only_unreadable OR ({_FOUND}))""",
            narrow,
        )
        db.execute(
            f"""UPDATE files f SET gone = FALSE, label = n.label, split = n.split,
                    metadata = n.metadata, source_uid = n.source_uid,
                    byte_offset = CASE n.state WHEN 'unreadable' THEN f.byte_offset
                                  ELSE n.byte_offset END
                FROM scan n WHERE {_SAME_PLACE} AND {_SAME_FILE}""",
            key,
        )
        db.execute(
            f"""UPDATE files f SET reason = n.problem, decoder = NULL,
                    state = CASE WHEN n.state = 'waiting' AND f.uid IN (SELECT uid FROM images)
                            THEN 'ok' ELSE n.state END,
                    uid = CASE n.state WHEN 'rejected' THEN NULL ELSE f.uid END
                FROM scan n WHERE {_SAME_PLACE} AND {_SAME_FILE} AND {_NEWS}""",
            narrow,
        )
        db.execute(
            f"""DELETE FROM files f USING scan n
                WHERE {_SAME_PLACE} AND NOT {_SAME_FILE}""",
            key,
        )
        db.execute(
            f"""INSERT INTO files
                SELECT $id, n.rel_path, n.member, n.byte_offset, n.size, n.mtime_ns,
                       n.source_uid, n.label, n.split, n.metadata, n.state, n.problem, NULL, FALSE,
                       NULL
                FROM scan n
                WHERE NOT EXISTS (SELECT 1 FROM files f WHERE {_SAME_PLACE})""",
            key,
        )
        revision.renew(db)
    return ScanReport(
        total=total,
        new=new,
        changed=changed,
        returned=returned,
        unchanged=total - new - changed - returned,
        gone=gone,
        unreadable=unreadable,
        problems=problems,
    )


def _with_state(scan: pa.Table) -> pa.Table:
    """The scan with the `state` of each file that is new or that listing alone decides on."""
    problems = scan["problem"]
    passing = [p for p in pc.unique(problems.drop_null()).to_pylist() if outcomes.can_pass(p)]
    unreadable = pc.is_in(problems, pa.array(passing, pa.string()))
    state = pc.if_else(
        pc.is_null(problems),
        "waiting",
        pc.if_else(unreadable, outcomes.UNREADABLE, outcomes.REJECTED),
    )
    return scan.append_column("state", state)


def counts(db: Connection, source_id: str) -> dict[str, int]:
    """Files of a source by state (waiting, ok, unreadable, rejected), gone, and `images`.

    `images` counts distinct bytes. Unassigned files of a target set wait for nothing: they are
    never embedded.
    """
    query = """SELECT count(*) FILTER (NOT gone AND state = 'waiting'
                                       AND coalesce(split, '') <> 'unassigned'),
                      count(*) FILTER (NOT gone AND state = 'ok'),
                      count(*) FILTER (NOT gone AND state = 'unreadable'),
                      count(*) FILTER (NOT gone AND state = 'rejected'),
                      count(*) FILTER (gone),
                      count(DISTINCT uid) FILTER (NOT gone AND state = 'ok')
               FROM files WHERE source_id = ?"""
    row = revision.once(db, f"counts:{source_id}", lambda: one(db, query, [source_id]))
    names = ("waiting", "ok", "unreadable", "rejected", "gone", "images")
    return dict(zip(names, row, strict=True))


def splits(db: Connection, source_id: str) -> dict[str, int]:
    """Live files of a target set by split."""
    return {split: sum(found.values()) for split, found in classes(db, source_id).items()}


def classes(db: Connection, source_id: str) -> dict[str, dict[str, int]]:
    """Live files of a target set by split and label, in alphabetical order; no label is empty."""
    query = """SELECT split, coalesce(label, ''), count(*) FROM files
               WHERE source_id = ? AND NOT gone AND split IS NOT NULL
               GROUP BY ALL ORDER BY ALL"""
    rows = revision.once(
        db, f"classes:{source_id}", lambda: db.execute(query, [source_id]).fetchall()
    )
    found: dict[str, dict[str, int]] = {}
    for split, label, count in rows:
        found.setdefault(split, {})[label] = count
    return found


def listed(db: Connection, source_id: str) -> list[sources.FileEntry]:
    """The files of a source as they were listed last, by place; those with a split as usable."""
    rows = db.execute(
        """SELECT rel_path, member, byte_offset, size, mtime_ns, source_uid, label, split, metadata,
                  CASE WHEN split IS NULL THEN coalesce(reason, 'not read') END
           FROM files WHERE source_id = ? AND NOT gone ORDER BY rel_path, member""",
        [source_id],
    ).fetchall()
    found = []
    for rel_path, member, offset, size, mtime_ns, own, label, split, metadata, problem in rows:
        values = json.loads(metadata or "{}")
        found.append(
            sources.FileEntry(
                rel_path, member, offset, size, mtime_ns, own, label, split, values, problem
            )
        )
    return found


def known(db: Connection, source_id: str) -> dict[tuple[str, str], tuple[str, str | None]]:
    """Split and label by place, of each file of a target set that has a split; gone ones too."""
    rows = db.execute(
        """SELECT rel_path, member, split, label FROM files
           WHERE source_id = ? AND split IS NOT NULL""",
        [source_id],
    ).fetchall()
    return {(rel_path, member): (split, label) for rel_path, member, split, label in rows}


def with_reason(db: Connection, role: str, state: str) -> pa.Table:
    """Every file of a role that is `rejected` or `unreadable`, with the reason.

    Columns: source, rel_path, member, reason; ordered by place.
    """
    return table(
        db,
        """SELECT s.name AS source, rel_path, member, reason
           FROM files f JOIN sources s ON s.id = f.source_id
           WHERE s.role = ? AND state = ? AND NOT gone
           ORDER BY s.added_at, rel_path, member""",
        [role, state],
    )


def out_of_reach(db: Connection, role: str) -> list[str]:
    """Names of the sources with files that listing could not look at, in the order of adding."""
    rows = db.execute(
        """SELECT s.name FROM sources s WHERE s.role = ? AND EXISTS (
               SELECT 1 FROM files f WHERE f.source_id = s.id AND NOT f.gone
               AND f.state = 'unreadable' AND f.decoder IS NULL)
           ORDER BY s.added_at, s.id""",
        [role],
    ).fetchall()
    return [str(name) for (name,) in rows]
