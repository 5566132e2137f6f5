"""Rules: splits that the user gives by list or by fraction, which override the layout.

In: a listing with splits and classes from its layout. Out: the same with the rules applied. A
fraction is drawn by hash, so that neither order nor a further listing changes it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from sept_core import errors, targets
from sept_core.ingest.entries import FileEntry
from sept_core.storage import hashing
from sept_core.targets import split_lists
from sept_core.targets.split_lists import Lists, Opener, Place


@dataclass(frozen=True)
class Rules:
    """Rules from the user.

    Attributes:
        fractions: share of the searching images of each class that goes to `val` and `test`.
        group: a column, or a regular expression on paths whose first group (else whole match)
            identifies images that must stay in one split, such as the frames of one object.
        lists: files of paths, each with the split of all its paths; an empty split is in the file.
    """

    fractions: Mapping[str, float] = field(default_factory=dict)
    group: str = ""
    lists: Lists = ()

    @property
    def given(self) -> bool:
        """Return whether the user gave any rules."""
        return bool(self.fractions or self.lists)

    @property
    def title(self) -> str:
        """Describe the source of splits that do not come from the layout."""
        if self.lists:
            return ", ".join(PurePath(name).name for _, name in self.lists)
        return ", ".join(f"{share:.0%} of each class" for share in self.fractions.values())

    def apply(
        self, entries: Sequence[FileEntry], known: Mapping[Place, str], opener: Opener
    ) -> list[FileEntry]:
        """Assign splits to the images; those missing from the lists are unassigned.

        Args:
            entries: with the splits and labels of their layout; those with a problem stay.
            known: splits that a fraction drew before; they stay.
            opener: reads a list.

        Raises:
            InputError: a list cannot be read, matches no image or contradicts another one.
        """
        found = list(entries)
        if self.lists:
            found = _by_lists(found, self.lists, opener)
        if self.fractions:
            found = _by_fractions(found, self, known)
        return found


def read_fractions(text: str) -> dict[str, float]:
    """Parse shares by split from `test=0.2` or `val=10%,test=0.2`.

    Raises:
        InputError: the text is invalid, or leaves no images to search with.
    """
    found: dict[str, float] = {}
    for part in filter(None, text.replace("\n", ",").split(",")):
        split, _, share = (piece.strip() for piece in part.partition("="))
        try:
            value = float(share.removesuffix("%")) / (100 if share.endswith("%") else 1)
        except ValueError:
            value = -1.0
        if split not in targets.HELDOUT_SPLITS or not 0 < value < 1:
            raise errors.InputError(
                f"Fraction {part!r} is invalid; write for example test=0.2, or val=0.1 and "
                "test=0.2."
            )
        found[split] = value
    if sum(found.values()) >= 1:
        raise errors.InputError(
            f"The fractions {text!r} leave no images to search with; give smaller ones."
        )
    return found


def read_lists(text: str) -> Lists:
    """Parse lists, one per line: `test=FILE` if all its paths are of that split, else `FILE`."""
    found = []
    for line in filter(None, text.split("\n")):
        split, equals, name = line.partition("=")
        named = bool(equals) and split in (*targets.SPLITS, targets.UNASSIGNED)
        found.append((split, name) if named else ("", line))
    return tuple(found)


def _by_fractions(
    entries: list[FileEntry], rules: Rules, known: Mapping[Place, str]
) -> list[FileEntry]:
    mine = [e for e in entries if e.problem is None and e.split in targets.SEARCH_SPLITS]
    groups = _grouped(mine, rules.group)
    splits: dict[str, str] = {}
    for together in _by_class(groups).values():
        splits |= _drawn(together, groups, rules.fractions, known)
    chosen = {id(e): splits[name] for name, members in groups.items() for e in members}
    return [replace(e, split=chosen[id(e)]) if id(e) in chosen else e for e in entries]


def _grouped(entries: Iterable[FileEntry], group: str) -> dict[str, list[FileEntry]]:
    """Group images by what they belong to; an image without a group is its own group."""
    entries = list(entries)
    column = any(group in entry.metadata for entry in entries) if group else False
    pattern = _pattern(group) if group and not column else None
    found: dict[str, list[FileEntry]] = defaultdict(list)
    matched = 0
    for entry in entries:
        place = "/".join(filter(None, (entry.rel_path, entry.member)))
        hit = pattern.search(place) if pattern else None
        value = (
            entry.metadata.get(group) if column else hit and (hit[1] if hit.re.groups else hit[0])
        )
        matched += value not in (None, "")
        found[f"group {value}" if value not in (None, "") else place].append(entry)
    if group and not matched:
        raise errors.InputError(
            f"No column is named {group!r} and no path matches it; give a column or a regular "
            "expression that identifies the images that belong together."
        )
    return found


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as problem:
        raise errors.InputError(f"{text!r} is not a regular expression ({problem}).") from None


def _by_class(groups: Mapping[str, list[FileEntry]]) -> dict[str, list[str]]:
    """List the groups of each class in hash order; a group's class is its most frequent one."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(groups, key=lambda name: (hashing.hashed_uniform(0, name), name)):
        counted = Counter(entry.label or "" for entry in groups[name])
        found[min(counted, key=lambda label: (-counted[label], label))].append(name)
    return found


def _drawn(
    names: Sequence[str],
    groups: Mapping[str, list[FileEntry]],
    fractions: Mapping[str, float],
    known: Mapping[Place, str],
) -> dict[str, str]:
    """Draw a split for each group of one class; at least one group stays to be searched with."""
    splits: dict[str, str] = {}
    for name in names:
        before = [known.get((e.rel_path, e.member), "") for e in groups[name]]
        kept = [split for split in (*fractions, *targets.SEARCH_SPLITS) if split in before]
        if kept:
            splits[name] = kept[0]
    total = sum(len(groups[name]) for name in names)
    free = sum(splits.get(name, "train") == "train" for name in names)
    for split, share in sorted(fractions.items()):
        taken = sum(len(groups[name]) for name, own in splits.items() if own == split)
        for name in names:
            size = len(groups[name])
            if name not in splits and free > 1 and taken + size / 2 <= share * total:
                splits[name] = split
                taken, free = taken + size, free - 1
    return {name: splits.get(name, "train") for name in names}


def _by_lists(entries: list[FileEntry], lists: Lists, opener: Opener) -> list[FileEntry]:
    found = split_lists.match(lists, [e for e in entries if e.problem is None], opener)
    if not found:
        raise errors.InputError(
            f"{lists[0][1]} does not list any image of this target set; give paths below its "
            "folder."
        )
    return [
        e if e.problem else replace(e, split=found.get((e.rel_path, e.member), targets.UNASSIGNED))
        for e in entries
    ]
