"""Cosines of stored vectors that are the same on every machine, to the last bit.

In: float16 unit vectors. Out: float64 cosines rounded to 1e-6, or the same as whole
millionths ("micro").

Why float64 sums are exact here: a float16 is a whole multiple of 2^-24, so a product of
two is a multiple of 2^-48, and the partial sums of a dot product of two vectors about as
long as 1 stay below 2. Such numbers need at most 49 bits and float64 has 53: nothing is
ever rounded away, whatever the order in which a library adds. What follows the sum
(one product, square root, division, rounding) is fixed by IEEE 754.
"""

import numpy as np

from sept_core import errors

MICRO = 1_000_000
"""Similarities are whole millionths: docs/method.md §2 rounds them to 1e-6."""

LENGTH_TOLERANCE = 0.01
"""Vectors whose length is further from 1 than this are refused, as in `features`."""


def as_stored(vectors: np.ndarray) -> np.ndarray:
    """(n, D) float16: `vectors` as a feature store would hold them.

    Raises:
        InputError: they are not a table of finite unit vectors.
    """
    stored = np.asarray(vectors).astype(np.float16)
    if stored.ndim != 2:
        raise errors.InputError(f"The vectors must have shape (n, D), not {stored.shape}.")
    lengths = np.sqrt(squared_lengths(stored))
    if not (np.abs(lengths - 1) < LENGTH_TOLERANCE).all():  # NaN fails this too
        worst = lengths[np.argmax(np.nan_to_num(np.abs(lengths - 1), nan=np.inf))]
        raise errors.InputError(
            f"The vectors must have length 1, but one has length {worst:.3f}; normalise them first."
        )
    return stored


def squared_lengths(vectors: np.ndarray) -> np.ndarray:
    """(n,) float64, exact for float16 values of any float type."""
    wide = vectors.astype(np.float64)
    squared: np.ndarray = np.vecdot(wide, wide)
    return squared


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n, m) float64 cosines of (n, D) and (m, D) float16 vectors, rounded to 1e-6."""
    products: np.ndarray = left.astype(np.float64) @ right.astype(np.float64).T
    products /= np.sqrt(squared_lengths(left)[:, None] * squared_lengths(right)[None, :])
    return np.round(products, 6, out=products)


def products(vectors: np.ndarray, query: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) float64 dot products of `vectors` (n, D) with one query, and their squared lengths.

    Both are exact for float16 values of any float type; `micro` makes cosines of them.
    """
    wide = vectors.astype(np.float64)
    return wide @ query.astype(np.float64), np.vecdot(wide, wide)


def micro(products: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n,) int64 cosines in millionths from dot products and both sides' squared lengths."""
    millionths: np.ndarray = np.rint(products / np.sqrt(left * right) * MICRO).astype(np.int64)
    return millionths
