"""Balanced sampling from hierarchical k-means (Vo et al. 2024, Automatic data curation for
self-supervised learning: a clustering-based approach).

In: a tree of clusters of the pool. Out: picks. Each next image comes from the branch with the
fewest images so far, level by level down to a cluster, and there in hash order; the share of an
empty branch goes to its siblings. Like water-filling, this keeps a smaller budget a prefix.
"""

import heapq

import numpy as np

from sept_core.selection import evidence as ev
from sept_core.selection import gate, settings
from sept_core.storage import hashing


def balanced(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Outcome:
    """Take equally many random images from every branch of the tree, ignoring targets."""
    leaves, top = _grow(options.seed, evidence, ledger)
    chosen = []
    while ledger.room and (code := top.next()) is not None:
        ledger.take(code)
        chosen.append(code)
    for leaf in leaves:
        ledger.consider(leaf.seen())
    return ev.Outcome([ev.unowned(np.array(chosen, np.int64))], "pool_exhausted")


class _Leaf:
    """The images of a lowest cluster, in hash order."""

    def __init__(self, codes: np.ndarray, ledger: gate.Ledger) -> None:
        self._codes, self._open = codes, ledger.open
        self._position = 0

    def next(self) -> int | None:
        """Return the next open image, None if there is none."""
        while self._position < len(self._codes):
            self._position += 1
            code = int(self._codes[self._position - 1])
            if self._open[code]:
                return code
        return None

    def seen(self) -> np.ndarray:
        """Return the codes looked at."""
        return self._codes[: self._position]


class _Branch:
    """A cluster of clusters: the child with the fewest images comes next, ties in hash order."""

    def __init__(self, children: list["tuple[float, _Leaf | _Branch]"]) -> None:
        ordered = sorted(children, key=lambda child: child[0])
        self._children = [child for _, child in ordered]
        self._heap = [(0, place) for place in range(len(ordered))]

    def next(self) -> int | None:
        """Return the next open image, None if there is none."""
        while self._heap:
            images, place = self._heap[0]
            code = self._children[place].next()
            if code is not None:
                heapq.heapreplace(self._heap, (images + 1, place))
                return code
            heapq.heappop(self._heap)
        return None


def _grow(
    seed: int, evidence: ev.Evidence, ledger: gate.Ledger
) -> tuple[list[_Leaf], _Leaf | _Branch]:
    """Build the tree over the pool images of the ledger; return its leaves and its root."""
    tree = evidence.tree()
    codes = ledger.codes_of(evidence.pool_uids)
    inside = np.flatnonzero(codes >= 0)
    order = inside[hashing.hashed_order(seed, evidence.pool_uids[inside])]
    order = order[np.argsort(tree.leaves[order], kind="stable")]
    numbers, starts = np.unique(tree.leaves[order], return_index=True)
    queues = np.split(codes[order], starts[1:]) if len(order) else []
    leaves = [_Leaf(queue, ledger) for queue in queues]
    level: dict[int, _Leaf | _Branch] = dict(zip(numbers.tolist(), leaves, strict=True))
    for height, parents in enumerate(tree.parents):
        level = _joined(level, parents, seed, height)
    return leaves, _Branch(_hashed(level, seed, len(tree.parents)))


def _joined(
    level: "dict[int, _Leaf | _Branch]", parents: np.ndarray, seed: int, height: int
) -> "dict[int, _Leaf | _Branch]":
    """Return the next higher level: the clusters of each parent as one branch."""
    below: dict[int, dict[int, _Leaf | _Branch]] = {}
    for number, child in level.items():
        below.setdefault(int(parents[number]), {})[number] = child
    return {parent: _Branch(_hashed(part, seed, height)) for parent, part in below.items()}


def _hashed(
    level: "dict[int, _Leaf | _Branch]", seed: int, height: int
) -> list[tuple[float, _Leaf | _Branch]]:
    """Return the clusters of a level with their places in hash order."""
    return [
        (hashing.hashed_uniform(seed, f"{height}:{number}"), child)
        for number, child in level.items()
    ]
