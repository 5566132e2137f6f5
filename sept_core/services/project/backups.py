"""Backup and restore of the users' work in a project: one small file, readable in ten years.

In: a project. Out: a gzipped JSON document with the sources, target sets, the whole log of
decisions, named groups and the settings of every selection. It excludes images and features, which
can be rebuilt.
"""

import gzip
import hashlib
import json
import time
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from sept_core import errors
from sept_core.catalogue import connection, decision_table, selection_table, settings, source_table
from sept_core.catalogue.source_table import SourceRecord
from sept_core.ingest import sources
from sept_core.services.project import backup_schema, projects
from sept_core.services.project.project import Project
from sept_core.storage import atomic, project_paths

FORMAT = 1
KEPT = ("who", "title", "encoder", "value_ranges")
"""Settings that users made; groups are kept as well."""

MOST_BYTES = 1 << 31

UNREADABLE = (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, RecursionError)
"""Errors that gzip and json raise for a file that is not a backup."""


def write(project: Project, path: Path) -> dict[str, Any]:
    """Write the backup; return the counts of its content.

    Raises:
        InputError: the file exists.
        IntegrityError: the catalogue has entries that cannot be restored.
    """
    if path.exists():
        raise errors.InputError(f"{path} exists; give a new file.")
    content = _content(project)
    data = _packed(content)
    with atomic.write_then_rename(path.absolute()) as temporary:
        temporary.write_bytes(data)
    return _numbers(content) | {"bytes": len(data)}


def data(project: Project) -> bytes:
    """Return the current backup, for download."""
    return _packed(_content(project))


def _packed(content: dict[str, Any]) -> bytes:
    return gzip.compress(json.dumps(sealed(content), sort_keys=True).encode(), mtime=0)


def sealed(content: Any) -> dict[str, Any]:
    """Return the document of a backup: JSON content and its checksum, against damage."""
    return {"format": FORMAT, "sha256": _sha256(content), "content": content}


def _content(project: Project) -> dict[str, Any]:
    db = project.db
    keys = [key for key in KEPT if settings.get(db, key) is not None]
    keys += settings.keys(db, "group:")
    records = [r for role in source_table.ROLES for r in source_table.every(db, role)]
    content = {
        "made_at": time.time(),
        "sources": [_as_json(record) for record in records],
        "decisions": decision_table.log(db),
        "selections": selection_table.every(db),
        "settings": {key: settings.get(db, key) for key in keys},
    }
    try:
        backup_schema.check(content)  # fail now rather than at the restore
    except errors.IntegrityError as problem:
        raise errors.IntegrityError(
            f"A backup of {project.paths.root} could not be restored ({problem}); run sept check."
        ) from None
    return content


def _as_json(record: SourceRecord) -> dict[str, Any]:
    spec = record.spec
    return {
        "id": record.id,
        "role": record.role,
        "name": record.name,
        "kind": spec.kind,
        "path": str(spec.path),
        "root": str(spec.root),
        "options": dict(spec.options),
        "note": record.note,
        "added_at": record.added_at,
    }


def _from_json(value: dict[str, Any]) -> SourceRecord:
    spec = sources.SourceSpec(
        value["name"], Path(value["path"]), value["kind"], Path(value["root"]), value["options"]
    )
    return SourceRecord(
        value["id"], value["role"], value["name"], spec, value["note"], value["added_at"]
    )


def _sha256(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _numbers(content: dict[str, Any]) -> dict[str, Any]:
    return {name: len(content[name]) for name in ("sources", "decisions", "selections")}


def read(path: Path) -> dict[str, Any]:
    """Read the content of a backup.

    Raises:
        NotFoundError: the file does not exist.
        IntegrityError: see `unpack`.
    """
    try:
        with path.open("rb") as file:
            return unpack(file, str(path))
    except FileNotFoundError:
        raise errors.NotFoundError(f"{path} does not exist.") from None
    except OSError as problem:
        raise errors.IntegrityError(f"{path} is not a complete backup ({problem}).") from None


def unpack(file: BinaryIO, name: str) -> dict[str, Any]:
    """Unpack the content of a backup, and validate every value.

    Args:
        file: the backup's bytes.
        name: its name in errors.

    Raises:
        IntegrityError: it is not a backup, damaged, of a newer version, or not written by SEPT.
    """
    try:
        with gzip.open(file) as unzipped:
            document = json.loads(unzipped.read(MOST_BYTES + 1))
        version, stored, content = (document[key] for key in ("format", "sha256", "content"))
    except UNREADABLE as problem:
        raise errors.IntegrityError(f"{name} is not a complete backup ({problem}).") from None
    if version != FORMAT:
        raise errors.IntegrityError(
            f"{name} is a backup of format {version}, this version of SEPT reads {FORMAT}."
        )
    if stored != _sha256(content):
        raise errors.IntegrityError(f"{name} was altered: its checksum differs.")
    try:
        backup_schema.check(content)
    except errors.IntegrityError as problem:
        raise errors.IntegrityError(
            f"{name} holds entries that SEPT does not write; use another backup ({problem})."
        ) from None
    found: dict[str, Any] = content
    return found


def restore(folder: Path, path: Path) -> dict[str, Any]:
    """Restore a backup into a new project (`begin`), or into an existing one (`complete`).

    Returns:
        Numbers of sources, decisions and selections that were added.

    Raises:
        IntegrityError: the backup is damaged.
        InputError: see `complete`.
    """
    content = read(path)
    if not project_paths.ProjectPaths(folder.absolute()).catalogue.exists():
        return begin(folder, content)
    with projects.opened(folder) as project:
        return complete(project, content)


def begin(folder: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Create a project from a backup's content; its sources must be listed and embedded next.

    Raises:
        InputError: the folder is not empty.
    """
    projects.init(folder)
    with projects.opened(folder) as project, connection.transaction(project.db):
        return _fill(project, content)


def _fill(project: Project, content: dict[str, Any]) -> dict[str, Any]:
    for value in sorted(content["sources"], key=lambda s: int(s["id"].removeprefix("s"))):
        source_table.restore(project.db, _from_json(value))
    decision_table.restore(project.db, content["decisions"])
    for record in content["selections"]:
        selection_table.put(project.db, record["id"], record)
    for key, value in content["settings"].items():
        settings.put(project.db, key, value)
    return _numbers(content)


def complete(project: Project, content: dict[str, Any]) -> dict[str, Any]:
    """Add the missing decisions to a project; target sets are matched by name.

    Raises:
        InputError: the project's decisions are not a prefix of those in the backup, or one of the
            target sets is missing.
    """
    own = {record.name: record.id for record in source_table.every(project.db, "target")}
    theirs = {s["id"]: s["name"] for s in content["sources"] if s["role"] == "target"}
    wanted = []
    for entry in content["decisions"]:
        name = theirs.get(entry["target_id"])
        if name is not None and name not in own:
            raise errors.InputError(
                f"This project has no target set {name!r}, which the backup has decisions on; add "
                "it first."
            )
        wanted.append(entry | {"target_id": own.get(name or "", entry["target_id"])})
    there = decision_table.log(project.db)
    for mine, other in zip(there, wanted, strict=False):
        if mine != other:
            raise errors.InputError(
                f"Decision {mine['position']} of this project differs from the one in the backup; "
                "restore into a new project instead."
            )
    missing = wanted[len(there) :]
    decision_table.restore(project.db, missing)
    return {"sources": 0, "decisions": len(missing), "selections": 0}
