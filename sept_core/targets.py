"""Targets: the class and split of each image, from where it lies or from its table.

In: the listing of a source. Out: the same entries with `label` and `split` filled.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sept_core import archives, errors, sources, tables

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Names of splits, in lower case, as folders or tables give them."""

SEARCH_SPLITS = ("train",)
"""What retrieval and selection search with."""

HELDOUT_SPLITS = ("val", "test")
"""Read by the guard, held-out diagnostics and evaluation only, never by the search."""

LABEL_COLUMNS = ("label", "class", "class_name", "category", "cls")
"""Columns and side-cars that give an image's class, tried in this order."""


def assign(entries: Iterable[sources.FileEntry]) -> list[sources.FileEntry]:
    """Fill `label` and `split`, in the order given; entries with a problem stay as they are.

    Columns `label` and `split` come first. Else folders speak: `SPLIT/CLASS/x.jpg` if every
    folder at the top is the name of a split, or `CLASS/x.jpg`; folders that wrap everything
    are passed over. Without either, the label is None and the split `train`.

    Raises:
        SourceError: a table's split is none of `SPLITS`.
    """
    listed = list(entries)
    usable = [entry for entry in listed if entry.problem is None]
    depth, has_splits = _layout([_folders(entry) for entry in usable])
    return [
        entry if entry.problem else _assigned(entry, _folders(entry)[depth:], has_splits)
        for entry in listed
    ]


def _layout(folders: Sequence[list[str]]) -> tuple[int, bool]:
    """How many wrapping folders to pass over, and whether splits come next."""
    depth = 0
    while True:
        tops = {below[depth] for below in folders if len(below) > depth}
        if tops and all(top.lower() in SPLITS for top in tops):
            return depth, True
        if len(tops) != 1 or any(len(below) == depth for below in folders):
            return depth, False
        depth += 1


def _assigned(entry: sources.FileEntry, folders: list[str], has_splits: bool) -> sources.FileEntry:
    layout_split, classes = "train", folders
    if has_splits and folders:
        layout_split, classes = SPLITS[folders[0].lower()], folders[1:]
    named = (entry.metadata.get(column) for column in LABEL_COLUMNS)
    label = next((value for value in named if value is not None), classes[0] if classes else None)
    return replace(
        entry,
        label=None if label is None else str(label),
        split=_split(entry.metadata.get("split"), entry.rel_path) or layout_split,
    )


def _split(value: tables.Scalar, where: str) -> str | None:
    if value is None:
        return None
    split = SPLITS.get(str(value).lower())
    if split is None:
        raise errors.SourceError(
            f"{where} has the split {value!r}; use one of {', '.join(SPLITS)}."
        )
    return split


def _folders(entry: sources.FileEntry) -> list[str]:
    """The folders above an image, in its archive or below the root; none for rows of a table."""
    if entry.member and not archives.is_archive(entry.rel_path):
        return []
    name = entry.member or entry.rel_path
    return [part for part in name.split("/")[:-1] if part not in ("", ".")]
