"""Sources and target sets: where images come from, and every file seen there.

A target set is a source with another role: it is scanned, read and embedded the same way.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sept_core import errors
from sept_core.catalogue import revision
from sept_core.catalogue.connection import Connection, one, scalar, table, transaction
from sept_core.ingest.entries import FileEntry, SourceSpec
from sept_core.storage import project_paths

if TYPE_CHECKING:
    import pyarrow as pa

ROLES = {"pool": "source", "target": "target set"}


@dataclass(frozen=True)
class SourceRecord:
    """One source or target set as the catalogue knows it; `id` survives renames."""

    id: str
    role: str
    name: str
    spec: SourceSpec
    note: str
    added_at: float


@dataclass(frozen=True)
class ScanReport:
    """Result of a scan, in files: `total` = new + changed + returned + unchanged.

    `problems` are never read as they are; `unreadable` cannot be examined now.
    """

    total: int
    new: int
    changed: int
    returned: int
    unchanged: int
    gone: int
    unreadable: int
    problems: int


def add(db: Connection, role: str, spec: SourceSpec, note: str = "") -> SourceRecord:
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
        raise errors.InputError(
            f"There is already a {ROLES[role]} named {name!r}; choose another name."
        )


def every(db: Connection, role: str) -> list[SourceRecord]:
    """Return all sources (`pool`) or target sets (`target`), in the order they were added."""
    rows = db.execute(
        "SELECT id, role, name, kind, path, root, options, note, added_at FROM sources "
        "WHERE role = ? ORDER BY added_at, id",
        [role],
    ).fetchall()
    return [_record(row) for row in rows]


def _record(row: tuple[Any, ...]) -> SourceRecord:
    ident, role, name, kind, path, root, options, note, added_at = row
    spec = SourceSpec(
        name=name, path=Path(path), kind=kind, root=Path(root), options=json.loads(options)
    )
    return SourceRecord(ident, role, name, spec, note, added_at)


def find(db: Connection, role: str, name: str) -> SourceRecord:
    """Return a source or target set by its name.

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
    """Rename a source; everything that refers to it follows."""
    record = find(db, role, name)
    project_paths.check_name(new_name, ROLES[role].capitalize())
    _check_free(db, role, new_name)
    with transaction(db):
        db.execute("UPDATE sources SET name = ? WHERE id = ?", [new_name, record.id])
        revision.renew(db)  # a filter may name it


def annotate(db: Connection, role: str, name: str, note: str) -> None:
    """Replace a source's note."""
    db.execute("UPDATE sources SET note = ? WHERE id = ?", [note, find(db, role, name).id])


def move(db: Connection, role: str, name: str, spec: SourceSpec) -> None:
    """Record the new location of a source's files; the files must be listed again.

    Raises:
        InputError: the new path is of another kind.
    """
    record = find(db, role, name)
    if spec.kind != record.spec.kind:
        raise errors.InputError(
            f"{spec.path} is a {spec.kind}, but {name!r} was a {record.spec.kind}; give the path "
            "that the source was moved to."
        )
    db.execute(
        "UPDATE sources SET path = ?, root = ? WHERE id = ?",
        [str(spec.path), str(spec.root), record.id],
    )


def set_options(db: Connection, source_id: str, options: dict[str, str]) -> None:
    """Replace a source's options; its files must be listed again."""
    db.execute("UPDATE sources SET options = ? WHERE id = ?", [json.dumps(options), source_id])


def has_images(db: Connection, source_id: str) -> bool:
    """Return whether any file of a source has been decoded."""
    query = "SELECT count(*) FROM files WHERE source_id = ? AND state = 'ok' AND NOT gone"
    return bool(scalar(db, query, [source_id]))


def files_on_disk(db: Connection, source_id: str) -> "pa.Table":
    """Return the files that a source should have on disk, containers once, in order of their paths.

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
    """Register a source from a backup under its id; its files are not listed yet."""
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
    """Delete a source and its file records (never files on disk); return the number of files.

    Features, images and decisions stay: adding the source again brings them back to use.
    """
    record = find(db, role, name)
    with transaction(db):
        count = scalar(db, "SELECT count(*) FROM files WHERE source_id = ?", [record.id])
        db.execute("DELETE FROM files WHERE source_id = ?", [record.id])
        db.execute("DELETE FROM sources WHERE id = ?", [record.id])
        revision.renew(db)
    return int(count)


def counts(db: Connection, source_id: str) -> dict[str, int]:
    """Count the files of a source by state (waiting, ok, unreadable, rejected), gone, and `images`.

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
    """Count the live files of a target set by split."""
    return {split: sum(found.values()) for split, found in classes(db, source_id).items()}


def classes(db: Connection, source_id: str) -> dict[str, dict[str, int]]:
    """Count the live files of a target set by split and label, alphabetically; "" is no label."""
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


def listed(db: Connection, source_id: str) -> list[FileEntry]:
    """Return the files of a source as last listed, by place; those with a split count as usable."""
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
            FileEntry(rel_path, member, offset, size, mtime_ns, own, label, split, values, problem)
        )
    return found


def known(db: Connection, source_id: str) -> dict[tuple[str, str], tuple[str, str | None]]:
    """Return split and label by place for each file of a target set with a split, gone ones
    included.
    """
    rows = db.execute(
        """SELECT rel_path, member, split, label FROM files
           WHERE source_id = ? AND split IS NOT NULL""",
        [source_id],
    ).fetchall()
    return {(rel_path, member): (split, label) for rel_path, member, split, label in rows}


def with_reason(db: Connection, role: str, state: str) -> "pa.Table":
    """Return every file of a role that is `rejected` or `unreadable`, with the reason.

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
    """Return the names of sources with files that listing could not examine, in the order added."""
    rows = db.execute(
        """SELECT s.name FROM sources s WHERE s.role = ? AND EXISTS (
               SELECT 1 FROM files f WHERE f.source_id = s.id AND NOT f.gone
               AND f.state = 'unreadable' AND f.decoder IS NULL)
           ORDER BY s.added_at, s.id""",
        [role],
    ).fetchall()
    return [str(name) for (name,) in rows]
