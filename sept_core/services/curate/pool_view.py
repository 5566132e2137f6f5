"""The view of pool and targets for selection, computed from stored features on demand.

In: feature stores, the eligible uids, the neighbour graph. Out: `PoolEvidence`, which implements
`selection.evidence.Evidence`; each member is computed once, on first use.
"""

import copy
import dataclasses
import math
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from sept_core import errors
from sept_core.features import feature_store
from sept_core.index import graph, ivf
from sept_core.retrieval import neighbour_lists, scoring
from sept_core.selection import evidence as contract
from sept_core.storage import hashing

BACKGROUND_IMAGES = 5000
"""Number of random pool images that represent "not a target" in scores (docs/method.md §7)."""

MAX_CLUSTERS = 1000

ALL_VETOED = "Every image of the target set is vetoed; undo some vetoes."


class PoolEvidence:
    """One pool and one or several joined target sets under one encoder.

    Args:
        pool: the pool's features.
        targets: features of the training split of each target set.
        searching: (s,) S32, the target images to search with; a store may still hold others, which
            have been held out since.
        labels: label of each target uid, if known; used only by `class-balanced`.
        weights: weight of each target uid that is not 1.
        inside: (n,) S32, the live pool images that pass the filter.
        index: an approximate index of the pool; None searches exactly.
        neighbour_graph: returns the neighbour graph of the pool, for local scaling.
        seed: random seed of all samples drawn here.
        device: device that compares features; never changes the result.
    """

    def __init__(
        self,
        pool: feature_store.FeatureStore,
        targets: list[feature_store.FeatureStore],
        searching: np.ndarray,
        labels: dict[str, str],
        inside: np.ndarray,
        index: ivf.Index | None,
        neighbour_graph: Callable[[], graph.Graph],
        seed: int,
        device: str,
        weights: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._device = device
        self._scores: dict[str, np.ndarray] = {}
        self._searching = threading.RLock()
        self._weights = weights
        self._pool = pool
        self._labels = labels
        self._index = index
        self._graph = neighbour_graph
        self._seed = seed
        rows = pool.rows_of(inside)
        self.inside = np.zeros(len(pool), bool)
        self.inside[rows[rows >= 0]] = True
        self.pool_uids = pool.uids[self.inside]
        stores = [store for store in targets if len(store)]
        if not stores:
            raise errors.InputError(
                f"No image of the target set has features under {pool.encoder_id}; embed it, or "
                "choose another encoder."
            )
        uids = np.concatenate([store.uids for store in stores])
        vectors = np.concatenate([store.gather(np.arange(len(store))) for store in stores])
        kept, first = np.unique(uids, return_index=True)
        first = first[np.isin(kept, searching)]
        if not len(first):
            raise errors.InputError(
                "The target set has no embedded image to search with; check its splits."
            )
        self.target_uids, self.target_vectors = uids[first], vectors[first]
        self._lists: neighbour_lists.Neighbours | None = None
        self._cut: dict[int, neighbour_lists.Neighbours] = {}
        self._whole: PoolEvidence | None = None

    def without(self, vetoed: frozenset[str]) -> "PoolEvidence":
        """Return the view without vetoed targets, which shares these neighbour lists.

        Raises:
            InputError: no target image is left.
        """
        if not vetoed:
            return self
        left = ~np.isin(self.target_uids, np.array(list(vetoed), hashing.UID_DTYPE))
        if not left.any():
            raise errors.InputError(ALL_VETOED)
        view = copy.copy(self)
        view.target_uids, view.target_vectors = self.target_uids[left], self.target_vectors[left]
        view._whole, view._cut, view._scores = self, {}, {}
        for name in ("_clusters", "_owners", "background"):  # computed from the targets
            view.__dict__.pop(name, None)
        return view

    def known_lists(self) -> neighbour_lists.Neighbours | None:
        """Return the longest lists so far, of all targets; None before the first search."""
        return self._lists

    def use_lists(self, lists: neighbour_lists.Neighbours) -> None:
        """Start with the lists of an earlier search of the same targets in the same pool."""
        self._lists = lists
        self._cut.clear()

    @property
    def all_uids(self) -> np.ndarray:
        """(N,) S32, all embedded pool images, regardless of the filter."""
        return self._pool.uids

    @property
    def content_id(self) -> str:
        """Hash of the pool features that everything here is computed from."""
        return self._pool.content_id()

    @property
    def target_labels(self) -> list[str | None]:
        return [self._labels.get(uid.decode()) for uid in self.target_uids.tolist()]

    @property
    def target_weights(self) -> np.ndarray:
        """(T,) float64."""
        return np.array([self._weights.get(uid.decode(), 1.0) for uid in self.target_uids.tolist()])

    def neighbours(self, k: int) -> neighbour_lists.Neighbours:
        """Return lists of `k`, the same object each time until a longer search.

        Threads that need a longer search wait for one another.
        """
        with self._searching:
            if k not in self._cut:
                self._cut[k] = self._neighbours(k)
            return self._cut[k]

    def _neighbours(self, k: int) -> neighbour_lists.Neighbours:
        if self._whole is not None:
            found = self._whole.neighbours(k)
            left = np.isin(found.targets, self.target_uids)
            return dataclasses.replace(
                found,
                targets=found.targets[left],
                uids=found.uids[left],
                similarity=found.similarity[left],
            )
        known = self._lists
        if known is None or (known.uids.shape[1] < k and not known.complete):
            self._cut.clear()
            self._lists = known = neighbour_lists.find_neighbours(
                self._pool,
                self.target_vectors,
                self.target_uids,
                k,
                allowed=self.inside,
                index=self._index,
                device=self._device,
            )
        if known.uids.shape[1] <= k:
            return known
        return dataclasses.replace(
            known, uids=known.uids[:, :k], similarity=known.similarity[:, :k], complete=False
        )

    def searched_by(self) -> dict[str, Any]:
        """Return the index that was searched and its measured recall; 1 for exact search."""
        if self._index is None:
            return {"id": "exact", "recall": 1.0}
        return {"id": self._index.id, "recall": self._index.recall}

    def scores(self, name: str) -> np.ndarray:
        """(n,) float64 over `pool_uids`, computed once."""
        if name not in self._scores:
            self._scores[name] = self._scored(name)
        return self._scores[name]

    def _scored(self, name: str) -> np.ndarray:
        function = {"classifier": scoring.classifier, "hub-corrected": scoring.hub_corrected}[name]
        scores = function(self._pool, self.target_vectors, self._background, device=self._device)
        return scores.values[self.inside]

    @cached_property
    def _background(self) -> np.ndarray:
        if self._whole is not None:
            return self._whole._background
        return scoring.background_sample(self._pool, self._seed, BACKGROUND_IMAGES)

    @cached_property
    def _kmeans(self) -> scoring.Clusters:
        if self._whole is not None:
            return self._whole._kmeans
        count = max(2, min(MAX_CLUSTERS, math.isqrt(len(self._pool))))
        return scoring.kmeans(
            self._pool, min(count, len(self._pool)), self._seed, device=self._device
        )

    @cached_property
    def _clusters(self) -> contract.Clusters:
        found = self._kmeans
        own, _ = scoring.nearest_centroid(found.centroids, self.target_vectors)
        _, similarity = self.nearest_targets(self.pool_uids)
        return contract.Clusters(
            pool=found.assignment[self.inside],
            targets=own,
            distance=np.maximum(0.0, 1.0 - similarity),
        )

    def clusters(self) -> contract.Clusters:
        """Return a k-means of the whole pool with about √N clusters."""
        return self._clusters

    def tree(self) -> contract.Tree:
        """Return these clusters as the leaves of a hierarchical k-means."""
        found = self._kmeans
        return contract.Tree(
            found.assignment[self.inside], scoring.hierarchy(found.centroids, self._seed)
        )

    def nearest_targets(self, uids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the nearest target (S32) of each pool image and its cosine (float64)."""
        rows = self._pool.rows_of(uids)
        if (rows < 0).any():
            return self._nearest(uids)
        owners, similarity = self._owners
        if len(new := np.unique(rows[owners[rows] < 0])):
            found, similarity[new] = self._nearest_left(self._pool.uids[new])
            owners[new] = np.searchsorted(self.target_uids, found)
        return self.target_uids[owners[rows]], similarity[rows]

    def _nearest_left(self, uids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return nearest targets; without some, only images that those owned are compared again."""
        if self._whole is None:
            return self._nearest(uids)
        found, similarity = self._whole.nearest_targets(uids)
        lost = hashing.places_among(self.target_uids, found) < 0
        if lost.any():
            found[lost], similarity[lost] = self._nearest(uids[lost])
        return found, similarity

    def _nearest(self, uids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = neighbour_lists.nearest_targets(
            self._pool, uids, self.target_vectors, self.target_uids
        )
        return found.target_uids, found.similarity

    @cached_property
    def _owners(self) -> tuple[np.ndarray, np.ndarray]:
        """(N,) int32 place in `target_uids` of each row's nearest target, −1 if unknown; cosines.

        It is filled as images are asked for: decisions ask for nearly the same ones again.
        """
        return np.full(len(self._pool), -1, np.int32), np.zeros(len(self._pool))

    def scaling(self) -> contract.Scaling:
        """Return r_t and r_x of docs/method.md §3."""
        lists = self.neighbours(neighbour_lists.RADIUS_NEIGHBOURS)
        return contract.Scaling(
            targets=neighbour_lists.target_radius(lists),
            pool=neighbour_lists.pool_radius(self._graph(), self.pool_uids),
        )

    @cached_property
    def background(self) -> np.ndarray:
        """Return similarities of targets to random pool images, ascending, for floors."""
        return neighbour_lists.background_similarities(self._pool, self.target_vectors, self._seed)

    def floor_similarity(self, percentile: float) -> float | None:
        """Return the cosine at a percentile of `background`."""
        return neighbour_lists.similarity_at(self.background, percentile)

    def penalties(self, vetoes: np.ndarray, beta: float, margin: float) -> dict[bytes, float]:
        """Return the penalty of each pool image for its similarity to vetoed negative examples."""
        known = vetoes[self._pool.rows_of(vetoes) >= 0]
        values = scoring.veto_penalty(self._pool, self.pool_uids, known, beta, margin)
        near = np.flatnonzero(values)
        return dict(zip(self.pool_uids[near].tolist(), values[near].tolist(), strict=True))
