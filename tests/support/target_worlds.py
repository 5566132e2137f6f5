"""Listings of target sets, made from paths and columns."""

from collections.abc import Mapping
from pathlib import Path

from sept_core.ingest.entries import FileEntry, SourceSpec
from sept_core.targets import reading
from sept_core.targets.reading import Reading

Found = dict[str, tuple[str | None, str | None]]
"""Split and label by path."""


def spec(root: Path = Path("/nowhere"), **options: str) -> SourceSpec:
    return SourceSpec("set", root, "folder", root, options)


def images(*folders: str, archive: str = "", each: int = 2) -> list[FileEntry]:
    """Some images in each of some folders."""
    names = ["/".join(filter(None, (f, f"{n}.jpg"))) for f in folders for n in range(each)]
    return [FileEntry(archive, name) if archive else FileEntry(name) for name in names]


def rows(*values: Mapping[str, str | int | bool | None]) -> list[FileEntry]:
    """Rows of a table that name files."""
    return [FileEntry(f"all/{number}.jpg", metadata=row) for number, row in enumerate(values)]


def read(entries: list[FileEntry], root: Path = Path("/nowhere"), **options: str) -> Reading:
    found, listing = reading.read(spec(root, **options), entries)
    assert [e.rel_path for e in listing] == [e.rel_path for e in entries]
    return found


def placed(entries: list[FileEntry], root: Path = Path("/nowhere"), **options: str) -> Found:
    """Split and label of each image of a set that leaves no choice."""
    found, listing = reading.read(spec(root, **options), entries)
    assert not found.ambiguous, found.why
    return {e.member or e.rel_path: (e.split, e.label) for e in listing}


def layouts(found: Reading) -> list[str]:
    return [one.options.layout.folders for one in (found, *found.others)]
