"""Scores and clusters for whole pools: one number per image, in one pass over the store.

In: the pool's feature store, target vectors, the uids of a random background. Out: `Scores`
or `Clusters` by uid, for the strategies of docs/method.md §3 that do not use neighbour lists.

Every number is a function of only one image's stored vector, in arithmetic whose sums are exact
(`index.cosine`), and is rounded to 1e-6, so that block size and shard layout do not affect it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import faiss
import numpy as np

from sept_core import errors
from sept_core.features.feature_store import FeatureStore
from sept_core.index import among, blocks, cosine, sharded
from sept_core.jobs import ray_cluster
from sept_core.storage import hashing

BLOCK_ROWS = 16384
"""Number of rows that are scored in one block."""

Columns = list[tuple[np.ndarray, ...]]
Function = Callable[[blocks.Block], tuple[np.ndarray, ...]]

TRAINING_POINTS = 256
"""Sampled images per k-means centroid; more hardly change the centroids."""

BRANCHES, FEWEST_BRANCHES = 10, 3
"""Clusters of one level per cluster of the next higher one, and clusters of the highest level at
least."""


@dataclass(frozen=True)
class Scores:
    """`uids` (N,) S32 and `values` (N,) float64, higher is better, rounded to 1e-6."""

    uids: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Clusters:
    """A k-means of the pool on the sphere.

    `centroids` (k, D) float16 unit vectors; `uids` (N,) S32; `assignment` (N,) int32, the
    nearest centroid; `similarity` (N,) float64, the cosine to it, rounded to 1e-6.
    """

    centroids: np.ndarray
    uids: np.ndarray
    assignment: np.ndarray
    similarity: np.ndarray


def background_sample(store: FeatureStore, seed: int, n: int) -> np.ndarray:
    """Draw (≤ n,) S32: a random sample of the pool by hashed uid, sorted, equal for any layout."""
    return np.sort(store.uids[hashing.hashed_order(seed, store.uids)[:n]])


def hub_corrected(
    store: FeatureStore,
    queries: np.ndarray,
    background: np.ndarray,
    k: int = 10,
    *,
    block_rows: int = BLOCK_ROWS,
    device: str = "auto",
) -> Scores:
    """Compute the mean similarity to the k nearest targets, minus that to a background's.

    The difference ranks images down that are close to everything (docs/method.md §3). An image of
    the background is not its own neighbour.

    Args:
        store: the pool's features.
        queries: (T, D) unit vectors of the targets.
        background: (B,) S32 pool uids, see `background_sample`.
        k: neighbours on each side, or fewer if there are not as many.
        block_rows: images scored in one block; never changes the result.
        device: "ray" for the machines of a cluster; never changes the result.
    """
    targets = _Reference(cosine.as_stored(queries), k)
    crowd = _Reference(store.vectors_of(background), k, background)
    return _score_all(
        store,
        lambda block: targets.mean_of_nearest(block) - crowd.mean_of_nearest(block),
        block_rows,
        device,
    )


def classifier(
    store: FeatureStore,
    queries: np.ndarray,
    background: np.ndarray,
    C: float = 1.0,  # noqa: N803 (its name everywhere else)
    *,
    block_rows: int = BLOCK_ROWS,
    device: str = "auto",
) -> Scores:
    """Compute the log-odds of being a target rather than a random pool image (docs/method.md §3).

    Logistic regression from positive and unlabelled examples. The fit has no randomness and sees
    its examples in an order that depends only on their content.

    Args:
        store: the pool's features.
        queries: (T, D) unit vectors of the targets.
        background: (B,) S32 pool uids, see `background_sample`.
        C: inverse strength of the L2 penalty, as in scikit-learn.
        block_rows: images scored in one block; never changes the result.
        device: "ray" for the machines of a cluster; never changes the result.
    """
    from sklearn.linear_model import LogisticRegression  # 1 s to import, for this strategy only

    positive = _by_content(cosine.as_stored(queries))
    negative = _by_content(store.vectors_of(background))
    examples = np.concatenate([positive, negative]).astype(np.float64)
    labels = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
    model = LogisticRegression(C=C, max_iter=1000).fit(examples, labels)
    weights = _exactly_summable(model.coef_[0])
    intercept = float(model.intercept_[0])
    return _score_all(
        store,
        lambda block: block.vectors.astype(np.float64) @ weights + intercept,
        block_rows,
        device,
    )


def kmeans(
    store: FeatureStore,
    k: int,
    seed: int,
    *,
    block_rows: int = BLOCK_ROWS,
    rounds: int = 20,
    device: str = "auto",
) -> Clusters:
    """Cluster the pool: centroids from a hashed sample, then one pass to assign every image.

    On a cluster (device "ray") the machines share that pass; the result is the same.

    Raises:
        InputError: the pool holds fewer than k images.
    """
    if not 1 <= k <= len(store):
        raise errors.InputError(
            f"{k} clusters cannot be made from {len(store)} images; ask for 1 to {len(store)}."
        )
    sample = store.vectors_of(background_sample(store, seed, TRAINING_POINTS * k))
    centroids = _centroids(sample, k, seed, rounds)
    those = among.Among(centroids)
    found = _over_blocks(store, lambda block: those.nearest(block.vectors), block_rows, device)
    uids, assignment, similarity = (np.concatenate(column) for column in zip(*found, strict=True))
    return Clusters(centroids, uids, assignment.astype(np.int32), similarity)


def hierarchy(centroids: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """Cluster centroids, then the centroids of these clusters, and so on (Vo et al. 2024).

    Each level has a tenth of the clusters of the one below, down to at least `FEWEST_BRANCHES`.

    Args:
        centroids: (k, D) float16 unit vectors, as `kmeans` returns them.
        seed: of the centroids of each level.

    Returns:
        For each level from the lowest, (k,) int32: the cluster above each of its k clusters; empty
        if there are too few for another level.
    """
    parents: list[np.ndarray] = []
    while (count := len(centroids) // BRANCHES) >= FEWEST_BRANCHES:
        above = _centroids(centroids, count, seed)
        parents.append(nearest_centroid(above, centroids)[0])
        centroids = above
    return tuple(parents)


def _centroids(vectors: np.ndarray, k: int, seed: int, rounds: int = 20) -> np.ndarray:
    """Return (k, D) float16 unit centroids of a spherical k-means over (n, D) vectors."""
    trainer = faiss.Kmeans(
        vectors.shape[1],
        k,
        niter=rounds,
        seed=seed,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=TRAINING_POINTS,
    )
    trainer.train(vectors.astype(np.float32))
    return cosine.as_stored(np.asarray(trainer.centroids))


def nearest_centroid(centroids: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) int32 nearest of (k, D) centroids, lowest number among equals, and cosines."""
    places, similarity = among.Among(centroids).nearest(vectors)
    return places.astype(np.int32), similarity


