"""Cautions: lasting warnings about a target set.

In: its splits and classes, counted, and their sources. Out: sentences. Pure.
"""

from collections.abc import Mapping, Sequence

from sept_core import targets
from sept_core.targets import names
from sept_core.targets.reading import Taken

_SHOWN = 3


def of(
    splits: Mapping[str, Mapping[str, int]], taken: Sequence[Taken], mentions: Sequence[str]
) -> list[str]:
    """Return every caution about a target set.

    Args:
        splits: images by split and label, as in `reading.Reading`.
        taken: the sources of the splits.
        mentions: files that are not read and may define splits.
    """
    found = [_no_heldout(splits, mentions), _no_search(splits), _like_splits(splits)]
    found += [_in_one_split(splits), _unassigned(splits, taken)]
    return [sentence for sentence in found if sentence]


def _no_heldout(splits: Mapping[str, Mapping[str, int]], mentions: Sequence[str]) -> str:
    if not splits or any(split in splits for split in targets.HELDOUT_SPLITS):
        return ""
    stated = f" {_some(mentions)} may define one (--split-file)." if mentions else ""
    return (
        "No held-out split: the contamination guard cannot check anything (guard: none) and this "
        f"set cannot be used for evaluation.{stated}"
    )


def _no_search(splits: Mapping[str, Mapping[str, int]]) -> str:
    if not splits or any(split in splits for split in targets.SEARCH_SPLITS):
        return ""
    return "No images to search with: all are held out or unassigned."


def _like_splits(splits: Mapping[str, Mapping[str, int]]) -> str:
    labels = {label for split in targets.SPLITS for label in splits.get(split, ())}
    like = sorted(label for label in labels if names.split_of(label))
    if not like:
        return ""
    return f"{_counted(like, 'class is', 'classes are')} named like a split: {_some(like)}."


def _in_one_split(splits: Mapping[str, Mapping[str, int]]) -> str:
    """List classes that occur in one split only; splits without any label are ignored."""
    labelled = {s: {*splits[s]} - {""} for s in targets.SPLITS if s in splits}
    labelled = {split: labels for split, labels in labelled.items() if labels}
    places: dict[str, list[str]] = {}
    for split, labels in labelled.items():
        for label in sorted(labels):
            places.setdefault(label, []).append(split)
    alone = [f"{label} ({where[0]})" for label, where in places.items() if len(where) == 1]
    if len(labelled) < 2 or not alone:
        return ""
    return f"{_counted(alone, 'class is', 'classes are')} in one split only: {_some(alone)}."


def _unassigned(splits: Mapping[str, Mapping[str, int]], taken: Sequence[Taken]) -> str:
    count = sum(splits.get(targets.UNASSIGNED, {}).values())
    if not count:
        return ""
    places = [
        f"{one.what or 'next to the folders'} ({one.files:,})"
        for one in taken
        if one.split == targets.UNASSIGNED
    ]
    files = "1 file is" if count == 1 else f"{count:,} files are"
    return f"{files} unassigned (neither searched with nor held out): {_some(places)}."


def _counted(values: Sequence[str], one: str, many: str) -> str:
    return f"{len(values):,} {one if len(values) == 1 else many}"


def _some(values: Sequence[str]) -> str:
    more = f" and {len(values) - _SHOWN:,} more" if len(values) > _SHOWN else ""
    return f"{', '.join(values[:_SHOWN])}{more}"
