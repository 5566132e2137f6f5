"""Walk a feature store in blocks whose memory does not grow with the store.

In: a `FeatureStore` and, optionally, a mask of the allowed rows. Out: blocks of rows, uids and
float16 vectors in buffers that are used again for the next block.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sept_core.features.feature_store import FeatureStore
from sept_core.storage import hashing

BLOCK_VALUES = 2**25
"""Numbers in a block: 64 MiB of float16, some 87,000 vectors of length 384."""


@dataclass(frozen=True)
class Block:
    """Rows of a store in rising order; the arrays are overwritten by the next block.

    `rows` (n,) int64, `uids` (n,) S32, `vectors` (n, D) float16.
    """

    rows: np.ndarray
    uids: np.ndarray
    vectors: np.ndarray


def default_rows(dim: int) -> int:
    """Vectors in a block, so that its memory is the same for every vector length."""
    return max(1, BLOCK_VALUES // max(dim, 1))


def stream(
    store: FeatureStore, *, allowed: np.ndarray | None = None, block_rows: int | None = None
) -> Iterator[Block]:
    """Yield the allowed rows of `store` in full blocks, across shard borders.

    Files are read, not mapped: pages of a map count as this process's memory until the
    system takes them back, so a scan would seem to need as much memory as the pool.

    Args:
        store: what to walk.
        allowed: (N,) bool over the store's rows; None allows all.
        block_rows: vectors in a block; the last block holds what is left.
    """
    capacity = min(block_rows or default_rows(store.dim), max(len(store), 1))
    vectors = np.empty((capacity, store.dim), np.float16)
    uids = np.empty(capacity, hashing.UID_DTYPE)
    rows = np.empty(capacity, np.int64)
    filled = start = 0
    for shard in store.shards:
        low = 0
        while low < len(shard):
            count = min(len(shard) - low, capacity - filled)
            part = slice(filled, filled + count)
            _read(shard.vectors, low, vectors[part])
            _read(shard.uids, low, uids[part])
            rows[part] = np.arange(start + low, start + low + count)
            low += count
            filled += count if allowed is None else _compress(allowed, part, rows, uids, vectors)
            if filled == capacity:
                yield Block(rows, uids, vectors)
                filled = 0
        start += len(shard)
    if filled:
        yield Block(rows[:filled], uids[:filled], vectors[:filled])


def _read(mapped: np.ndarray, low: int, out: np.ndarray) -> None:
    """Fill `out` with the rows of a memory-mapped `.npy` from `low` on."""
    assert isinstance(mapped, np.memmap) and mapped.filename is not None
    row_bytes = mapped.nbytes // len(mapped)
    with open(mapped.filename, "rb", buffering=0) as file:  # noqa: PTH123 (numpy gives str or Path)
        file.seek(mapped.offset + low * row_bytes)
        view = out.view(np.uint8).reshape(-1).data
        while len(view):
            got = file.readinto(view)
            assert got, (
                f"{mapped.filename} is truncated: it is shorter than its header says. Run sept "
                "check --repair"
            )
            view = view[got:]


def _compress(allowed: np.ndarray, part: slice, *arrays: np.ndarray) -> int:
    """Move the allowed rows of `part` to its beginning and count them."""
    rows = arrays[0]
    keep = allowed[rows[part]]
    count = int(keep.sum())
    for array in arrays:
        array[part.start : part.start + count] = array[part][keep]
    return count
