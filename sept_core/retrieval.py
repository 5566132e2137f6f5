"""Neighbour lists of targets in the pool, and what is derived from them.

In: the pool's feature store, target vectors with their uids. Out: `Neighbours` (canonical
lists by uid, METHOD §2), each image's nearest target, locally scaled similarities
(METHOD §3) and the background distribution that gives a similarity floor its meaning.
"""

from dataclasses import dataclass

import numpy as np

from sept_core import files
from sept_core.features import FeatureStore
from sept_core.index import exact


@dataclass(frozen=True)
class Neighbours:
    """For each target its most similar pool images, by (−similarity, uid).

    `targets` (T,) S32; `uids` (T, K) S32, b"" where a list is shorter than K; `similarity`
    (T, K) float64 cosines rounded to 1e-6, −inf there. `complete`: the lists hold every
    allowed pool image, so that a longer K would add nothing. `recall` is the index's
    measured recall, 1 for exact search; `index_id` names the index, None for exact search.
    """

    targets: np.ndarray
    uids: np.ndarray
    similarity: np.ndarray
    complete: bool
    recall: float = 1.0
    index_id: str | None = None


def find_neighbours(
    store: FeatureStore,
    queries: np.ndarray,
    query_uids: np.ndarray,
    k: int,
    *,
    allowed: np.ndarray | None = None,
    device: str = "auto",
    block_rows: int | None = None,
) -> Neighbours:
    """Find the k nearest allowed pool images of each target.

    Args:
        store: the pool's features.
        queries: (T, D) unit vectors of the targets.
        query_uids: (T,) S32.
        k: images a list; pass more (twice as many) to extend the lists.
        allowed: (N,) bool over the store's rows; None allows all.
        device: "cpu", "cuda" or "auto".
        block_rows: vectors in memory at once; never changes the result.

    Raises:
        InputError: k, queries or mask do not fit the store.
    """
    lists = exact.search(store, queries, k, allowed=allowed, device=device, block_rows=block_rows)
    most = len(store) if allowed is None else int(allowed.sum())
    targets = np.asarray(query_uids, files.UID_DTYPE)
    return Neighbours(targets, lists.uids, lists.similarity, complete=k >= most)
