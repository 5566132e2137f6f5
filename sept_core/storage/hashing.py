"""Uids and hashed randomness: names of images, fingerprints, random orders without a generator.

In: bytes, JSON values, uids. Out: uids, fingerprints, numbers and orders that depend only on them.
"""

import hashlib
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

UID_DTYPE = np.dtype("S32")

"""Arrays of uids hold 32 ASCII hex digits a row; sorting bytes sorts the hex."""


def uid_of(data: bytes) -> str:
    """Return the image id of docs/method.md §2: the first 128 bits of the SHA-256, as hex."""
    return hashlib.sha256(data).hexdigest()[:32]


def fingerprint(value: Any) -> str:
    """Sixteen hex digits that name a JSON value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hashed_uniform(seed: int, uid: str) -> float:
    """Return a number in (0, 1) from BLAKE2b of `seed:uid`, without a generator (docs/method.md
    §2).

    The same for every order, batch and shard layout.
    """
    digest = hashlib.blake2b(f"{seed}:{uid}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") + 0.5) / 2.0**64


def hashed_uniforms(seed: int, uids: np.ndarray) -> np.ndarray:
    """(n,) float64: `hashed_uniform` of each of `uids` (S32)."""
    start, digests = hashlib.blake2b(f"{seed}:".encode(), digest_size=8), bytearray()
    for uid in uids.tolist():
        running = start.copy()
        running.update(uid)
        digests += running.digest()
    return (np.frombuffer(digests, ">u8").astype(np.float64) + 0.5) / 2.0**64


def uid_array(column: pa.ChunkedArray) -> np.ndarray:
    """(n,) S32: a table's column of uids, none of them null, without a Python string for each."""
    wide = pc.cast(column, pa.binary(UID_DTYPE.itemsize)).combine_chunks()
    if not len(wide):
        return np.empty(0, UID_DTYPE)
    return np.frombuffer(wide.buffers()[1], UID_DTYPE, len(wide), wide.offset * UID_DTYPE.itemsize)


def places_among(ordered: np.ndarray, uids: np.ndarray) -> np.ndarray:
    """Place (int64, shape of `uids`) of each uid among ascending ones, −1 where it is not."""
    if not len(ordered):
        return np.full(uids.shape, -1, np.int64)
    place = np.minimum(np.searchsorted(ordered, uids), len(ordered) - 1)
    return np.where(ordered[place] == uids, place, -1).astype(np.int64)


def hashed_order(seed: int, uids: np.ndarray) -> np.ndarray:
    """Row numbers (int64) that put `uids` (S32) in the random order of `seed`."""
    return np.lexsort((uids, hashed_uniforms(seed, uids))).astype(np.int64)
