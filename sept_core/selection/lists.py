"""Neighbour lists in the order in which strategies use them, extended on demand.

In: canonical lists from the evidence, a floor, penalties, local scaling. Out: `Lists` by code.
"""

from dataclasses import dataclass

import numpy as np

from sept_core import errors
from sept_core.selection import evidence as ev
from sept_core.selection import gate, settings
from sept_core.storage import hashing

GROWTH = 4
"""A search for lists four times as long costs little more than one for lists twice as long."""


@dataclass(frozen=True)
class Lists:
    """Neighbour lists at one depth in the order in which targets use them.

    Attributes:
        codes: (T, K) int64 by (−key, code); −1 if a slot is empty or not in the pool.
        keys: (T, K) float64, the ranking key: the similarity, less its penalty, locally scaled;
            −inf below the floor.
        similarity: (T, K) float64, the unmodified cosine.
        ranks: (T, K) int32, rank in the canonical list, from 1.
        ends: (T,) int64, number of leading entries that a longer list cannot displace.
        ended_by: (T,) S5, reason why the list ends: `floor`, `pool`, `cap`; empty if a longer list
            may have more.
    """

    codes: np.ndarray
    keys: np.ndarray
    similarity: np.ndarray
    ranks: np.ndarray
    ends: np.ndarray
    ended_by: np.ndarray


def floors(options: settings.SelectionSettings, evidence: ev.Evidence) -> list[tuple[str, float]]:
    """Return (phase, cosine) of the floor and of the lower ones requested; −inf for no floor."""
    steps = [("core", options.floor_percentile)]
    steps += [("expand", percentile) for percentile in options.expand_percentiles]
    found = []
    for phase, percentile in steps:
        cosine = None if percentile is None else evidence.floor_similarity(percentile)
        found.append((phase, -np.inf if cosine is None else cosine))
    return found


class ListSource:
    """Source of ever longer lists, in the order in which targets use them."""

    def __init__(
        self,
        options: settings.SelectionSettings,
        evidence: ev.Evidence,
        ledger: gate.Ledger,
        *,
        depth: int,
        scaled: bool,
    ) -> None:
        """Start at `depth` images per target; `scaled` ranks by local scaling.

        Raises:
            InputError: every target is vetoed, or there is none.
        """
        kept = ~np.isin(evidence.target_uids, ledger.vetoed_targets)
        self.targets = np.sort(evidence.target_uids[kept])
        if not len(self.targets):
            raise errors.InputError(
                "No target image is left to search with; add targets or undo target vetoes."
            )
        self._depth = min(depth, options.max_neighbours)
        self._cap = options.max_neighbours
        self._evidence = evidence
        self._ledger = ledger
        self._scaling = _Scaled(evidence, ledger, self.targets) if scaled else None

    def lists(self, floor: float) -> Lists:
        """Return the lists at the current depth, cut at a floor on the unmodified similarity."""
        found = self._evidence.neighbours(self._depth)
        rows = _rows_of(self.targets, found.targets)
        similarity = found.similarity[rows]
        codes = self._ledger.ground.codes_of_lists(found.uids)[rows]
        ended_by = self._ended_by(similarity, found.complete, floor)
        bare = np.where((similarity >= floor) & (codes >= 0), similarity, -np.inf)
        ranks = np.broadcast_to(np.arange(1, codes.shape[1] + 1, dtype=np.int32), codes.shape)
        ends = ((similarity >= floor) & ~np.isneginf(similarity)).sum(axis=1)
        canonical = Lists(codes, bare, similarity, ranks, ends, ended_by)
        if self._scaling is None and not self._ledger.penalty.any():
            return canonical
        return self._reranked(canonical)

    def grow(self) -> None:
        """Lengthen the lists by `GROWTH`, up to the cap."""
        self._depth = min(GROWTH * self._depth, self._cap)

    def _ended_by(self, similarity: np.ndarray, complete: bool, floor: float) -> np.ndarray:
        used = ~np.isneginf(similarity)
        reasons = np.full(len(similarity), b"cap" if self._depth >= self._cap else b"", "S5")
        reasons[~used.all(axis=1)] = b"cap"  # the approximate index found no more
        if complete:
            reasons[:] = b"pool"
        reasons[(used & (similarity < floor)).any(axis=1)] = b"floor"
        return reasons

    def _reranked(self, canonical: Lists) -> Lists:
        """Order by penalised, scaled similarity; end before an unseen image could rank higher."""
        keys = canonical.keys - self._ledger.penalty[canonical.codes]
        if self._scaling is not None:
            scaling = self._scaling
            keys = 2 * keys - scaling.targets[:, None] - scaling.pool[canonical.codes]
        keys = np.round(keys, 6)
        order = np.lexsort((canonical.codes, -keys), axis=-1)
        codes, keys, similarity, ranks = (
            np.take_along_axis(values, order, axis=1)
            for values in (canonical.codes, keys, canonical.similarity, canonical.ranks)
        )
        unseen = self._best_unseen(canonical.similarity[:, -1], canonical.ended_by)
        ends = (keys > unseen[:, None]).sum(axis=1)
        return Lists(codes, keys, similarity, ranks, ends, canonical.ended_by)

    def _best_unseen(self, last: np.ndarray, ended_by: np.ndarray) -> np.ndarray:
        """Return (T,) the best key possible for an image beyond the list; −inf if none follows."""
        best = last
        if self._scaling is not None:
            best = 2 * best - self._scaling.targets - self._scaling.pool.min()
        return np.where(ended_by == b"", np.round(best, 6), -np.inf)


