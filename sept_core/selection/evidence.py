"""Inputs and outputs of strategies, as protocols and records.

In: nothing. The caller passes an object with `Evidence`'s members, each computed when it is first
called. Arrays are matched by uid, in any order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sept_core.storage import hashing

NO_UID = b""


class Neighbours(Protocol):
    """Canonical lists (docs/method.md §2), as `retrieval.Neighbours` holds them."""

    @property
    def targets(self) -> np.ndarray:
        """(T,) S32."""

    @property
    def uids(self) -> np.ndarray:
        """(T, K) S32 by (−similarity, uid); b"" in unused slots, which come last."""

    @property
    def similarity(self) -> np.ndarray:
        """(T, K) float64 cosine rounded to 1e-6; −inf in unused slots."""

    @property
    def complete(self) -> bool:
        """True if every list holds the whole pool."""


@dataclass(frozen=True)
class Clusters:
    """Clusters of the pool, and the assignments of pool and targets.

    Attributes:
        pool: (N,) int, cluster of each of `Evidence.pool_uids`.
        targets: (T,) int, cluster of each of `Evidence.target_uids`.
        distance: (N,) float64 ≥ 0, of each pool image to its nearest target.
    """

    pool: np.ndarray
    targets: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True)
class Tree:
    """Clusters of the pool, clusters of their centroids, and so on.

    Attributes:
        leaves: (N,) int, the lowest cluster of each of `Evidence.pool_uids`.
        parents: for each level from the lowest, (k,) int: the cluster above each of its k clusters.
            The clusters of the highest level have none.
    """

    leaves: np.ndarray
    parents: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Scaling:
    """Local scaling (docs/method.md §3): s' = 2s − r_t − r_x.

    Attributes:
        targets: (T,) float64, r_t of each of `Evidence.target_uids`.
        pool: (N,) float64, r_x of each of `Evidence.pool_uids`.
    """

    targets: np.ndarray
    pool: np.ndarray


class Evidence(Protocol):
    """All data about pool and targets that selection may use, computed lazily.

    Images that the gate refuses may appear everywhere (they are counted as lost). Vetoed targets
    should be left out; if they appear, their lists and clusters are skipped.
    """

    @property
    def pool_uids(self) -> np.ndarray:
        """(N,) S32, the embedded images inside the filter."""

    @property
    def target_uids(self) -> np.ndarray:
        """(T,) S32, the training split of the target set."""

    @property
    def target_labels(self) -> Sequence[str | None]:
        """T labels, aligned with `target_uids`; None where unknown."""

    @property
    def target_weights(self) -> np.ndarray:
        """(T,) float64 > 0, aligned with `target_uids`; 1 where none is set."""

    def neighbours(self, k: int) -> Neighbours:
        """Find the `k` nearest pool images of all targets; longer lists begin with shorter ones."""

    def clusters(self) -> Clusters:
        """Return k-means clusters of the pool."""

    def tree(self) -> Tree:
        """Return hierarchical k-means clusters of the pool."""

    def scores(self, name: str) -> np.ndarray:
        """(N,) float64 over `pool_uids`, higher is better: `classifier` or `hub-corrected`."""

    def nearest_targets(self, uids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the nearest target (S32) of each pool image and its cosine (float64)."""

    def scaling(self) -> Scaling:
        """Return r_t and r_x."""

    def floor_similarity(self, percentile: float) -> float | None:
        """Return the cosine at a percentile of the shown distribution; None for no floor."""


@dataclass(frozen=True)
class Picks:
    """Images taken in one phase, in order, as positions in the ledger's sorted uids.

    Attributes:
        codes: (n,) int64.
        targets: (n,) S32, the owning target; b"" if no target led to the image.
        ranks: (n,) int32, 1 for the first of the owner's list by similarity; 0 for no list.
        similarity: (n,) float64 cosine to the owner; NaN without one.
        n_targets: (n,) int32, the targets that hold the image at this rank or better.
        phase: `core`, `expand` or `fill`.
    """

    codes: np.ndarray
    targets: np.ndarray
    ranks: np.ndarray
    similarity: np.ndarray
    n_targets: np.ndarray
    phase: str


@dataclass(frozen=True)
class Outcome:
    """Picks of a strategy, and the reason why it stopped if the budget is not full."""

    picks: list[Picks]
    short_because: str


def unowned(codes: np.ndarray, phase: str = "core") -> Picks:
    """Build picks without an owning target: the random baselines and the random fill."""
    n = len(codes)
    return Picks(
        codes=codes,
        targets=np.full(n, NO_UID, hashing.UID_DTYPE),
        ranks=np.zeros(n, np.int32),
        similarity=np.full(n, np.nan),
        n_targets=np.zeros(n, np.int32),
        phase=phase,
    )
