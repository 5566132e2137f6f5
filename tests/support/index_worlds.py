"""Small stores and the slow, obvious search that the tests compare with."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from sept_core.features import feature_store
from sept_core.storage import hashing


def uids_of(n: int) -> np.ndarray:
    return np.array([hashing.uid_of(str(i).encode()) for i in range(n)], hashing.UID_DTYPE)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def clustered(n: int, dim: int, seed: int = 0, centres: int = 12) -> np.ndarray:
    """(n, dim) unit vectors around a few centres."""
    rng = np.random.default_rng(seed)
    middle = np.random.default_rng(99).normal(size=(centres, dim))
    return unit(middle[rng.integers(centres, size=n)] + 0.5 * rng.normal(size=(n, dim)))


def write_store(
    folder: Path, uids: np.ndarray, vectors: np.ndarray, shard_rows: int = 10**9
) -> feature_store.FeatureStore:
    for number, low in enumerate(range(0, len(uids), shard_rows)):
        part = slice(low, low + shard_rows)
        feature_store.write_shard(folder, number, "e-1", uids[part], vectors[part], pa.table({}))
    return feature_store.FeatureStore(folder)


def slow_search(
    uids: np.ndarray,
    vectors: np.ndarray,
    queries: np.ndarray,
    k: int,
    allowed: np.ndarray | None = None,
) -> tuple[list[list[bytes]], list[list[float]]]:
    """Every cosine in float64, sorted by (−similarity, uid), one query after the other."""
    rows = np.arange(len(uids)) if allowed is None else np.flatnonzero(allowed)
    found_uids, found_similarity = [], []
    for query in queries.astype(np.float16).astype(np.float64):
        scored = []
        for row in rows.tolist():
            vector = vectors[row].astype(np.float16).astype(np.float64)
            lengths = np.sqrt((query @ query) * (vector @ vector))
            scored.append((-round(float(query @ vector / lengths), 6), uids[row]))
        best = sorted(scored)[:k]
        found_uids.append([uid for _, uid in best])
        found_similarity.append([-similarity for similarity, _ in best])
    return found_uids, found_similarity
