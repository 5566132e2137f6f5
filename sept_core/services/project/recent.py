"""The projects that this user has opened on this machine: a small JSON list, latest first.

In: project folders. Out: keys that stand for them in the app's addresses. A folder that is not
in the list cannot be named there.
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
        key: stands for the folder in addresses; the same for the same folder.
        folder: absolute.
        title: what people call it.
    """

    key: str
    folder: Path
    title: str


def every() -> list[Known]:
    """The projects that are still there, the last opened first."""
    rows = [(Path(row["folder"]), row["title"]) for row in _rows()]
    known = [Known(key_of(folder), folder, title) for folder, title in rows]
    return [entry for entry in known if project_paths.ProjectPaths(entry.folder).catalogue.exists()]


def find(key: str) -> Path:
    """The folder that a key stands for.

    Raises:
        NotFoundError: no project of the list has that key.
    """
    for entry in every():
        if entry.key == key:
            return entry.folder
    raise errors.NotFoundError(f"No project {key!r} was opened here; open it on the Overview page.")


def key_of(folder: Path) -> str:
    """Name and a few digits: readable, and another one for another folder."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in folder.name)
    return f"{name or 'project'}-{hashing.fingerprint(str(folder))[:6]}"


def remember(folder: Path, title: str) -> str:
    """Put a project first in the list; returns its key."""
    first, before = {"folder": str(folder.absolute()), "title": title}, _rows()
    rows = [first, *(row for row in before if row["folder"] != first["folder"])][:MOST]
    if rows != before:
        atomic.write_json(_path(), {"projects": rows})
    return key_of(folder.absolute())


def forget(folder: Path) -> None:
    """Take a project off the list; the folder is not touched."""
    rows = [row for row in _rows() if row["folder"] != str(folder.absolute())]
    atomic.write_json(_path(), {"projects": rows})


def _rows() -> list[dict[str, str]]:
    """The list as it is stored; one that cannot be read counts as empty, and is written anew."""
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
