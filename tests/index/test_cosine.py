"""Sums of float16 products are exact in float64, so cosines do not depend on any order."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index_worlds import unit

from sept_core import errors
from sept_core.index import cosine

SEEDS = st.integers(0, 2**32 - 1)


def stored(n: int, dim: int, seed: int) -> np.ndarray:
    """Unit vectors whose entries reach down to float16's smallest numbers."""
    rng = np.random.default_rng(seed)
    sizes = 10.0 ** rng.uniform(-8, 0, size=(n, dim))
    return unit(sizes * rng.choice([-1, 1], size=(n, dim))).astype(np.float16)


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, dim=st.integers(1, 300))
def test_products_are_summed_without_any_error(seed: int, dim: int) -> None:
    left, right = stored(2, dim, seed)
    exact = sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(left, right, strict=True))
    assert Fraction(float(left.astype(np.float64) @ right.astype(np.float64))) == exact
    squared = math.fsum(float(a) ** 2 for a in left)
    assert cosine.squared_lengths(left[None])[0] == squared


@settings(deadline=None, max_examples=30)
@given(seed=SEEDS, dim=st.integers(1, 300))
def test_the_order_of_dimensions_does_not_show(seed: int, dim: int) -> None:
    left, right = stored(3, dim, seed), stored(5, dim, seed + 1)
    shuffled = np.random.default_rng(seed).permutation(dim)
    plain = cosine.cosines(left, right)
    assert (plain == cosine.cosines(left[:, shuffled], right[:, shuffled])).all()
    products, squared = cosine.products(right[:, shuffled], left[0, shuffled])
    micro = cosine.micro(products, squared, cosine.squared_lengths(left)[0])
    assert (micro / cosine.MICRO == plain[0]).all()


def test_cosines_by_hand() -> None:
    left = np.array([[1, 0], [0.6, 0.8]])
    found = cosine.cosines(cosine.as_stored(left), cosine.as_stored(left))
    assert found[0, 0] == found[1, 1] == 1
    assert found[0, 1] == pytest.approx(0.6, abs=1e-3)
    assert found[0, 1] == round(found[0, 1], 6)


@pytest.mark.parametrize(
    "vectors",
    [
        np.array([[2.0, 0.0]]),
        np.array([[0.0, 0.0]]),
        np.array([[1.0, 0.0], [np.nan, 0.0]]),
        np.array([1.0, 0.0]),
    ],
)
def test_only_tables_of_unit_vectors_are_compared(vectors: np.ndarray) -> None:
    with pytest.raises(errors.InputError, match="vectors"):
        cosine.as_stored(vectors)
