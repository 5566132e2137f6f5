"""The nearest of a set against the slow, obvious search, ties and all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index_worlds import clustered

from sept_core.index import among, cosine


def slow(vectors: np.ndarray, members: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    cosines = cosine.cosines(vectors, members)
    order = np.lexsort((np.broadcast_to(np.arange(len(members)), cosines.shape), -cosines))[:, :k]
    return order, np.take_along_axis(cosines, order, axis=1)


@settings(deadline=None, max_examples=40)
@given(
    images=st.integers(1, 50),
    members=st.integers(1, 60),
    copies=st.integers(1, 20),
    k=st.integers(1, 70),
    dim=st.sampled_from([2, 16]),
    seed=st.integers(0, 100),
)
def test_top_is_the_slow_search(
    images: int, members: int, copies: int, k: int, dim: int, seed: int
) -> None:
    vectors = cosine.as_stored(clustered(images, dim, seed))
    one = cosine.as_stored(clustered(members, dim, seed + 1))
    some = np.concatenate([one] * copies)  # more equals than there is slack
    places, cosines = among.Among(some).top(vectors, k)
    expected = slow(vectors, some, min(k, len(some)))
    assert (places == expected[0]).all()
    assert (cosines == expected[1]).all()


def test_nearest_is_the_first_of_equals() -> None:
    members = cosine.as_stored(np.eye(3)[[1, 0, 1, 0]])
    places, cosines = among.Among(members).nearest(cosine.as_stored(np.eye(3)))
    assert places.tolist() == [1, 0, 0]
    assert cosines.tolist() == [1, 1, 0]


def test_memory_at_once_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, members = (cosine.as_stored(clustered(40, 16, seed)) for seed in (1, 2))
    whole = among.Among(members).top(vectors, 5)
    monkeypatch.setattr(among, "PAIRS", 30)
    parts = among.Among(members).top(vectors, 5)
    assert all((a == b).all() for a, b in zip(whole, parts, strict=True))
