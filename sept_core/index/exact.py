"""Exact search over a feature store: canonical lists in one pass and constant memory.

In: a store, float16 queries, a mask of allowed rows. Out: `lists.Lists`, the k nearest rows of
each query by (−similarity, uid), as docs/method.md §2 asks: the same stored vectors give the same
lists on any machine, batch size and shard layout.

FAISS (on a GPU, torch) finds candidates by float32 products. These carry errors, so a
candidate counts until its raw score is *clearly* below the k-th: `_margin` bounds how far
raw score and cosine can differ. What may belong to the list is scored exactly (`cosine`)
while its block is in memory. Once all lists are full, products are compared with each list's
last place, which costs less than ranking them and hides nothing. A query whose candidates were
cut off too early before that is searched again with twice as many.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import faiss
import numpy as np

from sept_core import errors
from sept_core.features.feature_store import FeatureStore
from sept_core.index import blocks, cosine, lists

SLACK = 16
"""Candidates taken beyond k at first; doubled for the queries that need more."""

TILE_SCORES = 4_000_000
"""Products at once where each is compared with a bound: 16 MB, so that memory stays constant."""

MOST_PAIRS = 4_000_000
"""Candidates of one block; where more are above the bounds, ranking them is cheaper."""

DENSE = 100
"""Share of candidates, one pair in this many, from which on exact products of all pairs of a tile
cost less than those of the candidates alone, one query after the other."""

LONG = 128
"""From this many candidates per query on, partitioning a table of products is faster than FAISS."""

Pair = tuple[np.ndarray, np.ndarray]


class Engine(NamedTuple):
    """Functions that compare vectors in float32, in any order of summation.

    Attributes:
        nearest: (queries, vectors, count) → raw scores falling along each row, vector numbers.
        above: (queries, vectors, least) → numbers of query and vector of every pair whose raw
            score is at least that query's least (t,) float32, by query; None for too many.
    """

    nearest: Callable[[np.ndarray, np.ndarray, int], Pair]
    above: Callable[[np.ndarray, np.ndarray, np.ndarray], Pair | None]


def search(
    store: FeatureStore,
    queries: np.ndarray,
    k: int,
    *,
    allowed: np.ndarray | None = None,
    device: str = "auto",
    block_rows: int | None = None,
) -> lists.Lists:
    """Find the k nearest allowed rows of each query, exactly.

    Args:
        store: the vectors to search.
        queries: (T, D) unit vectors; rounded to float16, as stored.
        k: length of a list.
        allowed: (N,) bool over the store's rows; None allows all.
        device: "cpu", a torch device such as "cuda", or "auto": a GPU if there is one.
        block_rows: vectors in memory at once; never changes the result.

    Raises:
        InputError: k, queries or mask do not fit the store.
    """
    queries = _checked(store, queries, k, allowed)
    engine = _engine(device)
    best = lists.Best(len(queries), k)
    pending = np.arange(len(queries))
    reach = k + SLACK
    while len(pending):
        best.forget(pending)
        walk = blocks.stream(store, allowed=allowed, block_rows=block_rows)
        scan = _Scan(best, pending, queries[pending], _margin(store), engine, reach)
        for block in walk:
            scan.take(block)
        pending = scan.cut_too_early()
        reach *= 2
    return best.lists()


def _checked(
    store: FeatureStore, queries: np.ndarray, k: int, allowed: np.ndarray | None
) -> np.ndarray:
    """Return the queries as stored, after checking that all arguments match."""
    if k < 1:
        raise errors.InputError(f"k must be at least 1, not {k}.")
    if allowed is not None and allowed.shape != (len(store),):
        raise errors.InputError(
            f"The mask of allowed images has shape {allowed.shape}, but the pool has {len(store)} "
            "images."
        )
    stored = cosine.as_stored(queries)
    if len(store) and stored.shape[1] != store.dim:
        raise errors.InputError(
            f"The queries have {stored.shape[1]} dimensions, but the vectors in {store.folder} "
            f"have {store.dim}; use features of the same encoder."
        )
    return stored


def _margin(store: FeatureStore) -> float:
    """Return the largest difference between a raw score, divided by the query's length, and the
    rounded cosine.

    With c the cosine, b the stored vector and u = 2^-24, a float32 product of any summation
    order is c·|a|·|b| within γ·|a|·|b|, γ = D·u / (1 − D·u). So score / |a| differs from c by at
    most | |b| − 1 | + γ·|b|, and rounding adds less than 1e-6.
    """
    unit = store.dim * 2.0**-24
    gamma = unit / (1 - unit)
    off = store.max_norm_error + gamma  # the store measured its lengths in float32, too
    return off + gamma * (1 + off) + 1 / cosine.MICRO


class _Scan:
    """One pass over the store for some of the queries, feeding `best`."""

    def __init__(
        self,
        best: lists.Best,
        numbers: np.ndarray,
        queries: np.ndarray,
        margin: float,
        engine: Engine,
        reach: int,
    ) -> None:
        self._best, self._numbers, self._margin = best, numbers, margin
        self._engine, self._reach = engine, reach
        self._queries = queries.astype(np.float32)
        self._squared = cosine.squared_lengths(queries)
        self._lengths = np.sqrt(self._squared)
        self._cut = np.full(len(queries), -np.inf)  # the best score that a block may have hidden
        self._buffer = np.empty((0, queries.shape[1]), np.float32)

    def take(self, block: blocks.Block) -> None:
        """Score all candidates for the lists while the block is in memory."""
        if len(block.rows) > len(self._buffer):
            self._buffer = np.empty(block.vectors.shape, np.float32)
        vectors = self._buffer[: len(block.rows)]
        np.copyto(vectors, block.vectors)
        owner, local = self._candidates(vectors, self._best.kth(self._numbers))
        self._score(block, vectors, owner, local)

    def _candidates(self, vectors: np.ndarray, kth: np.ndarray) -> Pair:
        """Numbers of queries, rising, and of vectors that may belong to their lists."""
        if np.isfinite(kth).all():
            least = ((kth - self._margin) * self._lengths).astype(np.float32)
            found = self._engine.above(self._queries, vectors, np.nextafter(least, -np.inf))
            if found is not None:
                return found
        raw, local = self._engine.nearest(self._queries, vectors, min(self._reach, len(vectors)))
        raw = raw / self._lengths[:, None]
        if self._reach < len(vectors):
            self._cut = np.maximum(self._cut, raw[:, -1])
        if raw.shape[1] >= self._best.k:  # this block alone puts the k-th no lower than this
            kth = np.maximum(kth, raw[:, self._best.k - 1] - self._margin)
        owner, place = np.nonzero(raw >= (kth - self._margin)[:, None])
        return owner, local[owner, place]

    def _score(
        self, block: blocks.Block, vectors: np.ndarray, owner: np.ndarray, local: np.ndarray
    ) -> None:
        """Add the candidates to the lists with their exact cosines."""
        dense = len(owner) * DENSE > len(self._queries) * len(vectors)
        score = self._all_products if dense else self._products
        products, squared = score(vectors, owner, local)
        micro = cosine.micro(products, squared, self._squared[owner])
        self._best.add(self._numbers[owner], block.rows[local], block.uids[local], micro)

    def _products(self, vectors: np.ndarray, owner: np.ndarray, local: np.ndarray) -> Pair:
        """Exact products of the candidates, query by query, and the vectors' squared lengths."""
        counts = np.bincount(owner, minlength=len(self._queries))
        products, squared = np.empty(len(owner)), np.empty(len(owner))
        end = 0
        for query in np.flatnonzero(counts).tolist():
            start, end = end, end + int(counts[query])
            products[start:end], squared[start:end] = cosine.products(
                vectors.take(local[start:end], axis=0), self._queries[query]
            )
        return products, squared

    def _all_products(self, vectors: np.ndarray, owner: np.ndarray, local: np.ndarray) -> Pair:
        """Return the same from the products of all pairs, a tile of queries at a time."""
        wide = vectors.astype(np.float64)
        products = np.empty(len(owner))
        step = max(1, TILE_SCORES // len(vectors))
        for low in range(0, len(self._queries), step):
            part = slice(*np.searchsorted(owner, [low, low + step]))  # owners rise
            table = self._queries[low : low + step].astype(np.float64) @ wide.T
            products[part] = table[owner[part] - low, local[part]]
        return products, cosine.squared_lengths(vectors)[local]

    def cut_too_early(self) -> np.ndarray:
        """Return the numbers of the queries whose lists may lack images because candidates were cut
        off.
        """
        kth = self._best.kth(self._numbers)
        hidden = np.isfinite(self._cut) & (self._cut + self._margin >= kth)
        early: np.ndarray = self._numbers[hidden]
        return early


def _engine(device: str) -> Engine:
    """Return the engine for `device`; torch takes seconds to import, so it is imported only when
    used.
    """
    if device == "auto":
        driver = any(Path(node).exists() for node in ("/dev/nvidiactl", "/dev/dxg"))
        device = "cuda" if driver and _cuda_works() else "cpu"
    return CPU if device == "cpu" else torch_engine(device)


def _cuda_works() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _faiss_nearest(queries: np.ndarray, vectors: np.ndarray, count: int) -> Pair:
    if count >= LONG:
        return _longest(queries, vectors, count)
    raw, local = faiss.knn(queries, vectors, count, metric=faiss.METRIC_INNER_PRODUCT)
    return raw, local


def _longest(queries: np.ndarray, vectors: np.ndarray, count: int) -> Pair:
    """Return the same as FAISS for long lists, a tile of queries at a time."""
    raw = np.empty((len(queries), count), np.float32)
    local = np.empty((len(queries), count), np.int64)
    step = max(1, TILE_SCORES // len(vectors))
    for low in range(0, len(queries), step):
        table = queries[low : low + step] @ vectors.T
        first = np.argpartition(-table, count - 1, axis=1)[:, :count]
        scores = np.take_along_axis(table, first, axis=1)
        order = np.argsort(-scores, axis=1)
        raw[low : low + step] = np.take_along_axis(scores, order, axis=1)
        local[low : low + step] = np.take_along_axis(first, order, axis=1)
    return raw, local


def _numpy_above(queries: np.ndarray, vectors: np.ndarray, least: np.ndarray) -> Pair | None:
    def hits(part: np.ndarray) -> np.ndarray:
        return np.flatnonzero(queries @ part.T >= least[:, None])

    return _tiled(queries, vectors, hits)


def _tiled(
    queries: np.ndarray, vectors: np.ndarray, hits: Callable[[np.ndarray], np.ndarray]
) -> Pair | None:
    """The pairs of all tiles, from the places of the hits in each tile's table of products."""
    rows = max(1, TILE_SCORES // len(queries))
    owners, numbers = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    total = 0
    for low in range(0, len(vectors), rows):
        part = vectors[low : low + rows]
        owner, number = np.divmod(hits(part), len(part))
        owners.append(owner)
        numbers.append(number + low)
        total += len(owner)
        if total > MOST_PAIRS:
            return None
    owner, number = np.concatenate(owners), np.concatenate(numbers)
    order = np.argsort(owner, kind="stable")
    return owner[order], number[order]


CPU = Engine(_faiss_nearest, _numpy_above)


def torch_engine(device: str) -> Engine:
    """Torch on `device`, in full float32: TF32 would break the bound of `_margin`."""
    import torch

    @contextlib.contextmanager
    def full_precision() -> Iterator[None]:
        precision = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(precision)

    def nearest(queries: np.ndarray, vectors: np.ndarray, count: int) -> Pair:
        with full_precision():
            block = torch.from_numpy(vectors).to(device)
            parts = [
                torch.topk(torch.from_numpy(part).to(device) @ block.T, count, dim=1)
                for part in np.array_split(queries, -(-len(queries) // 1024))
            ]
        raw = torch.cat([part.values for part in parts]).cpu().numpy()
        local = torch.cat([part.indices for part in parts]).cpu().numpy()
        return raw, local

    def above(queries: np.ndarray, vectors: np.ndarray, least: np.ndarray) -> Pair | None:
        asked = torch.from_numpy(queries).to(device)
        bounds = torch.from_numpy(least).to(device)[:, None]

        def hits(part: np.ndarray) -> np.ndarray:
            found = asked @ torch.from_numpy(part).to(device).T >= bounds
            places: np.ndarray = found.ravel().nonzero()[:, 0].cpu().numpy()
            return places

        with full_precision():
            return _tiled(queries, vectors, hits)

    return Engine(nearest, above)
