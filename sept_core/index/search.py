"""Search: exact neighbour lists, on this machine or on the machines of a cluster.

In: a store, queries and a device. Out: the lists of `exact.search`, independent of the machine.
"""

import numpy as np

from sept_core.features.feature_store import FeatureStore
from sept_core.index import exact, lists, sharded
from sept_core.jobs import ray_cluster


def nearest(
    store: FeatureStore,
    queries: np.ndarray,
    k: int,
    allowed: np.ndarray | None = None,
    device: str = "auto",
    block_rows: int | None = None,
) -> lists.Lists:
    """Find the k nearest allowed rows of each query; see `exact.search`.

    Args:
        store: the vectors to search.
        queries: (T, D) unit vectors.
        k: length of a list.
        allowed: (N,) bool over the store's rows; None allows all.
        device: as in `exact.search`, or "ray": the machines of a cluster.
        block_rows: vectors in memory at once; never changes the result.

    Raises:
        InputError: k, queries or mask do not fit the store, or Ray is not installed.
        JobError: the cluster cannot be reached, or lost a task for good.
    """
    if device == ray_cluster.DEVICE:
        return sharded.search(store, queries, k, allowed)
    return exact.search(store, queries, k, allowed=allowed, device=device, block_rows=block_rows)
