"""Coverage: lazy greedy on Σ_t v_t·√Σ_{s∈S} w_ts over the neighbour graph (docs/method.md §3).

In: neighbour lists, target weights. Out: picks in greedy order. The root makes a target's tenth
image worth less than another target's first.
"""

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sept_core.selection import evidence as ev
from sept_core.selection import gate, lists, settings

FIRST_DEPTH = 256
"""Initial degree of the graph; fixed, so that the picks of a budget are a prefix of a larger one's.
    """

SMALLEST_WEIGHT = 1e-6
"""Smallest positive similarity: similarities are rounded to 1e-6."""


def lazy_greedy(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Outcome:
    """Select greedily over the graph; when all its images are taken, over a graph twice as deep.

    w_ts is the similarity (less its penalty), an edge where it is positive and above the floor; v_t
    is the weight of the target.
    Gains only fall as images are taken, so an old gain is an upper bound and only the front of the
    heap must be recomputed.
    """
    source = lists.ListSource(options, evidence, ledger, depth=FIRST_DEPTH, scaled=False)
    covered = _Covered(lists.weights_of(evidence, source.targets))
    picks: list[ev.Picks] = []
    for phase, floor in lists.floors(options, evidence):
        found = source.lists(max(floor, SMALLEST_WEIGHT))
        while ledger.room:
            graph = _Graph.of(found)
            taken = _greedy(graph, covered, ledger)
            picks.append(_provenance(graph, taken, found, source.targets, ledger, phase))
            if not ledger.room or (found.ended_by != b"").all():
                break
            source.grow()
            found = source.lists(max(floor, SMALLEST_WEIGHT))
    return ev.Outcome(picks, lists.short_because(found))


@dataclass(frozen=True)
class _Graph:
    """Edges sorted by (code, −similarity, target row); node i has edges starts[i]:starts[i + 1].

    Attributes:
        codes: (n,) int64, ascending, the images that some target holds.
        starts: (n + 1,) int64.
        rows: (E,) int64, target rows; a node's first is the target it is most similar to.
        weights: (E,) float64 ≥ 0.
        places: (E,) int64, position in the target's list.
    """

    codes: np.ndarray
    starts: np.ndarray
    rows: np.ndarray
    weights: np.ndarray
    places: np.ndarray

    @classmethod
    def of(cls, found: lists.Lists) -> "_Graph":
        rows, places = np.nonzero(found.keys > -np.inf)
        codes, similarity = found.codes[rows, places], found.similarity[rows, places]
        order = np.lexsort((rows, -similarity, codes))
        rows, places = rows[order], places[order]
        nodes, starts = np.unique(codes[order], return_index=True)
        weights = np.maximum(found.keys[rows, places], 0)
        return cls(nodes, np.append(starts, len(rows)), rows, weights, places)


class _Covered:
    """Coverage of each target so far, and its term of the objective: weight · √coverage."""

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights.tolist()
        self.sums = [0.0] * len(weights)
        self.terms = [0.0] * len(weights)

    def term_with(self, row: int, more: float) -> float:
        term: float = self.weights[row] * math.sqrt(self.sums[row] + more)
        return term

    def add(self, row: int, more: float) -> None:
        self.sums[row] += more
        self.terms[row] = self.term_with(row, 0.0)


def _greedy(graph: _Graph, covered: _Covered, ledger: gate.Ledger) -> np.ndarray:
    """Return the nodes of the graph in the order taken; adds their edges to `covered`."""
    starts, terms, term_with = graph.starts.tolist(), covered.terms, covered.term_with

    def edges(node: int) -> Iterator[tuple[int, float]]:
        part = slice(starts[node], starts[node + 1])
        return zip(graph.rows[part].tolist(), graph.weights[part].tolist(), strict=True)

    def gain(node: int) -> float:
        # Most images have few edges: a plain loop beats arrays by far.
        gained = [term_with(row, weight) - terms[row] for row, weight in edges(node)]
        return round(sum(gained), 9)

    heap = [(-gain(node), node) for node in range(len(graph.codes))]
    heapq.heapify(heap)
    taken, looked = [], []
    while heap and ledger.room:
        node = heap[0][1]
        code = int(graph.codes[node])
        if ledger.open[code]:
            entry = (-gain(node), node)
            if any(entry > other for other in heap[1:3]):  # contains the heap's second best
                heapq.heapreplace(heap, entry)
                continue
            ledger.take(code)
            for row, weight in edges(node):
                covered.add(row, weight)
            taken.append(node)
        looked.append(code)
        heapq.heappop(heap)
    ledger.consider(np.array(looked, np.int64))
    return np.array(taken, np.int64)


def _provenance(
    graph: _Graph,
    nodes: np.ndarray,
    found: lists.Lists,
    targets: np.ndarray,
    ledger: gate.Ledger,
    phase: str,
) -> ev.Picks:
    """Assign each image to the most similar target among those whose lists hold it."""
    owner = graph.starts[nodes]
    codes, rows, places = graph.codes[nodes], graph.rows[owner], graph.places[owner]
    ranks = found.ranks[rows, places]
    return ev.Picks(
        codes=codes,
        targets=targets[rows],
        ranks=ranks,
        similarity=found.similarity[rows, places],
        n_targets=lists.count_targets(found, codes, ranks, len(ledger.uids)),
        phase=phase,
    )
