"""Strategies over clusters of the pool: target clusters, importance, random, fill.

In: cluster assignments of pool and targets. Out: picks. Quotas are filled one seat at a time
(a divisor sequence), which levels clusters like water and keeps a smaller budget a prefix of a
larger one.
"""

import heapq

import numpy as np

from sept_core.selection import evidence as ev
from sept_core.selection import gate, hierarchy, settings, simple

LARGE_POOL = 1_000_000
"""Above this many images, flat clusters (at most 1,000) are too coarse to spread a subset."""


def target_clusters(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Outcome:
    """Fill clusters with at least `min_targets` targets by water-filling (docs/method.md §3).

    The level of a cluster is its images over the weights of its targets; the share of a cluster
    without further images goes to the others. Inside a cluster, images come in hash order or
    nearest to a target first.
    """
    found = evidence.clusters()
    held = _targets_held(evidence, found, ledger)
    codes = ledger.ground.codes_of_pool(evidence.pool_uids)
    inside = (codes >= 0) & (held[found.pool] >= options.min_targets)
    codes, cluster = codes[inside], found.pool[inside]
    if options.within_cluster == "distance":
        order = found.distance[inside]
    else:
        order = ledger.ground.uniforms(options.seed)[codes]
    weights = _targets_held(evidence, found, ledger, weighted=True)
    taken = _Seats(ledger, codes, cluster, order, weights).fill()
    picks = simple.owned_by_nearest(evidence, ledger, taken)
    return ev.Outcome([picks], "quota")


def random_per_cluster(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Outcome:
    """Take equally many random images from every cluster, ignoring targets, as a baseline.

    In a large pool the clusters are those of a tree, see `hierarchy.balanced`.
    """
    if len(evidence.pool_uids) > LARGE_POOL:
        return hierarchy.balanced(options, evidence, ledger)
    found = evidence.clusters()
    codes = ledger.ground.codes_of_pool(evidence.pool_uids)
    codes, cluster = codes[codes >= 0], found.pool[codes >= 0]
    order = ledger.ground.uniforms(options.seed)[codes]
    weights = np.ones(found.pool.max(initial=-1) + 1, np.int64)
    taken = _Seats(ledger, codes, cluster, order, weights).fill()
    return ev.Outcome([ev.unowned(taken)], "pool_exhausted")


def uses_tree(options: settings.SelectionSettings, evidence: ev.Evidence) -> bool:
    """Return True if `random-per-cluster` samples from a tree here; part of a selection's id."""
    used = [part.strategy for part in options.recipe] or [options.strategy]
    return "random-per-cluster" in used and len(evidence.pool_uids) > LARGE_POOL


def importance(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Outcome:
    """Importance resampling over cluster histograms (DSIR, Xie et al. 2023): Gumbel top-k.

    An image's weight is its cluster's share of the targets (by weight) over its share of the pool.
    One pseudo-target with the distribution of the pool gives every cluster a positive weight. With
    u hashed from seed and uid, the order by log w − log(−log u) is a weighted draw without
    replacement.
    """
    found = evidence.clusters()
    held = _targets_held(evidence, found, ledger, weighted=True)
    held *= _targets_held(evidence, found, ledger).sum() / max(held.sum(), 1e-6)  # mean weight 1
    share = np.bincount(found.pool, minlength=len(held)) / max(len(found.pool), 1)
    log_weight = np.log(held[found.pool] / share[found.pool] + 1)  # up to a common factor
    codes = ledger.ground.codes_of_pool(evidence.pool_uids)
    known = codes >= 0
    gumbel = -np.log(-np.log(ledger.ground.uniforms(options.seed)[codes[known]]))
    taken = ledger.take_ranked(codes[known], log_weight[known] + gumbel)
    return ev.Outcome([simple.owned_by_nearest(evidence, ledger, taken)], "pool_exhausted")


def fill(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Picks:
    """Take random images of the target clusters, then random images of the whole pool."""
    found = evidence.clusters()
    held = _targets_held(evidence, found, ledger)
    codes = ledger.ground.codes_of_pool(evidence.pool_uids)
    near = codes[(codes >= 0) & (held[found.pool] >= options.min_targets)]
    is_near = np.zeros(len(ledger.uids), bool)
    is_near[near] = True
    order = ledger.ground.hashed_order(options.seed)
    parts = [ledger.take_in_order(part) for part in (order[is_near[order]], order)]
    return ev.unowned(np.concatenate(parts), "fill")


class _Seats:
    """The next seat goes to the cluster with the lowest (seats + ½) / weight (Sainte-Laguë).

    At every budget the seats are in proportion to the weights, rounded, among the clusters that
    still have images. One queue per cluster, used in order.
    """

    def __init__(
        self,
        ledger: gate.Ledger,
        codes: np.ndarray,
        cluster: np.ndarray,
        order: np.ndarray,
        weights: np.ndarray,
    ) -> None:
        """Sort candidates into queues.

        Args:
            ledger: the ledger that images are taken from.
            codes: (n,) int64 candidates.
            cluster: (n,) int, the cluster of each.
            order: (n,) float64, ascending in a queue; breaks ties between queues too.
            weights: positive weight by cluster number.
        """
        sorting = np.lexsort((codes, order, cluster))
        numbers, starts = np.unique(cluster[sorting], return_index=True)
        self._codes, self._order = codes[sorting], order[sorting]
        self._starts, self._position = starts.tolist(), starts.tolist()
        self._ends = [*starts[1:].tolist(), len(codes)]
        self._weights = weights[numbers].tolist()
        self._ledger = ledger

    def fill(self) -> np.ndarray:
        """Fill seats until the budget is full or the queues are empty; return the codes taken."""
        seats = [0] * len(self._starts)
        heap = [entry for queue in range(len(seats)) if (entry := self._next(queue, 0))]
        heapq.heapify(heap)
        chosen = []
        while heap and self._ledger.room:
            _, _, code, queue = heapq.heappop(heap)
            if self._ledger.open[code]:
                self._ledger.take(code)
                chosen.append(code)
                seats[queue] += 1
                self._position[queue] += 1
            if (entry := self._next(queue, seats[queue])) is not None:
                heapq.heappush(heap, entry)
        for start, end in zip(self._starts, self._position, strict=True):
            self._ledger.consider(self._codes[start:end])
        return np.array(chosen, np.int64)

    def _next(self, queue: int, seats: int) -> tuple[float, float, int, int] | None:
        """Return (level, order, code, queue) of a cluster's next open image."""
        position = self._position[queue]
        while position < self._ends[queue] and not self._ledger.open[self._codes[position]]:
            position += 1
        self._position[queue] = position
        if position == self._ends[queue]:
            return None
        level = (seats + 0.5) / self._weights[queue]
        return level, float(self._order[position]), int(self._codes[position]), queue


def _targets_held(
    evidence: ev.Evidence, found: ev.Clusters, ledger: gate.Ledger, *, weighted: bool = False
) -> np.ndarray:
    """Count the targets of each cluster, or sum their weights, without vetoed ones."""
    kept = ~np.isin(evidence.target_uids, ledger.vetoed_targets)
    count = max(found.pool.max(initial=-1), found.targets.max(initial=-1)) + 1
    weights = evidence.target_weights[kept] if weighted else None
    return np.bincount(found.targets[kept], weights, minlength=count)
