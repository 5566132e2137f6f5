"""Layout: derives the split and the class of an image from its path or its row.

In: one entry of a listing. Out: its split and class, and the source of the split. A layout is
stored with its target set as options, so that every later listing is read the same way. Pure.
"""

import fnmatch
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from sept_core import errors, targets
from sept_core.archives import archives
from sept_core.ingest.entries import FileEntry
from sept_core.targets import columns, names

FLAT = "flat"
FILE_NAMES = "names"
SPLITS, CLASSES = "splits", "classes"

HELP = (
    "splits/classes, classes/splits, classes, flat (folders have no meaning), names (file names "
    "contain the splits) or classes/names; other parts are folders without meaning: "
    "*/splits/classes, images/splits."
)

_ROLES = {
    (SPLITS, CLASSES): "a folder for each split, classes inside",
    (CLASSES, SPLITS): "a folder for each class, splits inside",
    (SPLITS,): "a folder for each split",
    (CLASSES,): "a folder for each class",
    (): "folders without meaning",
}


class Placed(NamedTuple):
    """The split and class of one image, and the name that gave the split, empty for none."""

    split: str
    label: str | None
    stated_by: str = ""


@dataclass(frozen=True)
class Layout:
    """The layout of a target set.

    Attributes:
        folders: `flat`, or the meaning of each level of folders and archives, joined by slashes:
            `splits`, `classes`, or a name (`*` and `?` allowed) without meaning. `names` at the
            end: file names contain the splits.
        split_column: column with the split, used where it has a value; empty for none.
        label_column: column with the class, used where it has a value; empty for none.
        assigned: splits that the user or the reading assigned to folders (paths below the root, or
            names at the level of the splits), archives and values of `split_column`.
    """

    folders: str = FLAT
    split_column: str = ""
    label_column: str = ""
    assigned: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = self.folders.split("/")
        once = all(parts.count(role) <= 1 for role in (SPLITS, CLASSES, FILE_NAMES))
        twice = FILE_NAMES in parts and (SPLITS in parts or parts[-1] != FILE_NAMES)
        if not all(parts) or not once or twice or (FLAT in parts and len(parts) > 1):
            raise errors.InputError(f"Layout {self.folders!r} is invalid; give {HELP}")
        for name, split in self.assigned.items():
            check_split(split, f"{name}={split}")

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """Return the meaning of each level of folders, from the top."""
        parts = self.folders.split("/")
        return tuple(part for part in parts if part not in (FLAT, FILE_NAMES))

    @cached_property
    def described(self) -> str:
        """Describe the layout in words."""
        roles = tuple(part for part in self.levels if part in (SPLITS, CLASSES))
        by_name = ", splits by the names of files" if self.folders.endswith(FILE_NAMES) else ""
        by_column = f", splits by column {self.split_column!r}" if self.split_column else ""
        stated = by_name or by_column or ("" if SPLITS in roles else ", no splits")
        return _ROLES[roles] + stated

    def place(self, entry: FileEntry) -> Placed:
        """Read one usable entry."""
        path = folders_of(entry)
        fits = len(path) >= self._least and all(map(_fits, path, self.levels))
        split, stated_by = self._split(entry, path, fits)
        stated = fits and split != targets.UNASSIGNED  # a stray's folders are not classes
        return Placed(split, self._label(entry, path, stated), stated_by)

    def _split(self, entry: FileEntry, path: tuple[str, ...], fits: bool) -> tuple[str, str]:
        if found := self._assigned_path(path):
            return found
        value = entry.metadata.get(self.split_column) if self.split_column else None
        if value not in (None, ""):
            own = str(value)
            split = self.assigned.get(own) or columns.split_of(self.split_column, own)
            return split or targets.UNASSIGNED, f"{self.split_column} = {own}"
        if self.folders.endswith(FILE_NAMES) and fits:
            split = names.loose_split_of(stem_of(entry))
            return split or targets.UNASSIGNED, f"file names with {split}" if split else ""
        if SPLITS in self.levels:
            return self._stated(path, fits)
        if self.split_column or not fits:
            return targets.UNASSIGNED, "/".join(path)
        return "train", ""

    def _stated(self, path: tuple[str, ...], fits: bool) -> tuple[str, str]:
        """Return the split by the folder at the splits' level; for a stray, its whole path."""
        if not fits:
            return targets.UNASSIGNED, "/".join(path[: self._depth + 1])
        name = path[self._depth]
        split = self.assigned.get(name) or names.split_of(name)
        return split or targets.UNASSIGNED, name if split else "/".join(path[: self._depth + 1])

    @cached_property
    def _depth(self) -> int:
        return self.levels.index(SPLITS)

    @cached_property
    def _least(self) -> int:
        """Return the least depth of an image that this layout can read."""
        return max(
            (i for i, part in enumerate(self.levels, 1) if part not in ("*", CLASSES)), default=0
        )

    def _assigned_path(self, path: tuple[str, ...]) -> tuple[str, str] | None:
        """Return the split of the innermost assigned folder above an image, by its path from the
        root.
        """
        if self.assigned:
            for length in range(len(path), 0, -1):
                for start in self._starts:
                    name = "/".join(path[start:length])
                    if start < length and name in self.assigned:
                        return self.assigned[name], name
        return None

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        """Return the levels that a path may start from: the root, and below wrapping folders."""
        wrappers = next((i for i, part in enumerate(self.levels) if part != "*"), 0)
        return tuple({0, wrappers})

    def _label(self, entry: FileEntry, path: tuple[str, ...], fits: bool) -> str | None:
        value = entry.metadata.get(self.label_column) if self.label_column else None
        if value in (None, "") and fits and CLASSES in self.levels:
            below = path[self.levels.index(CLASSES) :]
            value = next((name for name in below if not names.is_images(name)), None)
        return None if value in (None, "") else unicodedata.normalize("NFC", str(value))


def check_split(split: str, where: str) -> None:
    """Refuse an unknown split.

    Raises:
        InputError: it is not a split.
    """
    known = (*targets.SPLITS, targets.UNASSIGNED)
    if split not in known:
        raise errors.InputError(f"{where}: {split!r} is not a split; use {', '.join(known)}.")


def folders_of(entry: FileEntry) -> tuple[str, ...]:
    """Return the folders above an image, with the archive or table around it as one of them."""
    parts = _parts(entry.rel_path)
    if not entry.member:
        return parts[:-1]
    container = names.container(parts[-1]) if parts else ""
    inner = _parts(entry.member)[:-1] if archives.is_archive(entry.rel_path) else ()
    return (*parts[:-1], container, *inner)


def _parts(path: str) -> tuple[str, ...]:
    """Split a stored path into parts; backslashes, as in zips from Windows, also separate."""
    if "\\" in path:
        path = path.replace("\\x5c", "/")
    return tuple(part for part in path.split("/") if part not in ("", "."))


def stem_of(entry: FileEntry) -> str:
    """Return the name of an image's file up to its first dot."""
    parts = _parts(entry.member if archives.is_archive(entry.rel_path) else entry.rel_path)
    return parts[-1].partition(".")[0] if parts else ""


def _fits(name: str, part: str) -> bool:
    return part in (SPLITS, CLASSES, "*") or fnmatch.fnmatchcase(name, part)
