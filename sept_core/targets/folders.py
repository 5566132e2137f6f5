"""Folders: which level of folders and archives states the splits of a target set.

In: the folders above its images, counted. Out: the layouts that they admit, the likeliest first.
One is enough where a person would not hesitate; several mean that somebody must choose. Pure.

A level states splits for certain if the names on it do (`train`, `test`; strays such as `docs`
aside), or if the same folders lie below its splits, or if several folders are divided alike. A
name among others that state nothing (`train`, `bus`, `car`) may be a class.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sept_core import targets
from sept_core.targets import names
from sept_core.targets.layout import CLASSES, FLAT, SPLITS, Layout

Path = tuple[str, ...]
"""Names of the folders above an image, the topmost first."""

Tree = Mapping[Path, int]
"""How many images lie directly in each folder."""

ENOUGH = 0.5
"""A level deeper down states the splits if it divides more than this share of the images."""

_DEEPEST = 8


@dataclass(frozen=True)
class Level:
    """One level of folders on which at least one name states a split.

    Attributes:
        depth: folders above it.
        splits: split by name, of the names that state one.
        parents: for each folder divided here, the images below each name.
        covered: share of the images that lie in its splits, strays and loose images aside.
        overlap: a folder below a searching split has the name of one below a held-out split.
    """

    depth: int
    splits: Mapping[str, str]
    parents: Mapping[Path, Mapping[str, int]]
    covered: float
    overlap: bool

    @cached_property
    def complete(self) -> bool:
        """Whether it has images to search with and others to hold out."""
        return _is_complete(self.splits.values())

    @cached_property
    def pure(self) -> bool:
        """Whether all names beside its splits are those of strays."""
        return not any(name not in self.splits and not names.is_stray(name) for name in self._names)

    @cached_property
    def only_searching(self) -> bool:
        """Whether it states no other split than `train`, and nothing beside it could be a class."""
        return self.pure and self.covered > ENOUGH and set(self.splits.values()) == {"train"}

    @cached_property
    def repeated(self) -> bool:
        """Whether several folders are divided alike."""
        divided = [
            _is_complete(self.splits[name] for name in below if name in self.splits)
            for below in self.parents.values()
        ]
        return sum(divided) > 1

    @property
    def _names(self) -> set[str]:
        return {name for below in self.parents.values() for name in below}

    def is_certain(self, first: int) -> bool:
        """Whether nobody would read it otherwise; `first` is the first level with a choice."""
        if not self.complete:
            return False
        if self.depth == first:
            return self.pure or self.overlap or self.repeated
        if self.covered <= ENOUGH:
            return False
        alone = len(self.parents) == 1 and self.covered < 1
        return self.overlap or (not alone and (self.pure or self.repeated))


@dataclass(frozen=True)
class Found:
    """Layouts that the folders admit.

    Attributes:
        layouts: the likeliest first; one if the folders leave no choice.
        certain: whether the first states splits beyond doubt.
        why: what leaves a choice, as a sentence; empty where nothing does.
    """

    layouts: tuple[Layout, ...]
    certain: bool = False
    why: str = ""


@dataclass(frozen=True)
class Folders:
    """The folders of a target set, with the splits that the user gave to some of them."""

    tree: Tree
    assigned: Mapping[str, str] = field(default_factory=dict)

    def read(self) -> Found:
        """The layouts that they admit."""
        first, levels = self._first, self._levels
        certain = [level for level in levels if level.is_certain(first)]
        if certain:
            return self._divided(certain[0])
        whole = self._undivided()
        doubtful = [level for level in levels if self._matters(level)]
        if len(doubtful) == 1 and doubtful[0].only_searching:
            return Found((self._splits_at(doubtful[0]),), certain=True)
        if doubtful:
            layouts = (whole, *map(self._splits_at, doubtful))
            return Found(layouts, why=_doubt(doubtful[0]))
        if cross := self._folds():
            return cross
        return Found((whole,))

    def _divided(self, level: Level) -> Found:
        """By a level that is certain, and by what contradicts it."""
        layout = self._splits_at(level)
        rivals = [other for other in self._levels if other != level and _contradicts(level, other)]
        if rivals:
            layouts = (layout, *map(self._splits_at, rivals))
            return Found(layouts, certain=True, why="Two levels of folders are named like splits.")
        if nested := self._nested(level):
            path, split = next(iter(nested.items()))
            held = Layout(layout.folders, assigned={**layout.assigned, **nested})
            return Found(
                (held, layout),
                certain=True,
                why=f"{path} lies in a split and is named like {split}.",
            )
        return Found((layout,), certain=True)

    def _nested(self, level: Level) -> dict[str, str]:
        """Held-out splits within a searching one (`train/val`), by their paths."""
        found = {}
        for deeper in self._levels:
            for parent, below in deeper.parents.items():
                inside = deeper.depth > level.depth and self._split_above(parent, level) == "train"
                if inside and all(n in deeper.splits or names.is_stray(n) for n in below):
                    held = {n: s for n, s in deeper.splits.items() if n in below and s != "train"}
                    found |= {"/".join((*parent, name)): split for name, split in held.items()}
        return {path: split for path, split in found.items() if path not in self.assigned}

    def _split_above(self, path: Path, level: Level) -> str | None:
        return level.splits.get(path[level.depth]) if len(path) > level.depth else None

    def _matters(self, level: Level) -> bool:
        """Whether taking an uncertain level for splits would be sensible, and not taking it too."""
        if level.depth == self._first:
            return True
        return level.complete or any(split != "train" for split in level.splits.values())

    def _folds(self) -> Found | None:
        """Folders of a cross-validation: which is held out, only the user knows."""
        found = sorted(self._names_at(self._first))
        if not names.are_folds(found):
            return None
        wrappers = ("*",) * (self._first + 1)
        whole = Layout("/".join((*wrappers, CLASSES)))
        splits = dict.fromkeys(found[:-1], "train") | {found[-1]: "test"}
        held = Layout("/".join((*wrappers[1:], SPLITS, CLASSES)), assigned=splits)
        why = f"{found[0]} to {found[-1]} look like folds; nothing says which is held out."
        return Found((whole, held), why=why)

    def _splits_at(self, level: Level) -> Layout:
        """The layout that takes a level for splits, with the classes where they seem to be."""
        above = [self._part(depth, level) for depth in range(level.depth)]
        below = self._below(level)
        if CLASSES in above and below == (CLASSES,):
            if level.overlap:
                above = ["*" if part == CLASSES else part for part in above]
            else:
                below = ()
        own = {n: s for n, s in level.splits.items() if names.split_of(n) != s}
        given = {n: s for n, s in self.assigned.items() if n not in own}
        return Layout("/".join((*above, SPLITS, *below)), assigned={**own, **given})

    def _part(self, depth: int, level: Level) -> str:
        """What a level above the splits states: nothing, one folder of several, or the classes."""
        divided = {parent[depth] for parent in level.parents}
        if images := _images_beside_strays(divided):
            divided = {images}
        if len(divided) > 1:
            return CLASSES if depth == self._first else "*"
        (only,) = divided
        return "*" if self._names_at(depth) == divided else _literal(only)

    def _below(self, level: Level) -> tuple[str, ...]:
        """What the level below the splits states."""
        depth = level.depth + 1
        found = {
            path[depth]
            for path in self.tree
            if len(path) > depth
            and path[: level.depth] in level.parents
            and path[level.depth] in level.splits
        }
        if (images := _images_beside_strays(found)) and len(found) > 1:
            return (_literal(images),)
        return (CLASSES,) if found or level.depth == self._first else ()

    def _undivided(self) -> Layout:
        """The layout without splits: classes on the first level with a choice, or none."""
        wrappers = ("*",) * self._first
        here = self._names_at(self._first)
        if (images := _images_beside_strays(here)) and len(here) > 1:
            return Layout("/".join((*wrappers, _literal(images))))
        if len([name for name in here if not names.is_stray(name)]) == 1:
            wrappers = (*wrappers, "*")  # a split's name around everything
            here = self._names_at(self._first + 1)
        if not here:
            return Layout(FLAT)
        return Layout("/".join((*wrappers, CLASSES)), assigned=self.assigned)

    @cached_property
    def _first(self) -> int:
        """The first level with a choice: several names, a split's name, or images beside it."""
        for depth in range(_DEEPEST):
            here = {name for name in self._names_at(depth) if not names.is_stray(name)}
            if len(here) != 1 or names.splits_of(here) or self._in_assigned(here):
                return depth
        return _DEEPEST

    def _in_assigned(self, here: set[str]) -> bool:
        return not here.isdisjoint(self.assigned)

    @cached_property
    def _levels(self) -> list[Level]:
        found = (self._level(depth) for depth in range(self._first, _DEEPEST))
        return [level for level in found if level is not None]

    def _names_at(self, depth: int) -> set[str]:
        return {path[depth] for path in self.tree if len(path) > depth}

    def _level(self, depth: int) -> Level | None:
        here = self._names_at(depth)
        splits = names.splits_of(here) | {n: s for n, s in self.assigned.items() if n in here}
        short = {name for name in here if not names.is_stray(name)}
        splits = splits or (names.short_splits_of(short) if len(short) > 1 else {})
        if not splits:
            return None
        parents: dict[Path, Counter[str]] = defaultdict(Counter)
        for path, count in self.tree.items():
            if len(path) > depth:
                parents[path[:depth]][path[depth]] += count
        divided = {p: below for p, below in parents.items() if not below.keys().isdisjoint(splits)}
        return Level(
            depth,
            splits,
            divided,
            self._covered(depth, splits, divided),
            self._overlap(depth, splits),
        )

    def _covered(
        self, depth: int, splits: Mapping[str, str], divided: Mapping[Path, object]
    ) -> float:
        above = {parent[:length] for parent in divided for length in range(depth + 1)}
        inside = total = 0
        for path, count in self.tree.items():
            if path in above or any(map(names.is_stray, path[: depth + 1])):
                continue
            total += count
            inside += count * (len(path) > depth and path[depth] in splits)
        return inside / total if total else 0.0

    def _overlap(self, depth: int, splits: Mapping[str, str]) -> bool:
        below: dict[tuple[Path, bool], set[str]] = defaultdict(set)
        for path in self.tree:
            split = splits.get(path[depth]) if len(path) > depth + 1 else None
            if split in targets.SPLITS and not names.is_images(path[depth + 1]):
                below[path[:depth], split == "train"].add(path[depth + 1])
        return any(
            searching and found & below.get((parent, False), set())
            for (parent, searching), found in below.items()
        )


