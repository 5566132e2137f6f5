"""Locating: the folder of the files that a list or table names.

In: the names in a table and the folder of the table. Out: the root that they lie below, and the
prefix to remove from names that were written on another machine.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from sept_core import errors
from sept_core.tables import references
from sept_core.tables.formats import looks
from sept_core.tables.formats.rows import Match, shown

_SAMPLE = 100
_PARENTS = 3
_LEVELS = 2
_MOST_BELOW = 200
_MAX_FOLDERS = 10_000
"""Most folders that are checked; further ones are assumed to exist."""

_DRIVE = re.compile(r"([A-Za-z]:|//)")


@dataclass(frozen=True)
class Location:
    """The location of a table's files.

    Attributes:
        root: the folder that all lie below.
        prefix: missing folders, with slashes, that names begin with; else empty.
        is_start: relative names start from the root, not from the table's own folder.
        is_found: some of the names lead to files.
    """

    root: Path
    prefix: str = ""
    is_start: bool = False
    is_found: bool = True


def locate(names: Iterable[str], table: Path, given: Path | None) -> Location:
    """Find the folder below which all files lie that a table names.

    It is the folder `given`; else the table's own if it holds them all; else the one above it from
    which the relative names lead to files; else the common parent. From names of another machine
    the common folders are removed, if all files of a sample are found then.

    Raises:
        SourceError: all names are from another machine, or in a missing folder.
    """
    sample, heads = _folders(names)
    home = given or table.parent
    foreign = _foreign(heads, given)
    strange = [name for name in sample if _head(name) in foreign]
    prefix = _prefix(strange, home)
    relative = [name for name in sample if not _is_absolute(_plain(name))]
    is_found = bool(prefix) or len(relative) < len(sample) > len(strange)
    if relative and not prefix:
        is_found = _are_found(relative, [home, table.parent], any)
        if not is_found and given is None and (above := _above(relative, table)):
            return Location(above, is_start=True)
        prefix = "" if is_found else _prefix(relative, home)
    if sample and foreign == heads and not prefix:
        raise errors.SourceError(
            f"{table.name} refers to files in a folder that does not exist on this machine "
            f"({shown(sample[0])}); give the folder that contains them with --root FOLDER."
        )
    is_found = is_found or bool(prefix)
    if given is not None:
        return Location(given, prefix, is_start=True, is_found=is_found)
    root = _common(heads - foreign, table.parent, bool(prefix))
    return Location(root, prefix, is_found=is_found)


def below(folder: Path) -> Iterator[Path]:
    """Yield the folders in a folder, and those in them: a table is often next to its images'
    folder.
    """
    level = [folder]
    for _ in range(_LEVELS):
        level = [inner for outer in level for inner in _inner(outer)][:_MOST_BELOW]
        yield from level


def _inner(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as items:
            found = [Path(item.path) for item in items if item.is_dir() and item.name[0] != "."]
    except OSError:
        return []
    return sorted(found)


def _folders(names: Iterable[str]) -> tuple[list[str], set[str]]:
    """The first names, and the folders of all, with slashes; addresses are left out."""
    heads: set[str] = set()
    sample: list[str] = []
    for name in names:
        heads.add(name.rpartition("/")[0] or name.rpartition("\\")[0])
        if len(sample) < _SAMPLE:
            sample.append(name)
    plain = {_plain(head) for head in heads if not looks.is_address(head + "/")}
    return [name for name in sample if not looks.is_address(name)], plain


def _head(name: str) -> str:
    return _plain(name.rpartition("/")[0] or name.rpartition("\\")[0])


def _plain(name: str) -> str:
    return references.plain(name).replace("\\", "/")


def _is_absolute(plain: str) -> bool:
    return plain.startswith("/") or _DRIVE.match(plain) is not None


def _foreign(heads: set[str], given: Path | None) -> set[str]:
    """Absolute folders that are not there, or not below the given root."""
    absolute = sorted(head for head in heads if _is_absolute(head))
    return {
        head
        for number, head in enumerate(absolute)
        if _DRIVE.match(head)
        or (given is not None and not Path(os.path.normpath(head)).is_relative_to(given))
        or (number < _MAX_FOLDERS and not Path(head).is_dir())
    }


def _prefix(names: Sequence[str], home: Path) -> str:
    """The fewest common folders of some names without which all lead to files below `home`."""
    heads = [_head(name).split("/") for name in names]
    if not heads:
        return ""
    same = takewhile(lambda parts: len(set(parts)) == 1, zip(*heads, strict=False))
    common = [parts[0] for parts in same]
    for cut in range(1, len(common) + 1):
        prefix = "/".join(common[:cut]) + "/"
        if _are_found([_plain(name)[len(prefix) :] for name in names], [home], all):
            return prefix
    return ""


def _above(names: Sequence[str], table: Path) -> Path | None:
    """The nearest folder above the table's own from which all names lead to files."""
    parents = list(table.parent.parents)[:_PARENTS]
    return next((folder for folder in parents if _are_found(names, [folder], all)), None)


def _are_found(
    names: Sequence[str], places: Sequence[Path], how_many: Callable[[Iterable[bool]], bool]
) -> bool:
    """Return whether any or all of some names lead to files, anywhere."""
    match = references.Referrer(Path("/"), places).match
    return how_many(match(name) is not Match.NONE for name in names)


def _common(heads: set[str], folder: Path, is_also_below: bool) -> Path:
    """The table's own folder if all others are below it, else their common parent."""
    every = {os.path.normpath(folder / head) for head in heads}
    if is_also_below or not every:
        every.add(str(folder))
    common = Path(os.path.commonpath(every))
    return folder if common.is_relative_to(folder) else common
