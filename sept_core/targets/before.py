"""Old target sets: added by a version that did not store how they are read.

In: a listing, and the splits and classes that the catalogue holds. Out: the listing with these, and
new files read like those next to them. Reading such a set again is the user's decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sept_core import targets
from sept_core.ingest.entries import FileEntry
from sept_core.targets import names
from sept_core.targets.layout import folders_of
from sept_core.targets.split_lists import Place

Known = tuple[str | None, str | None]
"""Split and label."""

_LABELS = ("label", "class", "class_name", "category", "cls")


def keep(entries: Sequence[FileEntry], known: Mapping[Place, Known]) -> list[FileEntry]:
    """Return the listing with the known splits and labels."""
    folders = _by_folder(entries, known)
    found = []
    for entry in entries:
        if entry.problem is None:
            stated = _by_columns(entry)
            place = known.get((entry.rel_path, entry.member)) or _beside(entry, folders)
            entry = replace(entry, split=stated[0] or place[0], label=stated[1] or place[1])
        found.append(entry)
    return found


def _by_columns(entry: FileEntry) -> Known:
    """Read split and label from columns of these names, since rows of a table have no folder."""
    labels = (entry.metadata.get(column) for column in _LABELS)
    label = next((str(value) for value in labels if value is not None), None)
    value = entry.metadata.get("split")
    return (None if value is None else names.split_of(str(value)) or targets.UNASSIGNED), label


def _by_folder(
    entries: Sequence[FileEntry], known: Mapping[Place, Known]
) -> dict[tuple[str, ...], Known]:
    """Return the common split and label of all known files below a folder; differing labels give
    None.
    """
    found: dict[tuple[str, ...], Known] = {}
    for entry in entries:
        mine = known.get((entry.rel_path, entry.member))
        if mine is not None:
            path = folders_of(entry)
            for length in range(len(path) + 1):
                folder = path[:length]
                split, label = found.get(folder, mine)
                found[folder] = (
                    split if split == mine[0] else targets.UNASSIGNED,
                    label if label == mine[1] else None,
                )
    return found


def _beside(entry: FileEntry, folders: Mapping[tuple[str, ...], Known]) -> Known:
    """Read a file like those in the nearest known folder, unless a new folder is named like a
    split.
    """
    path = folders_of(entry)
    for length in range(len(path), -1, -1):
        if path[:length] in folders:
            return folders[path[:length]]
        if length and names.loose_split_of(path[length - 1]):
            break
    return targets.UNASSIGNED, None