def _images_beside_strays(siblings: set[str]) -> str | None:
    """The one of some folders that holds the images, if the others hold masks, labels or so."""
    images = [name for name in siblings if names.is_images(name)]
    alone = len(images) == 1 and all(n in images or names.is_stray(n) for n in siblings)
    return images[0] if alone else None


def _is_complete(splits: Iterable[str]) -> bool:
    found = set(splits)
    return "train" in found and not found.isdisjoint(targets.HELDOUT_SPLITS)


def _contradicts(certain: Level, other: Level) -> bool:
    """Whether another level would be taken for splits if the certain one were not there."""
    if other.depth < certain.depth:
        return other.pure or other.complete
    return other.complete and other.pure and other.covered > ENOUGH


def _doubt(level: Level) -> str:
    named = ", ".join(sorted(level.splits)[:3])
    if level.pure and not level.complete:
        held = sorted(set(level.splits.values()) - {"train"})
        return f"The folders state only {' and '.join(held)} ({named}); nothing to search with is left."
    others = sorted({n for below in level.parents.values() for n in below if n not in level.splits})
    beside = f" beside {', '.join(others[:3])}" if others else ""
    return f"{named}{beside} may be a split or a class."


def _literal(name: str) -> str:
    """A folder's name as a part of a layout, where the words for roles have a meaning."""
    if name in (SPLITS, CLASSES, "*"):
        return f"[{name[0]}]{name[1:]}"
    return "".join(f"[{c}]" if c in "[*?" else c for c in name)
