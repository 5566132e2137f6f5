"""Named groups of pool images, made on the map or wherever a user collects images.

In: a name and uids. Out: groups in the catalogue; selections and target sets made from uids.
"""

from collections.abc import Sequence
from pathlib import Path

from sept_core import errors
from sept_core.archives.members import plain
from sept_core.catalogue import place_table, settings
from sept_core.filesystem import safe_paths
from sept_core.ingest import sources
from sept_core.services.data import collections, original_bytes
from sept_core.services.project.project import Project
from sept_core.storage import atomic, project_paths

PREFIX = "group:"


def names(project: Project) -> list[str]:
    """List the names of all groups, in alphabetical order."""
    return [key.removeprefix(PREFIX) for key in settings.keys(project.db, PREFIX)]


def members(project: Project, name: str) -> list[str]:
    """Return the uids of one group.

    Raises:
        NotFoundError: there is no such group; the message lists the existing ones.
    """
    found: list[str] | None = settings.get(project.db, PREFIX + name)
    if found is None:
        raise errors.NotFoundError(
            f"No group named {name!r}; this project has: {', '.join(names(project)) or 'none yet'}."
        )
    return found


def save(project: Project, name: str, uids: Sequence[str]) -> None:
    """Save images under a name; an existing group of that name is replaced.

    Raises:
        InputError: the name is invalid, or there is no image.
    """
    project_paths.check_name(name, "Group")
    if not len(uids):
        raise errors.InputError(f"Group {name} would be empty; select some images first.")
    settings.put(project.db, PREFIX + name, list(uids))


def remove(project: Project, name: str) -> None:
    """Delete a group; its images are unchanged."""
    settings.remove(project.db, PREFIX + name)


def add_to_target(project: Project, name: str, uids: Sequence[str]) -> int:
    """Copy pool images into a target set in the project's uploads; return the number of new ones.

    Args:
        project: the open project.
        name: name of a target set created here before, or a new one.
        uids: pool images.

    Raises:
        InputError: the name belongs to a target set from another folder.
        NotFoundError: an image is not in the pool, or its file cannot be read.
    """
    project_paths.check_name(name, "Target set")
    folder = project.paths.uploads / f"target-{name}"
    if name in collections.names(project, "target") and not folder.exists():
        raise errors.InputError(f"{name} was added from another folder; choose a new name.")
    folder.mkdir(parents=True, exist_ok=True)
    before = len(list(folder.iterdir()))
    for uid in uids:
        _copy(project, uid, folder)
    collections.add(project, "target", name, folder)
    return len(list(folder.iterdir())) - before


def _copy(project: Project, uid: str, folder: Path) -> None:
    places = place_table.places(project.db, uid)
    if any(_file_of(place, uid, folder).exists() for place in places):
        return
    with sources.ByteReader({place.source_id: place.root for place in places}) as reader:
        found = original_bytes.read(uid, places, lambda _: reader)
    if found is None:
        raise errors.NotFoundError(f"No file of image {uid} can be read; restore one.")
    data, place = found
    with atomic.write_then_rename(_file_of(place, uid, folder)) as temporary:
        temporary.write_bytes(data)


def _file_of(place: place_table.Place, uid: str, folder: Path) -> Path:
    return folder / (uid + safe_paths.suffix_of(plain(place.member or place.rel_path)))
