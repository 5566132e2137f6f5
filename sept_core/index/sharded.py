"""A feature store that the machines of a Ray cluster process together, some shards each.

In: a store on a file system that all of them see, or with a mirror in object storage, and a
function of a part of it. Out: what the function gives for each part, in the order of the rows.
`search` is `exact.search` done that way, with the very same lists: candidates are scored exactly on
the machine that finds them, and merged by (−similarity, uid).
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sept_core.features import remote
from sept_core.features.feature_store import FeatureStore
from sept_core.index import blocks, cosine, exact, lists
from sept_core.jobs import ray_cluster

PART_VALUES = 2 * blocks.BLOCK_VALUES
"""Numbers in a part: enough to make a task's start cheap, few enough to spread and to do again."""


def search(
    store: FeatureStore, queries: np.ndarray, k: int, allowed: np.ndarray | None = None
) -> lists.Lists:
    """See `exact.search`.

    Raises:
        InputError: k, queries or mask do not fit the store, or Ray is not installed.
        JobError: the cluster cannot be reached, or lost a task for good.
    """
    best = lists.Best(len(queries), k)

    def values(rows: slice) -> tuple[Any, ...]:
        return queries, k, None if allowed is None else allowed[rows]

    for rows, found in over_parts(store, _search_part, values):
        owner, place = np.nonzero(found.rows >= 0)
        micro = np.rint(found.similarity[owner, place] * cosine.MICRO).astype(np.int64)
        best.add(owner, found.rows[owner, place] + rows.start, found.uids[owner, place], micro)
    return best.lists()


def over_parts(
    store: FeatureStore,
    function: Callable[..., Any],
    values: Callable[[slice], tuple[Any, ...]],
) -> Iterator[tuple[slice, Any]]:
    """Call a function with each part of a store, on the cluster.

    Args:
        store: what to walk.
        function: takes a part as a separate store, then the values; a module-level function.
        values: what else it takes for the given rows of the store.

    Raises:
        SeptError: what the function raises; see `cluster.ordered`.
    """
    found = parts(store)
    references = remote.references(store, [shards for shards, _ in found])
    items = (
        (function, reference, *values(rows))
        for reference, (_, rows) in zip(references, found, strict=True)
    )
    for (_, rows), result in zip(found, ray_cluster.ordered(_on_part, items), strict=True):
        yield rows, result


def parts(store: FeatureStore) -> list[tuple[slice, slice]]:
    """Runs of whole shards with some `PART_VALUES` numbers each: their shards and their rows."""
    most = max(1, PART_VALUES // max(1, store.dim))
    found, first, low, high = [], 0, 0, 0
    for number, shard in enumerate(store.shards, 1):
        high += len(shard)
        if high - low >= most or number == len(store.shards):
            found.append((slice(first, number), slice(low, high)))
            first, low = number, high
    return found


def _on_part(function: Callable[..., Any], part: remote.Reference, *values: Any) -> Any:
    return function(part.open(), *values)


def _search_part(
    part: FeatureStore, queries: np.ndarray, k: int, allowed: np.ndarray | None
) -> lists.Lists:
    return exact.search(part, queries, k, allowed=allowed)
