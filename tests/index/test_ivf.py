"""The approximate index: tuned and measured recall, canonical similarities, refusals."""

from pathlib import Path

import numpy as np
import pytest
from index_worlds import clustered, slow_search, uids_of, write_store

from sept_core import errors
from sept_core.features import feature_store
from sept_core.index import exact, ivf, lists
from sept_core.jobs import job_folder
from sept_core.storage import atomic

DIM = 16


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> feature_store.FeatureStore:
    folder = tmp_path_factory.mktemp("pool")
    return write_store(folder, uids_of(4000), clustered(4000, DIM), 1500)


@pytest.fixture(scope="module")
def index(store: feature_store.FeatureStore, tmp_path_factory: pytest.TempPathFactory) -> ivf.Index:
    folder = tmp_path_factory.mktemp("job")
    settings = {"store": str(store.folder), "out": str(folder / "index"), "nlist": 60, "k": 20}
    atomic.write_json(folder / "settings.json", settings)
    result = ivf.main(job_folder.JobFolder(folder))
    assert atomic.read_json(folder / "progress.json")["done"] == 4000
    loaded = ivf.load(folder / "index")
    assert result["recall"] == loaded.recall and result["index_id"] == loaded.id
    return loaded


def test_recall_is_tuned_and_honest(store: feature_store.FeatureStore, index: ivf.Index) -> None:
    assert 1 <= index.header["nprobe"] < index.header["nlist"] == 60
    assert index.header["recall_queries"] == 200
    queries = clustered(300, DIM, seed=7)
    found, truth = index.search(store, queries, 20), exact.search(store, queries, 20, device="cpu")
    assert index.recall >= 0.96
    assert lists.recall(found, truth) == pytest.approx(index.recall, abs=0.03)


def test_similarities_are_the_canonical_ones(
    store: feature_store.FeatureStore, index: ivf.Index
) -> None:
    queries = clustered(3, DIM, seed=8)
    found = index.search(store, queries, 20)
    vectors = store.gather(np.arange(4000))
    uids, similarity = slow_search(store.uids, vectors, queries, 4000)
    for line in range(3):
        true = dict(zip(uids[line], similarity[line], strict=True))
        assert [true[uid] for uid in found.uids[line].tolist()] == found.similarity[line].tolist()
        order = np.lexsort((found.uids[line], -found.similarity[line]))
        assert (order == np.arange(20)).all()


def test_only_allowed_images_are_found_and_lists_are_filled(
    store: feature_store.FeatureStore, index: ivf.Index
) -> None:
    allowed = np.zeros(4000, bool)
    allowed[::40] = True
    queries = clustered(5, DIM, seed=9)
    found = index.search(store, queries, 100, allowed=allowed)
    expected = exact.search(store, queries, 100, allowed=allowed, device="cpu")
    assert (found.uids == expected.uids).all()  # all 100 that there are: every list was visited
    short = index.search(store, queries, 120, allowed=allowed)
    assert ((short.rows >= 0).sum(axis=1) == 100).all()


def test_targets_tune_the_index_if_there_are_some(
    store: feature_store.FeatureStore, tmp_path: Path
) -> None:
    targets = write_store(tmp_path / "targets", uids_of(30), clustered(30, DIM, seed=3))
    missing = str(tmp_path / "none")
    for folders, measured in ([str(targets.folder), missing], 15), ([missing], 200):
        settings = ivf.Settings(str(store.folder), "", queries=folders, k=5)
        built = ivf.build(store, settings, lambda done: None)
        assert built.header["recall_queries"] == measured


def test_the_memory_allowed_decides_the_codes(tmp_path: Path) -> None:
    even = np.random.default_rng(0).standard_normal((40_000, 64))
    even /= np.linalg.norm(even, axis=1, keepdims=True)
    wide = write_store(tmp_path, uids_of(40_000), even, 25_000)

    def build(memory: int) -> ivf.Index:
        settings = ivf.Settings(str(tmp_path), "", k=5, nlist=20, memory=memory)
        return ivf.build(wide, settings, lambda done: None)

    roomy, tight = build(1024), build(1)
    assert tight.header["bytes"] <= 2**20 < roomy.header["bytes"]
    assert min(tight.recall, roomy.recall) >= 0.97  # more candidates make up for coarse codes
    assert tight.header["reach"] >= roomy.header["reach"]
    with pytest.raises(errors.InputError, match="at least 1 MiB of memory, but the limit is 0 MiB"):
        build(0)


def test_a_tiny_pool_is_found_whole(tmp_path: Path) -> None:
    small = write_store(tmp_path, uids_of(7), clustered(7, DIM))
    built = ivf.build(small, ivf.Settings(str(tmp_path), ""), lambda done: None)
    found = built.search(small, clustered(2, DIM, 1), 9)
    assert built.recall == 1
    assert (found.uids == exact.search(small, clustered(2, DIM, 1), 9, device="cpu").uids).all()


def test_another_store_is_refused(index: ivf.Index, tmp_path: Path) -> None:
    other = write_store(tmp_path, uids_of(10), clustered(10, DIM))
    with pytest.raises(errors.IntegrityError, match="Build the index again"):
        index.search(other, clustered(1, DIM), 3)


def test_an_unfinished_or_foreign_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFoundError):
        ivf.load(tmp_path)
    atomic.write_json(tmp_path / "header.json", {"format": 99})
    with pytest.raises(errors.IntegrityError, match="format 99"):
        ivf.load(tmp_path)


def test_an_empty_pool_cannot_be_indexed(tmp_path: Path) -> None:
    with pytest.raises(errors.InputError, match="embed the pool first"):
        ivf.build(feature_store.FeatureStore(tmp_path), ivf.Settings("", ""), lambda done: None)


def test_recall_by_hand() -> None:
    def named(rows: list[list[int]]) -> lists.Lists:
        table = np.array(rows)
        return lists.Lists(table, table.astype("S32"), np.zeros(table.shape))

    assert lists.recall(named([[1, 2, 3], [4, -1, -1]]), named([[3, 9, 1], [4, 5, -1]])) == 3 / 5
    assert lists.recall(named([[-1]]), named([[-1]])) == 1
