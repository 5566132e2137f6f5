"""Neighbour lists of targets in the pool, and data derived from them.

In: the pool's feature store, target vectors with their uids. Out: `Neighbours` (canonical
lists by uid, docs/method.md §2), each image's nearest target, the radii of local
scaling (docs/method.md §3), and the background distribution that defines similarity floors.
"""

from dataclasses import dataclass

import numpy as np

from sept_core import errors
from sept_core.features.feature_store import FeatureStore
from sept_core.index import among, cosine, graph, ivf, search
from sept_core.retrieval import scoring
from sept_core.storage import hashing

RADIUS_NEIGHBOURS = 10
"""docs/method.md §3: local scaling takes the mean similarity to this many nearest images."""

CHUNK_ROWS = 2048
"""Number of vectors that are compared with all targets in one block."""


@dataclass(frozen=True)
class Neighbours:
    """Most similar pool images of each target, by (−similarity, uid).

    `targets` (T,) S32; `uids` (T, K) S32, b"" if a list is shorter than K; `similarity` (T, K)
    float64 cosines rounded to 1e-6, −inf there. `complete`: the lists hold every allowed pool
    image, so that a larger K would add nothing. `recall` is the index's measured recall, 1 for
    exact search; `index_id` names the index, None for exact search.
    """

    targets: np.ndarray
    uids: np.ndarray
    similarity: np.ndarray
    complete: bool
    recall: float = 1.0
    index_id: str | None = None


@dataclass(frozen=True)
class NearestTargets:
    """Most similar target of each queried image (lowest uid among equals).

    `target_uids` (n,) S32; `similarity` (n,) float64 cosines rounded to 1e-6.
    """

    target_uids: np.ndarray
    similarity: np.ndarray


def find_neighbours(
    store: FeatureStore,
    queries: np.ndarray,
    query_uids: np.ndarray,
    k: int,
    *,
    allowed: np.ndarray | None = None,
    index: ivf.Index | None = None,
    device: str = "auto",
    block_rows: int | None = None,
) -> Neighbours:
    """Find the k nearest allowed pool images of each target, exactly unless an index is given.

    Args:
        store: the pool's features.
        queries: (T, D) unit vectors of the targets.
        query_uids: (T,) S32.
        k: images per list; request twice as many to extend the lists.
        allowed: (N,) bool over the store's rows; None allows all.
        index: an approximate index of this store; None scans it.
        device: "cpu", "cuda", "auto" or "ray", for the scan.
        block_rows: vectors in memory while scanning; never changes the result.

    Raises:
        InputError: k, queries or mask do not match the store.
        IntegrityError: the index belongs to other features.
    """
    targets = np.asarray(query_uids, hashing.UID_DTYPE)
    if index is not None:
        found = index.search(store, queries, k, allowed=allowed)
        return Neighbours(targets, found.uids, found.similarity, False, index.recall, index.id)
    found = search.nearest(store, queries, k, allowed, device, block_rows)
    most = len(store) if allowed is None else int(allowed.sum())
    return Neighbours(targets, found.uids, found.similarity, complete=k >= most)


def nearest_targets(
    store: FeatureStore, uids: np.ndarray, queries: np.ndarray, query_uids: np.ndarray
) -> NearestTargets:
    """Find the most similar target of each given pool image: provenance for picks by score.

    Args:
        store: the pool's features.
        uids: (n,) S32 pool images.
        queries: (T, D) unit vectors of the targets, T ≥ 1.
        query_uids: (T,) S32.

    Raises:
        NotFoundError: an image is not in the store.
    """
    order = np.argsort(query_uids)
    targets = np.asarray(query_uids, hashing.UID_DTYPE)[order]
    ordered = among.Among(cosine.as_stored(queries)[order])
    nearest = np.empty(len(uids), hashing.UID_DTYPE)
    similarity = np.empty(len(uids))
    for low in range(0, len(uids), CHUNK_ROWS):
        part = slice(low, low + CHUNK_ROWS)
        places, similarity[part] = ordered.nearest(store.vectors_of(uids[part]))
        nearest[part] = targets[places]
    return NearestTargets(nearest, similarity)


# The two radii of local scaling, docs/method.md §3: s' = 2s − r_t − r_x.


def target_radius(neighbours: Neighbours) -> np.ndarray:
    """Return (T,) float64, r_t: mean similarity of each target to its 10 nearest pool images."""
    return _mean_of_known(neighbours.similarity[:, :RADIUS_NEIGHBOURS])


def pool_radius(pool: graph.Graph, uids: np.ndarray) -> np.ndarray:
    """Return (n,) float64, r_x: mean similarity of each of `uids` to its 10 nearest in the pool.

    Raises:
        IntegrityError: the graph lacks one of them.
    """
    return _mean_of_known(pool.similarity[pool.positions(uids), :RADIUS_NEIGHBOURS])


# The scale of the similarity floor.


def background_similarities(
    store: FeatureStore, queries: np.ndarray, seed: int, n: int = 2000
) -> np.ndarray:
    """Compute similarities of all targets to a random part of the pool, sorted, for floors.

    Cosines are not comparable between encoders, their percentiles here are: 99 means more similar
    than 99% of (target, random pool image) pairs.

    Args:
        store: the pool's features.
        queries: (T, D) unit vectors of the targets.
        seed: random seed of the hashed sample.
        n: number of sampled pool images.

    Returns:
        (T·min(n, N),) float64, ascending.
    """
    sample = store.vectors_of(scoring.background_sample(store, seed, n))
    return np.sort(cosine.cosines(cosine.as_stored(queries), sample), axis=None)


def similarity_at(background: np.ndarray, percentile: float) -> float:
    """Return the similarity at a percentile (0 to 100) of `background_similarities`.

    Raises:
        InputError: the percentile is out of range or the background is empty.
    """
    if not 0 <= percentile <= 100 or not len(background):
        raise errors.InputError(
            f"a similarity floor at percentile {percentile} cannot be computed from "
            f"{len(background)} background similarities; use 0 to 100 and a pool with features."
        )
    return float(np.percentile(background, percentile, method="higher"))


def _mean_of_known(similarity: np.ndarray) -> np.ndarray:
    """Return (n,) float64 row means over finite entries, rounded to 1e-6; 0 if there are none."""
    known = np.isfinite(similarity)
    total = np.where(known, similarity, 0.0).sum(axis=1, dtype=np.float64)
    mean: np.ndarray = np.round(total / np.maximum(known.sum(axis=1), 1), 6)
    return mean
