"""Exact search equals brute force in float64, ties included, however it is batched."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from index_worlds import clustered, slow_search, uids_of, unit, write_store

from sept_core import errors
from sept_core.features import feature_store
from sept_core.index import exact, lists


def as_pairs(found: lists.Lists) -> tuple[list[list[bytes]], list[list[float]]]:
    """Uids and similarities of the used slots."""
    used = [row > -np.inf for row in found.similarity]
    uids = [row[mask].tolist() for row, mask in zip(found.uids, used, strict=True)]
    similarity = [row[mask].tolist() for row, mask in zip(found.similarity, used, strict=True)]
    return uids, similarity


def crowded(n: int, dim: int, seed: int) -> np.ndarray:
    """Vectors with many exact copies and many that differ in one last float16 digit."""
    rng = np.random.default_rng(seed)
    few = unit(rng.normal(size=(3, dim))).astype(np.float16)
    vectors = few[rng.integers(3, size=n)]
    nudged = rng.random((n, dim)) < 0.1
    vectors[nudged] = np.nextafter(vectors[nudged], np.float16(2))
    return vectors


@settings(deadline=None, max_examples=40)
@given(
    n=st.integers(1, 150),
    k=st.integers(1, 160),
    seed=st.integers(0, 10**6),
    block_rows=st.integers(1, 160),
    shards=st.integers(1, 3),
    masked=st.booleans(),
    copies=st.booleans(),
)
def test_equals_brute_force(
    tmp_path_factory: pytest.TempPathFactory,
    n: int,
    k: int,
    seed: int,
    block_rows: int,
    shards: int,
    masked: bool,
    copies: bool,
) -> None:
    vectors = crowded(n, 7, seed) if copies else clustered(n, 7, seed)
    queries = np.concatenate([vectors[:2], clustered(3, 7, seed + 1)])
    allowed = np.random.default_rng(seed).random(n) < 0.5 if masked else None
    uids = uids_of(n)
    store = write_store(tmp_path_factory.mktemp("s"), uids, vectors, -(-n // shards))
    found = exact.search(store, queries, k, allowed=allowed, device="cpu", block_rows=block_rows)
    assert as_pairs(found) == slow_search(uids, vectors, queries, k, allowed)
    used = found.rows >= 0
    assert (store.uids[found.rows[used]] == found.uids[used]).all()
    assert (found.uids[~used] == b"").all()
    assert np.isneginf(found.similarity[~used]).all()


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10**6), shard_rows=st.integers(60, 300), block_rows=st.integers(20, 400))
def test_batches_and_layouts_give_the_same_lists(
    tmp_path_factory: pytest.TempPathFactory, seed: int, shard_rows: int, block_rows: int
) -> None:
    uids, vectors = uids_of(300), np.concatenate([crowded(100, 40, seed), clustered(200, 40, seed)])
    queries = clustered(30, 40, seed + 1)
    plain = write_store(tmp_path_factory.mktemp("a"), uids, vectors)
    order = np.random.default_rng(seed).permutation(300)
    other = write_store(tmp_path_factory.mktemp("b"), uids[order], vectors[order], shard_rows)
    whole = exact.search(plain, queries, 20, device="cpu")
    for query in (0, 29):
        single = exact.search(
            other, queries[query : query + 1], 20, device="cpu", block_rows=block_rows
        )
        assert (single.uids[0] == whole.uids[query]).all()
        assert (single.similarity[0] == whole.similarity[query]).all()


def test_thousands_of_copies_are_told_apart_by_uid(tmp_path: Path) -> None:
    vectors = np.repeat(clustered(2, 16), [3000, 5], axis=0)
    uids = uids_of(len(vectors))
    store = write_store(tmp_path, uids, vectors, 700)
    found = exact.search(store, vectors[:1], 40, device="cpu", block_rows=900)
    assert (found.uids[0] == np.sort(uids[:3000])[:40]).all()


def test_errors_of_the_engine_within_the_bound_do_not_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine whose scores are as wrong as float32 allows still leads to the exact lists."""
    dim = 256
    base = clustered(1, dim).astype(np.float16)
    vectors = np.repeat(base, 400, axis=0)
    rng = np.random.default_rng(0)
    nudged = rng.random(vectors.shape) < 0.05
    vectors[nudged] = np.nextafter(vectors[nudged], np.float16(2))
    uids = uids_of(400)
    store = write_store(tmp_path, uids, vectors, 150)

    def sloppy(queries: np.ndarray, block: np.ndarray) -> np.ndarray:
        raw = queries.astype(np.float64) @ block.astype(np.float64).T
        return raw * (1 + dim * 2.0**-24 * rng.choice([-1, 1], size=raw.shape))

    def nearest(queries: np.ndarray, block: np.ndarray, count: int) -> exact.Pair:
        raw = sloppy(queries, block)
        order = np.argsort(-raw, axis=1)[:, :count]
        return np.take_along_axis(raw, order, axis=1).astype(np.float32), order

    def above(queries: np.ndarray, block: np.ndarray, least: np.ndarray) -> exact.Pair:
        owner, number = np.nonzero(sloppy(queries, block) >= least[:, None])
        return owner, number

    monkeypatch.setattr(exact, "CPU", exact.Engine(nearest, above))
    for block_rows in (200, 50):
        found = exact.search(store, base, 10, device="cpu", block_rows=block_rows)
        assert as_pairs(found) == slow_search(uids, vectors, base, 10)


