"""Advice on the budget, from neighbour lists alone and before anything is selected.

In: canonical neighbour lists. Out: how similarity falls with rank, how many distinct images a
depth brings, where a larger depth stops paying, and when another strategy suits better.
"""

from dataclasses import dataclass

import numpy as np

from sept_core.selection import evidence as ev

IMAGES_PER_TARGET = 200
"""docs/method.md §3: above this many images per target, clusters work better than lists."""

KNEE_DEPTH = 100
"""Ranks of each list in which the knee is looked for, whatever the budget and the depth shown."""

CLEAR_KNEE = 0.1
"""A curve that stays this close to a straight line has no knee worth naming."""


@dataclass(frozen=True)
class Advice:
    """Data of the budget slider; all arrays are by rank, from 1.

    Attributes:
        quartiles: (K, 3) float64, lower quartile, median and upper quartile over the targets of
            the similarity at each rank; NaN if no list is that long.
        budgets: (K,) int64, distinct pool images among the lists' first ranks: the budget that
            instance search fills from about that depth.
        flattens_at: the budget beyond which the similarity to the targets falls only slowly,
            because the rest of the pool is about equally similar: the knee of the median
            similarity over the first `KNEE_DEPTH` ranks. None without a knee.
        hint: a sentence about the strategy, or None.
    """

    quartiles: np.ndarray
    budgets: np.ndarray
    flattens_at: int | None
    hint: str | None


def advise(neighbours: ev.Neighbours, budget: int | None = None) -> Advice:
    """Compute advice from the neighbour lists of all targets.

    Args:
        neighbours: lists of T ≥ 1 targets, preferably without vetoed ones; at least `KNEE_DEPTH`
            long, unless the pool is smaller.
        budget: the budget considered, for the hint.
    """
    quartiles = _quartiles(neighbours.similarity)
    budgets = _distinct_by_rank(neighbours.uids)
    place = knee(budgets[:KNEE_DEPTH], quartiles[:KNEE_DEPTH, 1])
    return Advice(
        quartiles=quartiles,
        budgets=budgets,
        flattens_at=None if place is None else int(budgets[place]),
        hint=hint(len(neighbours.targets), budget),
    )


def knee(x: np.ndarray, y: np.ndarray) -> int | None:
    """Find the index where a curve turns flat (Kneedle, Satopää et al. 2011), None if straight.

    Both axes are scaled to 0..1; the knee is the point farthest below the chord.

    Args:
        x: (n,) ascending.
        y: (n,) float64; NaN entries are skipped.
    """
    known = np.flatnonzero(~np.isnan(y))
    if len(known) < 3 or np.ptp(x[known]) == 0 or np.ptp(y[known]) == 0:
        return None
    across = (x[known] - x[known[0]]) / np.ptp(x[known])
    height = (y[known] - y[known].min()) / np.ptp(y[known])
    below = 1 - across - height
    best = int(below.argmax())
    return int(known[best]) if below[best] >= CLEAR_KNEE else None


def _quartiles(similarity: np.ndarray) -> np.ndarray:
    used = np.where(np.isneginf(similarity), np.nan, similarity)
    reached = ~np.isnan(used).all(axis=0)
    quartiles = np.full((similarity.shape[1], 3), np.nan)
    quartiles[reached] = np.nanpercentile(used[:, reached], [25, 50, 75], axis=0).T
    return quartiles


def _distinct_by_rank(uids: np.ndarray) -> np.ndarray:
    """Return (K,) int64: distinct images among the first 1, 2, … K columns."""
    by_rank = uids.T.ravel()  # all first ranks, then all second ranks, …
    found, first = np.unique(by_rank, return_index=True)
    ranks = first[found != ev.NO_UID] // max(len(uids), 1)
    return np.cumsum(np.bincount(ranks, minlength=uids.shape[1])).astype(np.int64)


def hint(targets: int, budget: int | None) -> str | None:
    """Suggest another strategy where a budget is large for the number of targets."""
    if budget is None or budget <= IMAGES_PER_TARGET * targets:
        return None
    return (
        f"A budget of {budget} images for {targets} targets is more than {IMAGES_PER_TARGET} per "
        "target; the strategy 'clusters' suits such a budget better than neighbour lists."
    )
