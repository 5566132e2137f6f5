"""Lists of splits: files that name the images of a split, one a line, or with a column of splits.

In: lists and a listing. Out: the split of each image that a list names. Lists may omit folders and
suffixes, or have more of them than the listing: paths match if one is the end of the other.
"""

import io
import os
from collections.abc import Callable, Iterator, Sequence

from sept_core import errors, targets
from sept_core.filesystem import safe_paths
from sept_core.ingest.entries import FileEntry
from sept_core.tables import tables
from sept_core.targets import columns, names

Place = tuple[str, str]
"""`rel_path` and `member` of an image."""

Key = tuple[str, ...]
"""The parts of a path, without the suffix of an image."""

Lists = tuple[tuple[str, str], ...]
"""Names of lists, each with the split of all its lines; an empty split is stated line by line."""

Opener = Callable[[str], bytes]
"""Returns the content of a list, by its name."""


def match(lists: Lists, entries: Sequence[FileEntry], opener: Opener) -> dict[Place, str]:
    """Return the splits of the images that the lists name.

    Args:
        lists: see `Lists`.
        entries: usable ones, unassigned where the layout omits them.
        opener: reads a list.

    Raises:
        InputError: a list cannot be read, or two lines contradict each other.
    """
    by_path = _by_path(entries)
    depths = sorted({len(key) for key in by_path}, reverse=True)
    found: dict[Place, str] = {}
    tails = _tails(by_path)
    for split, name in lists:
        for key, own in _lines(opener(name), name, split):
            for entry in _images_first(_named(key, by_path, depths, tails)):
                place = (entry.rel_path, entry.member)
                if found.setdefault(place, own) != own:
                    both = f"{found[place]} and {own}"
                    raise errors.InputError(
                        f"The split lists assign {'/'.join(key)} to both {both}; correct them."
                    )
    return found


def _images_first(named: list[FileEntry]) -> list[FileEntry]:
    """Drop masks and other strays if an image has the same name."""
    kept = [entry for entry in named if entry.split != targets.UNASSIGNED]
    return kept or named


def key_of(path: str) -> Key:
    """Return the parts of a path for comparison."""
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    if parts:
        stem, suffix = os.path.splitext(parts[-1])  # noqa: PTH122 (a million times)
        parts[-1] = stem if suffix.lower() in safe_paths.IMAGE_SUFFIXES else parts[-1]
    return tuple(parts)


def _by_path(entries: Sequence[FileEntry]) -> dict[Key, list[FileEntry]]:
    found: dict[Key, list[FileEntry]] = {}
    for entry in entries:
        path = "/".join(filter(None, (entry.rel_path, entry.member))).replace("\\x5c", "/")
        found.setdefault(key_of(path), []).append(entry)
    return found


def _tails(by_path: dict[Key, list[FileEntry]]) -> dict[Key, list[FileEntry]]:
    """Return the images for each end of a path."""
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
    """Return the images of a line: by its longest end that is a path, else by their ends."""
    for depth in depths:
        if depth <= len(key) and key[len(key) - depth :] in by_path:
            return by_path[key[len(key) - depth :]]
    return tails.get(key, [])


def _lines(data: bytes, name: str, split: str) -> Iterator[tuple[Key, str]]:
    is_table = tables.is_table(name) and not tables.is_list(name)
    return (_rows if is_table else _plain)(data, name, split)


def _plain(data: bytes, name: str, split: str) -> Iterator[tuple[Key, str]]:
    """`PATH`, `PATH CLASS` or, where the split is not given, `PATH SPLIT`."""
    for number, line in enumerate(data.decode("utf-8-sig", "replace").splitlines(), 1):
        text = line.strip()
        if not text:
            continue
        words = text.replace(",", " ").split()
        own = split or names.split_of(words[-1])
        if own is None:
            raise errors.InputError(
                f"Line {number} of {name} has no split; write the split after the path, or give "
                f"one split for the whole list: test={name}."
            )
        whole = safe_paths.suffix_of(text) in safe_paths.IMAGE_SUFFIXES
        yield key_of(text if whole else words[0]), own


def _rows(data: bytes, name: str, split: str) -> Iterator[tuple[Key, str]]:
    table = tables.open_table(lambda: io.BytesIO(data), name)
    rows = [row.values for row in table.rows() if not row.problem]
    column = next(iter(columns.split_columns([FileEntry("", metadata=row) for row in rows])), "")
    header = [known for known in (rows[0] if rows else {}) if known != column]
    by_path = tables.column_of_paths(header)
    if by_path is None or not (split or column):
        raise errors.InputError(
            f"{name} must have a column of paths and a column of splits; its columns are "
            f"{', '.join(rows[0] if rows else []) or 'none'}."
        )
    for row in rows:
        own = split or columns.split_in(column, row)
        if own and row.get(by_path) not in (None, ""):
            yield key_of(str(row[by_path])), own