def count_targets(lists: Lists, codes: np.ndarray, ranks: np.ndarray, pool: int) -> np.ndarray:
    """Return (n,) int32, the number of targets that hold each image at the owner's rank or better.

    Counting up to that rank makes the number independent of the length of the lists.

    Args:
        lists: lists at least as long as the highest rank.
        codes: (n,) int64, images picked.
        ranks: (n,) int32, their ranks in the owners' lists.
        pool: number of codes.
    """
    wanted = np.zeros(pool + 1, np.int32)  # code −1 indexes the last entry, which is never wanted
    wanted[codes] = ranks
    held = (lists.ranks <= wanted[lists.codes]) & (lists.keys > -np.inf)
    counts = np.bincount(lists.codes[held], minlength=pool).astype(np.int32)
    return np.asarray(counts[codes])


def short_because(lists: Lists) -> str:
    """Return the reason why the lists end: the cap first, since a higher one could give more."""
    reasons = set(lists.ended_by.tolist())
    if b"cap" in reasons:
        return "neighbour_cap"
    return "similarity_floor" if b"floor" in reasons else "pool_exhausted"


class _Scaled:
    """r_t by row of the sorted targets and r_x by code."""

    def __init__(self, evidence: ev.Evidence, ledger: gate.Ledger, targets: np.ndarray) -> None:
        scaling = evidence.scaling()
        self.targets = scaling.targets[_rows_of(targets, evidence.target_uids)]
        codes = ledger.codes_of(evidence.pool_uids)
        self.pool = np.full(len(ledger.uids), np.inf)  # never the minimum, never in a list
        self.pool[codes[codes >= 0]] = scaling.pool[codes >= 0]


def weights_of(evidence: ev.Evidence, targets: np.ndarray) -> np.ndarray:
    """Return (n,) float64, the weights of some of the evidence's targets."""
    weights: np.ndarray = evidence.target_weights[_rows_of(targets, evidence.target_uids)]
    return weights


def _rows_of(wanted: np.ndarray, uids: np.ndarray) -> np.ndarray:
    """Return the rows of `uids` that hold the `wanted` ones."""
    order = np.argsort(uids, kind="stable")
    place = hashing.places_among(uids[order], wanted)
    assert (place >= 0).all(), "lists or scaling lack a target"
    rows: np.ndarray = order[place]
    return rows
