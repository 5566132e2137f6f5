"""Levels: the certainty with which the names on one level of folders are splits. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sept_core import targets
from sept_core.targets import names

Path = tuple[str, ...]
"""Names of the folders above an image, the topmost first."""

ENOUGH = 0.5
"""A deeper level gives the splits if it divides more than this share of the images."""


@dataclass(frozen=True)
class Level:
    """One level of folders on which at least one name is a split.

    Attributes:
        depth: folders above it.
        splits: split by name, for the names of splits.
        parents: for each folder divided here, the images below each name.
        covered: share of the images that lie in its splits, strays and loose images aside.
        overlap: a folder below a searching split has the name of one below a held-out split.
        short: its names are abbreviations (`tr`, `te`), which may mean something else.
    """

    depth: int
    splits: Mapping[str, str]
    parents: Mapping[Path, Mapping[str, int]]
    covered: float
    overlap: bool
    short: bool = False

    @cached_property
    def complete(self) -> bool:
        """Return whether it has images to search with and others to hold out."""
        return is_complete(self.splits.values())

    @cached_property
    def pure(self) -> bool:
        """Return whether all names besides its splits are those of strays."""
        return not any(name not in self.splits and not names.is_stray(name) for name in self._names)

    @cached_property
    def only_searching(self) -> bool:
        """Return whether `train` is its only split, and no other name could be a class."""
        return self.pure and self.covered > ENOUGH and set(self.splits.values()) == {"train"}

    @cached_property
    def repeated(self) -> bool:
        """Return whether several folders are divided alike."""
        divided = [
            is_complete(self.splits[name] for name in below if name in self.splits)
            for below in self.parents.values()
        ]
        return sum(divided) > 1

    @property
    def _names(self) -> set[str]:
        return {name for below in self.parents.values() for name in below}

    def is_certain(self, first: int) -> bool:
        """Return whether its reading is unambiguous; `first` is the first level with a choice."""
        if not self.complete or self.short:
            return False
        if self.depth == first:
            return self.pure or self.overlap or self.repeated
        if self.covered <= ENOUGH:
            return False
        alone = len(self.parents) == 1 and self.covered < 1
        return self.overlap or (not alone and (self.pure or self.repeated))


def is_complete(splits: Iterable[str]) -> bool:
    """Return whether there is something to search with and something held out."""
    found = set(splits)
    return "train" in found and not found.isdisjoint(targets.HELDOUT_SPLITS)


def contradicts(certain: Level, other: Level) -> bool:
    """Return whether another level would be read as splits if the certain one did not exist."""
    if other.depth < certain.depth:
        return other.pure or other.complete
    return other.complete and other.pure and other.covered > ENOUGH


def quoted(some: Sequence[str], most: int = 3) -> str:
    """Quote a few names for a sentence."""
    more = ", …" if len(some) > most else ""
    return ", ".join(repr(name) for name in some[:most]) + more


def doubt(level: Level) -> str:
    """Return the reason for the ambiguity of a level, as a sentence."""
    named = quoted(sorted(level.splits))
    if level.pure and not level.complete:
        held = sorted(set(level.splits.values()) - {"train"})
        return (
            f"Only {' and '.join(held)} was found ({named}), which leaves no images to search with."
        )
    below = {name for found in level.parents.values() for name in found}
    others = sorted(name or "numbered archives" for name in below - level.splits.keys())
    neighbours = f" next to {quoted(others)}" if others else ""
    what = "a split or a class" if len(level.splits) == 1 else "splits or classes"
    return f"{named}{neighbours} may be {what}."
