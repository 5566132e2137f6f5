"""The neighbour graph: nearest other images, copies included, exact or measured."""

from pathlib import Path

import numpy as np
import pytest
from index_worlds import clustered, slow_search, uids_of, write_store

from sept_core import errors
from sept_core.features import feature_store
from sept_core.index import graph
from sept_core.jobs import job_folder
from sept_core.storage import atomic


def slow_graph(uids: np.ndarray, vectors: np.ndarray, k: int) -> list[list[bytes]]:
    """The k nearest other images of each, by brute force."""
    found, _ = slow_search(uids, vectors, vectors, len(uids))
    return [
        [uid for uid in line if uid != own][:k]
        for own, line in zip(uids.tolist(), found, strict=True)
    ]


def build(store: feature_store.FeatureStore, job: Path, **settings: object) -> graph.Graph:
    """Through the worker and back from disk."""
    job.mkdir()
    out = str(job / "graph")
    atomic.write_json(job / "settings.json", {"store": str(store.folder), "out": out, **settings})
    graph.main(job_folder.JobFolder(job))
    return graph.load(job / "graph")


def test_neighbours_are_the_nearest_others(tmp_path: Path) -> None:
    vectors = np.concatenate([np.repeat(clustered(1, 8), 40, axis=0), clustered(110, 8)])
    uids = uids_of(150)
    store = write_store(tmp_path / "s", uids, vectors, 60)
    found = build(store, tmp_path / "job", k=5, device="cpu")
    assert [found.uids[line].tolist() for line in found.neighbours] == slow_graph(uids, vectors, 5)
    assert (found.neighbours != np.arange(150)[:, None]).all()
    assert found.recall == 1
    assert (found.encoder_id, found.content_id) == ("e-1", store.content_id())
    assert (np.diff(found.similarity, axis=1) <= 0).all()


def test_a_pool_smaller_than_k_leaves_slots_unused(tmp_path: Path) -> None:
    store = write_store(tmp_path / "s", uids_of(3), clustered(3, 8))
    found = build(store, tmp_path / "job", k=4, device="cpu")
    assert ((found.neighbours >= 0).sum(axis=1) == 2).all()
    assert (found.neighbours[:, 2:] == -1).all()
    assert np.isneginf(found.similarity[:, 2:]).all()


def test_a_large_pool_is_linked_through_an_index_and_measured(tmp_path: Path) -> None:
    uids, vectors = uids_of(3000), clustered(3000, 8)
    store = write_store(tmp_path / "s", uids, vectors, 1000)
    found = build(store, tmp_path / "job", k=6, exact_limit=100, device="cpu")
    true = build(store, tmp_path / "exact", k=6, device="cpu")
    hits = [len(set(a) & set(b)) for a, b in zip(found.neighbours, true.neighbours, strict=True)]
    assert 0.93 <= found.recall <= 1
    assert sum(hits) / (6 * 3000) == pytest.approx(found.recall, abs=0.03)
    assert (found.neighbours != np.arange(3000)[:, None]).all()


def test_positions_by_uid(tmp_path: Path) -> None:
    store = write_store(tmp_path / "s", uids_of(20), clustered(20, 8))
    found = build(store, tmp_path / "job", k=2, device="cpu")
    asked = np.array([[7, 3], [0, 19]])
    assert (found.positions(found.uids[asked]) == asked).all()
    with pytest.raises(errors.IntegrityError, match="Build the neighbour graph again"):
        found.positions(np.array([b"f" * 32], "S32"))


def test_what_cannot_be_built_or_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.InputError, match="embed the pool first"):
        graph.build(feature_store.FeatureStore(tmp_path), graph.Settings("", ""), lambda done: None)
    with pytest.raises(errors.NotFoundError):
        graph.load(tmp_path)
    atomic.write_json(tmp_path / "header.json", {"format": 99})
    with pytest.raises(errors.IntegrityError, match="format 99"):
        graph.load(tmp_path)
