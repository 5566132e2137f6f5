"""Canonical neighbour lists: how they are ordered, merged and compared.

In: scored candidates (query, row, uid, similarity in millionths). Out: `Lists` by
(−similarity, uid), the order that docs/method.md §2 asks of every list.
"""

from dataclasses import dataclass

import numpy as np

from sept_core.index import cosine
from sept_core.storage import hashing


@dataclass(frozen=True)
class Lists:
    """The nearest rows of each query, best first: by (−similarity, uid).

    `rows` (T, k) int64 store rows, −1 where a list is shorter; `uids` (T, k) S32, b"" there;
    `similarity` (T, k) float64 cosines rounded to 1e-6, −inf there.
    """

    rows: np.ndarray
    uids: np.ndarray
    similarity: np.ndarray

    def part(self, queries: slice) -> "Lists":
        """The lists of some of the queries."""
        return Lists(self.rows[queries], self.uids[queries], self.similarity[queries])


class Best:
    """The k best of every query so far, kept as flat columns in canonical order."""

    def __init__(self, queries: int, k: int) -> None:
        self.k = k
        self._queries = queries
        self._owner = np.empty(0, np.int64)
        self._rows = np.empty(0, np.int64)
        self._uids = np.empty(0, hashing.UID_DTYPE)
        self._micro = np.empty(0, np.int64)
        self._kth = np.full(queries, -np.inf)

    def kth(self, queries: np.ndarray) -> np.ndarray:
        """(t,) similarity of each query's last place, −inf while places are free."""
        kth: np.ndarray = self._kth[queries]
        return kth

    def counts(self) -> np.ndarray:
        """(T,) int64 candidates held for each query."""
        return np.bincount(self._owner, minlength=self._queries)

    def forget(self, queries: np.ndarray) -> None:
        """Empty the lists of `queries`."""
        gone = np.zeros(self._queries, bool)
        gone[queries] = True
        self._keep(np.flatnonzero(~gone[self._owner]))
        self._kth[queries] = -np.inf

    def add(self, owner: np.ndarray, rows: np.ndarray, uids: np.ndarray, micro: np.ndarray) -> None:
        """Merge candidates in; candidates behind the k-th place of their query are dropped."""
        if not len(owner):
            return
        self._owner = np.concatenate([self._owner, owner])
        self._rows = np.concatenate([self._rows, rows])
        self._uids = np.concatenate([self._uids, uids])
        self._micro = np.concatenate([self._micro, micro])
        order = canonical_order(self._owner, self._micro, self._uids)
        rank = _rank_in_group(self._owner[order])
        self._keep(order[rank < self.k])
        full = rank[rank < self.k] == self.k - 1
        self._kth[self._owner[full]] = self._micro[full] / cosine.MICRO

    def _keep(self, order: np.ndarray) -> None:
        self._owner, self._rows = self._owner[order], self._rows[order]
        self._uids, self._micro = self._uids[order], self._micro[order]

    def lists(self) -> Lists:
        shape = (self._queries, self.k)
        rows, similarity = np.full(shape, -1, np.int64), np.full(shape, -np.inf)
        uids = np.zeros(shape, hashing.UID_DTYPE)
        order = np.argsort(self._owner, kind="stable")  # extended lists came in later
        owner = self._owner[order]
        place = owner, _rank_in_group(owner)
        rows[place], uids[place] = self._rows[order], self._uids[order]
        similarity[place] = self._micro[order] / cosine.MICRO
        return Lists(rows, uids, similarity)


def canonical_order(owner: np.ndarray, micro: np.ndarray, uids: np.ndarray) -> np.ndarray:
    """Row numbers that sort by (owner, −micro, uid): the order of every list in SEPT.

    Both numbers go into one key, for one fast sort; bytes are compared among ties only.
    """
    key = owner * (2 * cosine.MICRO + 1) + (cosine.MICRO - micro)
    order = np.argsort(key, kind="stable")
    same = key[order[1:]] == key[order[:-1]]
    if same.any():
        tied = np.flatnonzero(np.r_[same, False] | np.r_[False, same])
        among = order[tied]
        order[tied] = among[np.lexsort((uids[among], key[among]))]
    return order


def _rank_in_group(owner: np.ndarray) -> np.ndarray:
    """0, 1, 2, … within each run of equal values of a sorted array."""
    if not len(owner):
        return np.empty(0, np.int64)
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    return np.arange(len(owner)) - np.repeat(starts, np.diff(np.r_[starts, len(owner)]))


def recall(found: Lists, truth: Lists) -> float:
    """Share of the true neighbours that were found; 1 where there are none to find."""
    wanted = truth.rows >= 0
    hits = sum(
        len(np.intersect1d(mine[mine >= 0], true[true >= 0]))
        for mine, true in zip(found.rows, truth.rows, strict=True)
    )
    return hits / int(wanted.sum()) if wanted.any() else 1.0
