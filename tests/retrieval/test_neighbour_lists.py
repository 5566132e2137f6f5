"""Neighbour lists by uid, nearest targets, radii and the ruler of the floor."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core import errors
from sept_core.features import feature_store
from sept_core.index import graph, ivf
from sept_core.retrieval import neighbour_lists
from sept_core.storage import hashing

DIM = 10
N = 300


def unit(n: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, DIM)) + 0.7
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def named(n: int, what: str) -> np.ndarray:
    return np.array([hashing.uid_of(f"{what} {i}".encode()) for i in range(n)], hashing.UID_DTYPE)


UIDS, POOL = named(N, "pool"), unit(N, 0)
POOL[50:90] = POOL[50]
TARGET_UIDS, TARGETS = named(8, "target"), unit(8, 1)


def write_store(folder: Path, order: np.ndarray, shard_rows: int = N) -> feature_store.FeatureStore:
    for number, low in enumerate(range(0, len(order), shard_rows)):
        part = order[low : low + shard_rows]
        feature_store.write_shard(folder, number, "e-1", UIDS[part], POOL[part], pa.table({}))
    return feature_store.FeatureStore(folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> feature_store.FeatureStore:
    return write_store(tmp_path_factory.mktemp("pool"), np.arange(N))


@pytest.fixture(scope="module")
def index(store: feature_store.FeatureStore) -> ivf.Index:
    return ivf.build(store, ivf.Settings(str(store.folder), "", nlist=4, k=5), lambda done: None)


def slow_cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    a, b = left.astype(np.float64), right.astype(np.float64)
    lengths = np.sqrt((a * a).sum(axis=1)[:, None] * (b * b).sum(axis=1))
    return np.round((a[:, None, :] * b[None]).sum(axis=2) / lengths, 6)


COSINES = slow_cosines(TARGETS, POOL)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 1000), shard_rows=st.integers(60, N), k=st.integers(1, N + 3))
def test_lists_by_uid_in_any_layout(
    tmp_path_factory: pytest.TempPathFactory, seed: int, shard_rows: int, k: int
) -> None:
    rng = np.random.default_rng(seed)
    order = rng.permutation(N)
    pool = write_store(tmp_path_factory.mktemp("s"), order, shard_rows)
    allowed = rng.random(N) < 0.8
    found = neighbour_lists.find_neighbours(
        pool, TARGETS, TARGET_UIDS, k, allowed=allowed, device="cpu", block_rows=77
    )
    assert (found.targets == TARGET_UIDS).all()
    assert (found.recall, found.index_id) == (1.0, None)
    assert found.complete == (k >= allowed.sum())
    rows = order[allowed]
    for target in range(len(TARGETS)):
        best = sorted(zip(-COSINES[target, rows], UIDS[rows].tolist(), strict=True))[:k]
        used = len(best)
        assert found.uids[target, :used].tolist() == [uid for _, uid in best]
        assert found.similarity[target, :used].tolist() == [-value for value, _ in best]
        assert (found.uids[target, used:] == b"").all()
        assert np.isneginf(found.similarity[target, used:]).all()


def test_a_longer_list_begins_with_the_shorter_one(store: feature_store.FeatureStore) -> None:
    short = neighbour_lists.find_neighbours(store, TARGETS, TARGET_UIDS, 20, device="cpu")
    long = neighbour_lists.find_neighbours(store, TARGETS, TARGET_UIDS, 40, device="cpu")
    assert (long.uids[:, :20] == short.uids).all()


def test_an_index_says_that_it_is_one(store: feature_store.FeatureStore, index: ivf.Index) -> None:
    found = neighbour_lists.find_neighbours(store, TARGETS, TARGET_UIDS, 5, index=index)
    assert (found.recall, found.index_id) == (index.recall, index.id)
    assert not found.complete
    true = neighbour_lists.find_neighbours(store, TARGETS, TARGET_UIDS, 5, device="cpu")
    hits = [len(np.intersect1d(a, b)) for a, b in zip(found.uids, true.uids, strict=True)]
    assert sum(hits) / 40 >= 0.8


def test_nearest_target_of_each_image(store: feature_store.FeatureStore) -> None:
    queries = np.concatenate([TARGETS, TARGETS[:1]])  # the same vector under a second uid
    names = np.concatenate([TARGET_UIDS, named(1, "twin")])
    asked = UIDS[::-3]
    found = neighbour_lists.nearest_targets(store, asked, queries, names)
    cosines = slow_cosines(queries, POOL)
    for place, uid in enumerate(asked.tolist()):
        row = int(np.flatnonzero(uid == UIDS)[0])
        best = min(zip(-cosines[:, row], names.tolist(), strict=True))
        assert (-found.similarity[place], found.target_uids[place]) == best
    with pytest.raises(errors.NotFoundError):
        neighbour_lists.nearest_targets(store, named(1, "stranger"), queries, names)


def test_radii_are_means_over_ten(store: feature_store.FeatureStore) -> None:
    lists = neighbour_lists.find_neighbours(store, TARGETS, TARGET_UIDS, 15, device="cpu")
    expected = np.sort(COSINES, axis=1)[:, -10:].mean(axis=1)
    np.testing.assert_allclose(neighbour_lists.target_radius(lists), expected, atol=1e-6)

    pool = graph.build(
        store, graph.Settings(str(store.folder), "", k=12, device="cpu"), lambda done: None
    )
    among = slow_cosines(POOL, POOL)
    np.fill_diagonal(among, -np.inf)
    expected = np.sort(among, axis=1)[:, -10:].mean(axis=1)
    asked = np.array([200, 3, 60])
    found = neighbour_lists.pool_radius(pool, UIDS[asked])
    np.testing.assert_allclose(found, expected[asked], atol=1e-6)
    with pytest.raises(errors.IntegrityError, match="neighbour graph"):
        neighbour_lists.pool_radius(pool, named(1, "stranger"))


def test_short_lists_have_the_radius_of_what_they_hold(store: feature_store.FeatureStore) -> None:
    allowed = np.zeros(N, bool)
    allowed[:3] = True
    lists = neighbour_lists.find_neighbours(
        store, TARGETS, TARGET_UIDS, 15, allowed=allowed, device="cpu"
    )
    expected = COSINES[:, :3].mean(axis=1)
    np.testing.assert_allclose(neighbour_lists.target_radius(lists), expected, atol=1e-6)
    none = neighbour_lists.find_neighbours(
        store, TARGETS, TARGET_UIDS, 15, allowed=np.zeros(N, bool), device="cpu"
    )
    assert neighbour_lists.target_radius(none).tolist() == [0.0] * len(TARGETS)


def test_background_is_every_target_against_a_sample(store: feature_store.FeatureStore) -> None:
    whole = neighbour_lists.background_similarities(store, TARGETS, seed=0, n=N)
    assert (whole == np.sort(COSINES, axis=None)).all()
    some = neighbour_lists.background_similarities(store, TARGETS, seed=4, n=20)
    by_hash = sorted(range(N), key=lambda row: hashing.hashed_uniform(4, UIDS[row].decode()))
    assert (some == np.sort(COSINES[:, by_hash[:20]], axis=None)).all()


def test_percentiles_of_the_background() -> None:
    background = np.arange(100) / 100
    assert neighbour_lists.similarity_at(background, 0) == 0
    assert neighbour_lists.similarity_at(background, 99.5) == 0.99
    assert neighbour_lists.similarity_at(background, 100) == 0.99
    assert neighbour_lists.similarity_at(background, 50) == 0.5
    with pytest.raises(errors.InputError, match="101"):
        neighbour_lists.similarity_at(background, 101)
    with pytest.raises(errors.InputError, match="pool with features"):
        neighbour_lists.similarity_at(np.empty(0), 50)