@pytest.mark.parametrize("most", [0, 30])
def test_too_many_candidates_are_ranked_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    vectors, queries = clustered(900, 24), clustered(7, 24, 5)
    store = write_store(tmp_path, uids_of(900), vectors, 300)
    expected = exact.search(store, queries, 30, device="cpu", block_rows=900)
    monkeypatch.setattr(exact, "MOST_PAIRS", most)
    monkeypatch.setattr(exact, "TILE_SCORES", 350)
    found = exact.search(store, queries, 30, device="cpu", block_rows=150)
    assert (found.uids == expected.uids).all()
    assert (found.similarity == expected.similarity).all()


def test_torch_gives_the_same_lists_and_leaves_its_settings_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = np.concatenate([crowded(300, 24, 0), clustered(700, 24)])
    store = write_store(tmp_path, uids_of(1000), vectors, 300)
    queries = clustered(40, 24, 5)
    expected = exact.search(store, queries, 30, device="cpu", block_rows=400)
    monkeypatch.setattr(exact, "CPU", exact.torch_engine("cpu"))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        found = exact.search(store, queries, 30, device="cpu", block_rows=400)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)
    assert (found.uids == expected.uids).all()
    assert (found.similarity == expected.similarity).all()


def test_memory_does_not_grow_with_the_pool(tmp_path: Path) -> None:
    peaks = []
    for size in (2_000, 16_000):
        folder = tmp_path / str(size)
        write_store(folder, uids_of(size), clustered(size, 32), 1000)
        tracemalloc.start()
        exact.search(
            feature_store.FeatureStore(folder),
            clustered(20, 32, 1),
            10,
            device="cpu",
            block_rows=500,
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    vectors_more = 14_000 * 32 * 2
    assert peaks[1] - peaks[0] < 0.1 * vectors_more


def test_nothing_to_find(tmp_path: Path) -> None:
    store = write_store(tmp_path, uids_of(5), clustered(5, 4))
    found = exact.search(store, clustered(2, 4), 3, allowed=np.zeros(5, bool), device="cpu")
    assert (found.rows == -1).all() and (found.uids == b"").all()
    empty = feature_store.FeatureStore(tmp_path / "missing")
    assert exact.search(empty, clustered(2, 4), 3, device="cpu").rows.tolist() == [[-1] * 3] * 2
    assert exact.search(store, np.empty((0, 4)), 3, device="cpu").rows.shape == (0, 3)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    store = write_store(tmp_path, uids_of(5), clustered(5, 4))
    with pytest.raises(errors.InputError, match="at least 1"):
        exact.search(store, clustered(2, 4), 0)
    with pytest.raises(errors.InputError, match="same encoder"):
        exact.search(store, clustered(2, 6), 1)
    with pytest.raises(errors.InputError, match="mask"):
        exact.search(store, clustered(2, 4), 1, allowed=np.ones(4, bool))
