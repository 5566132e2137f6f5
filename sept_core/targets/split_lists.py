"""Lists of splits: files that name the images of a split, one a line, or with a column of splits.

In: lists and a listing. Out: the split of each image that a list names. Lists leave out folders
and suffixes, or have more of them than the listing: paths match if one is the end of the other.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from sept_core import errors, paths, tables
from sept_core.listing import FileEntry
from sept_core.targets import columns, names

Place = tuple[str, str]
"""`rel_path` and `member` of an image."""

Key = tuple[str, ...]
"""The parts of a path, without the suffix of an image."""


def match(lists: Sequence[tuple[str, Path]], entries: Sequence[FileEntry]) -> dict[Place, str]:
    """The splits of those images that the lists name.

    Args:
        lists: each with the split of all its lines; an empty one is told line by line.
        entries: usable ones.

    Raises:
        InputError: a list cannot be read, or two lines disagree about an image.
    """
    by_path = _by_path(entries)
    depths = sorted({len(key) for key in by_path}, reverse=True)
    found: dict[Place, str] = {}
    tails = _tails(by_path)
    for split, path in lists:
        for key, own in _lines(path, split):
            for entry in _named(key, by_path, depths, tails):
                place = (entry.rel_path, entry.member)
                if found.setdefault(place, own) != own:
                    raise errors.InputError(
                        f"{'/'.join(key)} is in {found[place]} and in {own} according to the lists; "
                        "correct them."
                    )
    return found


def key_of(path: str) -> Key:
    """The parts of a path as they are compared."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    if parts:
        stem, suffix = os.path.splitext(parts[-1])
        parts[-1] = stem if suffix.lower() in paths.IMAGE_SUFFIXES else parts[-1]
    return tuple(parts)


def _by_path(entries: Sequence[FileEntry]) -> dict[Key, list[FileEntry]]:
    found: dict[Key, list[FileEntry]] = {}
    for entry in entries:
        path = "/".join(filter(None, (entry.rel_path, entry.member))).replace("\\x5c", "/")
        found.setdefault(key_of(path), []).append(entry)
    return found


def _tails(by_path: dict[Key, list[FileEntry]]) -> dict[Key, list[FileEntry]]:
    """The images below each end of a path."""
    found: dict[Key, list[FileEntry]] = {}
    for key, entries in by_path.items():
        for start in range(1, len(key)):
            found.setdefault(key[start:], []).extend(entries)
    return found


def _named(
    key: Key,
    by_path: dict[Key, list[FileEntry]],
    depths: Sequence[int],
    tails: dict[Key, list[FileEntry]],
) -> list[FileEntry]:
    """The images that a line names: by the longest end of it that is a path, else by their ends."""
    for depth in depths:
        if depth <= len(key) and key[len(key) - depth :] in by_path:
            return by_path[key[len(key) - depth :]]
    return tails.get(key, [])


def _lines(path: Path, split: str) -> Iterator[tuple[Key, str]]:
    try:
        with path.open("rb") as file:
            if tables.is_table(path.name) and paths.suffix_of(path.name) != ".txt":
                yield from _rows(file, path, split)
            else:
                yield from _plain(file, path, split)
    except OSError as problem:
        raise errors.InputError(f"{path} cannot be read: {problem.strerror}.") from None


def _plain(file: BinaryIO, path: Path, split: str) -> Iterator[tuple[Key, str]]:
    """`PATH`, `PATH CLASS` or, where the split is not given, `PATH SPLIT`."""
    for number, line in enumerate(file, 1):
        text = line.decode("utf-8-sig", "replace").strip()
        if not text:
            continue
        words = text.replace(",", " ").replace("\t", " ").split()
        own = split or names.split_of(words[-1])
        if own is None:
            raise errors.InputError(
                f"Line {number} of {path} states no split; write the split behind the path, or "
                f"name the split of the whole list: test={path.name}."
            )
        whole = paths.suffix_of(text) in paths.IMAGE_SUFFIXES
        yield key_of(text if whole else words[0]), own


def _rows(file: BinaryIO, path: Path, split: str) -> Iterator[tuple[Key, str]]:
    rows = [row.values for row in tables.rows(file, path.name) if not row.problem]
    entries = [FileEntry("", metadata=row) for row in rows]
    header = list(rows[0]) if rows else []
    column = next(iter(columns.split_columns(entries)), None)
    others = [name for name in header if name != column]
    by_path = tables.best_column(others, tables.PATH_COLUMNS)
    if by_path is None or not (split or column):
        raise errors.InputError(
            f"{path} needs a column of paths and one of splits; it has {', '.join(header) or 'none'}."
        )
    for row in rows:
        own = split or columns.split_in(str(column), row)
        if own and row.get(by_path) not in (None, ""):
            yield key_of(str(row[by_path])), own
