"""Folders: the level of folders and archives that gives the splits of a target set.

In: the folders above its images, counted. Out: the layouts that they admit, the likeliest first.
There is one if the folders are unambiguous; with several, the user must choose. Pure.

A level certainly gives splits if all its names are splits (`train`, `test`; strays such as `docs`
aside), or if the same folders lie below its splits, or if several folders are divided alike. A
split's name among other names (`train`, `bus`, `car`) may be a class.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sept_core import targets
from sept_core.targets import levels, names
from sept_core.targets.layout import CLASSES, FILE_NAMES, FLAT, SPLITS, Layout
from sept_core.targets.levels import Level, Path

Tree = Mapping[Path, int]
"""Number of images directly in each folder."""

_DEEPEST = 8


@dataclass(frozen=True)
class Found:
    """Layouts that the folders admit.

    Attributes:
        layouts: the likeliest first; one if the folders leave no choice.
        certain: whether the first certainly gives splits.
        why: the reason for the ambiguity, as a sentence; empty if there is none.
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
        """Return the layouts that the folders admit."""
        certain = [level for level in self._levels if level.is_certain(self._first)]
        if certain:
            return self._divided(certain[0])
        doubtful = [level for level in self._levels if self._matters(level)]
        searching = [level for level in doubtful if level.only_searching]
        whole = self._splits_at(searching[0]) if searching else self._undivided()
        doubtful = [level for level in doubtful if level not in searching[:1]]
        if doubtful:
            layouts = (whole, *map(self._splits_at, doubtful))
            return Found(layouts, why=levels.doubt(doubtful[0]))
        if searching:
            return Found((whole,), certain=True)
        return self._folds() or self._whole_split(whole) or Found((whole,))

    def _divided(self, level: Level) -> Found:
        """Return the layouts from a certain level, and from levels that contradict it."""
        layout = self._splits_at(level)
        rivals = [
            other for other in self._levels if other != level and levels.contradicts(level, other)
        ]
        both = sorted([level, *rivals], key=lambda other: (not other.complete, other.depth))
        layouts = tuple(map(self._splits_at, both))
        if nested := self._nested(level):
            path, split = next(iter(nested.items()))
            held = Layout(layout.folders, assigned={**layout.assigned, **nested})
            why = f"{path!r} is inside a split but is named like {split}."
            return Found((held, *layouts), certain=True, why=why)
        if rivals:
            return Found(layouts, certain=True, why="Two levels of folders are named like splits.")
        return self._divided_folds(level) or Found((layout,), certain=True)

    def _divided_folds(self, level: Level) -> Found | None:
        """Return the layout with the first of several folds that each divide the same images, if
        any.
        """
        folds = sorted(self._names_at(level.depth - 1)) if level.depth else []
        if not names.are_folds(folds):
            return None
        whole = self._splits_at(level)
        parts = whole.folders.split("/")
        parts[level.depth - 1] = _literal(folds[0])
        one = Layout("/".join(parts), assigned=whole.assigned)
        why = (
            f"{folds[0]!r} to {folds[-1]!r} may be different divisions of the same images; choose "
            "one of them."
        )
        return Found((one, whole), certain=True, why=why)

    def _nested(self, level: Level) -> dict[str, str]:
        """Return held-out splits within a searching one (`train/val`), by their paths."""
        found: dict[str, str] = {}
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
        """Return whether an uncertain level can sensibly be read both as splits and otherwise."""
        if level.depth == self._first:
            return True
        return level.complete or any(split != "train" for split in level.splits.values())

    def _folds(self) -> Found | None:
        """Return the folders of a cross-validation; the user must choose the held-out one."""
        found = sorted(self._names_at(self._first))
        if not names.are_folds(found):
            return None
        wrappers = ("*",) * (self._first + 1)
        whole = Layout("/".join((*wrappers, CLASSES)))
        splits = dict.fromkeys(found[:-1], "train") | {found[-1]: "test"}
        held = Layout("/".join((*wrappers[1:], SPLITS, CLASSES)), assigned=splits)
        why = (
            f"{found[0]!r} to {found[-1]!r} look like cross-validation folds; choose which one is "
            "held out."
        )
        return Found((whole, held), why=why)

    def _splits_at(self, level: Level) -> Layout:
        """Return the layout that reads a level as splits, with the classes at their likeliest
        level.
        """
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
        """Return the meaning of a level above the splits: none, one folder of several, or the
        classes.
        """
        divided = {parent[depth] for parent in level.parents}
        if images := _images_beside_strays(divided):
            divided = {images}
        if len(divided) > 1:
            return CLASSES if depth == self._first else "*"
        (only,) = divided
        return "*" if self._names_at(depth) == divided else _literal(only)

    def _below(self, level: Level) -> tuple[str, ...]:
        """Return the meaning of the level below the splits."""
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
        if self._doubled(level):
            return ("*", CLASSES)
        return (CLASSES,) if found or level.depth == self._first else ()

    def _doubled(self, level: Level) -> bool:
        """Return whether each split wraps everything in a folder of its own name: `train/train`."""
        below = [path[level.depth :] for path in self.tree if path[: level.depth] in level.parents]
        inner = {path[:2] for path in below if path and path[0] in level.splits}
        return len(inner) > 1 and all(len(pair) == 2 and pair[0] == pair[1] for pair in inner)

    def _undivided(self) -> Layout:
        """Return the layout without splits: classes on the first level with a choice, or none."""
        wrappers = [self._wrapper(depth) for depth in range(self._first)]
        here = self._names_at(self._first)
        if len([name for name in here if not names.is_stray(name)]) == 1:
            wrappers.append("*")  # a split's name around everything
            here = self._names_at(self._first + 1)
        if here:
            return Layout("/".join((*wrappers, CLASSES)), assigned=self.assigned)
        return Layout("/".join(wrappers) if {*wrappers} - {"*"} else FLAT)

    def _wrapper(self, depth: int) -> str:
        """Return the layout's part for a level that wraps everything except strays."""
        here = self._names_at(depth)
        return "*" if len(here) == 1 else _literal(min(n for n in here if not names.is_stray(n)))

    def _whole_split(self, whole: Layout) -> Found | None:
        """Return a held-out split named by the outermost container, such as `birds-test.tar`."""
        for depth in range(self._first):
            here = [name for name in self._names_at(depth) if not names.is_stray(name)]
            split = names.loose_split_of(here[0])
            if split in targets.HELDOUT_SPLITS:
                above = [self._wrapper(level) for level in range(depth)]
                held = Layout("/".join((*above, SPLITS, CLASSES)), assigned={here[0]: str(split)})
                why = (
                    f"Only the split {split} was found ({here[0]!r}), which leaves no images to "
                    "search with."
                )
                return Found((whole, held), why=why)
        return None

    @cached_property
    def _first(self) -> int:
        """Return the first level with several names, a split's name, or images next to it."""
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
        """Return the names on a level, except those within strays."""
        return {
            path[depth]
            for path in self.tree
            if len(path) > depth and not any(map(names.is_stray, path[:depth]))
        }

    def _level(self, depth: int) -> Level | None:
        here = self._names_at(depth)
        splits = names.splits_of(here) | {n: s for n, s in self.assigned.items() if n in here}
        plain = {name for name in here if not names.is_stray(name)}
        short = {} if splits else names.short_splits_of(plain) if len(plain) > 1 else {}
        splits = splits or short
        if not splits:
            return None
        parents: dict[Path, Counter[str]] = defaultdict(Counter)
        for path, count in self.tree.items():
            if len(path) > depth:
                parents[path[:depth]][path[depth]] += count
        divided = {p: below for p, below in parents.items() if not below.keys().isdisjoint(splits)}
        divided = {p: n for p, n in divided.items() if not any(map(names.is_stray, p))} or divided
        covered = self._covered(depth, splits, divided)
        return Level(depth, splits, divided, covered, self._overlap(depth, splits), bool(short))

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
            if split in targets.SPLITS and not _states_no_class(path[depth + 1]):
                below[path[:depth], split == "train"].add(path[depth + 1])
        return any(
            searching and found & below.get((parent, False), set())
            for (parent, searching), found in below.items()
        )


def _images_beside_strays(siblings: set[str]) -> str | None:
    """Return the folder with the images, if the others contain masks, labels and the like."""
    images = [name for name in siblings if names.is_images(name)]
    alone = len(images) == 1 and all(n in images or names.is_stray(n) for n in siblings)
    return images[0] if alone else None


def _states_no_class(name: str) -> bool:
    return names.is_images(name) or names.split_of(name) is not None


def _literal(name: str) -> str:
    """Return a folder's name escaped for a layout, in which the words for roles have a meaning."""
    if name in (SPLITS, CLASSES, FLAT, FILE_NAMES):
        return f"[{name[0]}]{name[1:]}"
    return "".join(f"[{c}]" if c in "[*?" else c for c in name)