def veto_penalty(
    store: FeatureStore, uids: np.ndarray, vetoes: np.ndarray, beta: float, margin: float
) -> np.ndarray:
    """Return (n,) float64 to subtract from a similarity: β·max(0, cos(x, nearest veto) − m).

    docs/method.md §3, "veto as a negative example".

    Args:
        store: the pool's features.
        uids: (n,) S32 images to score.
        vetoes: (V,) S32 images vetoed as negative examples.
        beta: strength of the penalty.
        margin: the cosine below which a veto does not affect an image.

    Raises:
        NotFoundError: an image is not in the store.
    """
    penalty = np.zeros(len(uids))
    if not len(vetoes):
        return penalty
    against = among.Among(store.vectors_of(vetoes))
    for low in range(0, len(uids), BLOCK_ROWS):
        part = slice(low, low + BLOCK_ROWS)
        _, nearest = against.nearest(store.vectors_of(uids[part]))
        penalty[part] = np.round(beta * np.maximum(0.0, nearest - margin), 6)
    return penalty


class _Reference:
    """A set of vectors, prepared for mean similarities to the k nearest of them."""

    def __init__(self, vectors: np.ndarray, k: int, uids: np.ndarray | None = None) -> None:
        if not len(vectors):
            raise errors.InputError("there is nothing to compare with; give at least one image.")
        self._among = among.Among(vectors)
        self._k = min(k, len(vectors))
        self._uids = uids

    def mean_of_nearest(self, block: blocks.Block) -> np.ndarray:
        """Return (n,) float64 mean cosine of each row of the block to its k nearest here."""
        if self._uids is None:
            _, nearest = self._among.top(block.vectors, self._k)
        else:
            nearest = self._others(block, self._uids)
        known = np.isfinite(nearest)  # a background of k or fewer may contain the image itself
        total = np.where(known, nearest, 0.0).sum(axis=1)
        mean: np.ndarray = total / np.maximum(known.sum(axis=1), 1)
        return mean

    def _others(self, block: blocks.Block, uids: np.ndarray) -> np.ndarray:
        """Return (n, ≤ k) cosines, descending; no image counts as its own neighbour."""
        places, nearest = self._among.top(block.vectors, self._k + 1)
        own = uids[places] == block.uids[:, None]
        nearest[own] = -np.inf
        nearest[:, ::-1].sort(axis=1)
        return nearest[:, : self._k]


def _score_all(
    store: FeatureStore,
    score: Callable[[blocks.Block], np.ndarray],
    block_rows: int,
    device: str,
) -> Scores:
    """Apply `score`, a function of single rows, to the whole store."""
    found = _over_blocks(store, lambda block: (np.round(score(block), 6),), block_rows, device)
    nothing = (np.empty(0, hashing.UID_DTYPE), np.empty(0))
    uids, values = (np.concatenate(column) for column in zip(nothing, *found, strict=True))
    return Scores(uids, values)


def _over_blocks(store: FeatureStore, function: Function, block_rows: int, device: str) -> Columns:
    """Return the uids and the results of a row-wise function, a tuple of columns per block."""
    if device != ray_cluster.DEVICE:
        return _walk(store, function, block_rows)
    walked = sharded.over_parts(store, _walk, lambda rows: (function, block_rows))
    return [columns for _, part in walked for columns in part]


def _walk(store: FeatureStore, function: Function, block_rows: int) -> Columns:
    found = blocks.stream(store, block_rows=block_rows)
    return [(block.uids.copy(), *function(block)) for block in found]


def _by_content(vectors: np.ndarray) -> np.ndarray:
    """Return the rows of `vectors` in an order that depends only on their values."""
    return vectors[np.lexsort(vectors.T)]


def _exactly_summable(weights: np.ndarray) -> np.ndarray:
    """Round `weights` so that a product with a stored vector is summed without error.

    They become whole multiples of |w|·2^-28 (to a power of two). Times float16, sums then
    are multiples of |w|·2^-52 below 2·|w|: 53 bits, as float64 has (see `index.cosine`).
    """
    exponent = int(np.ceil(np.log2(max(np.linalg.norm(weights), np.finfo(float).tiny))))
    rounded: np.ndarray = np.ldexp(np.rint(np.ldexp(weights, 28 - exponent)), exponent - 28)
    return rounded
