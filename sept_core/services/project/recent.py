"""Projects that this user has opened on this machine: a small JSON list, latest first.

In: project folders. Out: their keys in the app's addresses. An address cannot name a folder that is
not in the list.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from sept_core import errors
from sept_core.storage import atomic, hashing, project_paths

MOST = 50


@dataclass(frozen=True)
class Known:
    """A project of the list.

    Attributes:
        key: names the folder in addresses; always the same for a folder.
        folder: absolute.
        title: its display name.
    """

    key: str
    folder: Path
    title: str


def every() -> list[Known]:
    """List the projects that still exist, last opened first."""
    rows = [(Path(row["folder"]), row["title"]) for row in _rows()]
    known = [Known(key_of(folder), folder, title) for folder, title in rows]
    return [entry for entry in known if project_paths.ProjectPaths(entry.folder).catalogue.exists()]


def find(key: str) -> Path:
    """Return the folder of a key.

    Raises:
        NotFoundError: no project of the list has that key.
    """
    for entry in every():
        if entry.key == key:
            return entry.folder
    raise errors.NotFoundError(f"No project {key!r} was opened here; open it on the Overview page.")


def key_of(folder: Path) -> str:
    """Return name and a few digits: readable, and unique to the folder."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in folder.name)
    return f"{name or 'project'}-{hashing.fingerprint(str(folder))[:6]}"


def remember(folder: Path, title: str) -> str:
    """Put a project first in the list; return its key."""
    first, before = {"folder": str(folder.absolute()), "title": title}, _rows()
    rows = [first, *(row for row in before if row["folder"] != first["folder"])][:MOST]
    if rows != before:
        atomic.write_json(_path(), {"projects": rows})
    return key_of(folder.absolute())


def forget(folder: Path) -> None:
    """Remove a project from the list; the folder is unchanged."""
    rows = [row for row in _rows() if row["folder"] != str(folder.absolute())]
    atomic.write_json(_path(), {"projects": rows})


def _rows() -> list[dict[str, str]]:
    """Read the stored list; a damaged one counts as empty, and is rewritten."""
    try:
        rows = atomic.read_json(_path())["projects"]
        return [{"folder": str(row["folder"]), "title": str(row["title"])} for row in rows]
    except (errors.SeptError, KeyError, TypeError):
        return []


def _path() -> Path:
    if chosen := os.environ.get("SEPT_STATE"):
        return Path(chosen)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "sept" / "projects.json"
