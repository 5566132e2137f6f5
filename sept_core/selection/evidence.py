"""What a strategy may ask for, and what it hands back.

In: nothing; these are the shapes. The pipeline gives an object with `Evidence`'s members,
each computed when it is first called. Arrays are matched by uid: their order is free.
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
        """(T, K) S32 by (−similarity, uid); b"" in unused slots, which stand last."""

    @property
    def similarity(self) -> np.ndarray:
        """(T, K) float64 cosine rounded to 1e-6; −inf in unused slots."""

    @property
    def complete(self) -> bool:
        """Every list holds the whole pool."""


@dataclass(frozen=True)
class Clusters:
    """Clusters of the pool, and where pool and targets fall.

    Attributes:
        pool: (N,) int, cluster of each of `Evidence.pool_uids`.
        targets: (T,) int, cluster of each of `Evidence.target_uids`.
        distance: (N,) float64 ≥ 0, of each pool image to its nearest target.
    """

    pool: np.ndarray
    targets: np.ndarray
    distance: np.ndarray


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
    """Everything that selection may learn about pool and targets, lazily.

    Images that the gate refuses may appear everywhere (they are counted as lost). Vetoed targets
    are better left out; where they appear, their lists and clusters are passed over.
    """

    @property
    def pool_uids(self) -> np.ndarray:
        """(N,) S32, the embedded images inside the filter."""

    @property
    def target_uids(self) -> np.ndarray:
        """(T,) S32, the searching part of the target set."""

    @property
    def target_labels(self) -> Sequence[str | None]:
        """T labels, aligned with `target_uids`; None where unknown."""

    def neighbours(self, k: int) -> Neighbours:
        """The `k` nearest pool images of every target; a longer list begins with a shorter one."""

    def clusters(self) -> Clusters:
        """k-means clusters of the pool."""

    def scores(self, name: str) -> np.ndarray:
        """(N,) float64 over `pool_uids`, higher is better: `classifier` or `hub-corrected`."""

    def nearest_targets(self, uids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nearest target (S32) of each pool image and its cosine (float64)."""

    def scaling(self) -> Scaling:
        """r_t and r_x."""

    def floor_similarity(self, percentile: float) -> float | None:
        """The cosine at a percentile of the distribution that the user sees; None for no floor."""


@dataclass(frozen=True)
class Picks:
    """Images taken in one phase, in order, as positions in the ledger's sorted uids.

    Attributes:
        codes: (n,) int64.
        targets: (n,) S32, the owning target; b"" where no target led to the image.
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
    """What a strategy found, and why it would not go on if there is still room."""

    picks: list[Picks]
    short_because: str


def unowned(codes: np.ndarray, phase: str = "core") -> Picks:
    """Picks that no target led to: the random baselines and the random fill."""
    n = len(codes)
    return Picks(
        codes=codes,
        targets=np.full(n, NO_UID, hashing.UID_DTYPE),
        ranks=np.zeros(n, np.int32),
        similarity=np.full(n, np.nan),
        n_targets=np.zeros(n, np.int32),
        phase=phase,
    )
