"""The map: neighbours stay neighbours, the same every time, and small pools are no problem."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from sept_core import errors
from sept_core.features import feature_store
from sept_core.jobs import job_folder
from sept_core.projection import umap_layout
from sept_core.storage import atomic, hashing

DIM = 12


def make_store(
    folder: Path, vectors: np.ndarray, *, start: int = 0, encoder: str = "toy-12345678"
) -> feature_store.FeatureStore:
    """Stored in two shards; the uid of row n is that of the number `start` + n."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    uids = [hashing.uid_of(str(start + row).encode()) for row in range(len(unit))]
    empty = feature_store.OUTCOME_SCHEMA.empty_table()
    half = len(unit) // 2
    for number, part in enumerate((slice(0, half), slice(half, None))):
        names = np.array(uids[part], hashing.UID_DTYPE)
        feature_store.write_shard(folder, number, encoder, names, unit[part], empty)
    return feature_store.FeatureStore(folder)


def blobs(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three kinds of vectors, and the kind of each."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(count) % 3
    return np.eye(DIM)[kinds] * 3 + rng.normal(size=(count, DIM)) * 0.4, kinds


def request(store: feature_store.FeatureStore, out: Path, **changes: object) -> dict:
    small = {"sample": 60, "n_neighbors": 8, "clusters": 3, "target_stores": {}}
    return {"store": str(store.folder), "out": str(out)} | small | changes


def run(folder: Path, wanted: dict) -> dict:
    folder.mkdir()
    atomic.write_json(folder / "settings.json", wanted)
    return umap_layout.main(job_folder.JobFolder(folder))


def test_the_worker_maps_pool_and_targets(tmp_path: Path) -> None:
    vectors, kinds = blobs(150)
    store = make_store(tmp_path / "pool", vectors)
    targets = make_store(tmp_path / "cats", blobs(9, seed=1)[0], start=1000)
    wanted = request(store, tmp_path / "out", target_stores={"cats": str(targets.folder)})
    result = run(tmp_path / "job", wanted)
    header = atomic.read_json(tmp_path / "out" / "header.json")
    assert header == result
    assert (header["content_id"], header["sample"]) == (store.content_id(), 60)
    assert header["trustworthiness"] > 0.8

    points = pq.read_table(tmp_path / "out" / "map.parquet")
    assert points["uid"].to_pylist() == store.uids.astype(str).tolist()
    places = np.stack([points["x"].to_numpy(), points["y"].to_numpy()], axis=1)
    centres = np.array([places[kinds == kind].mean(axis=0) for kind in range(3)])
    nearest = np.linalg.norm(places[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == kinds).mean() > 0.95  # most images are not in the sample
    clusters = points["cluster"].to_numpy()
    assert len({(kind, cluster) for kind, cluster in zip(kinds, clusters, strict=True)}) == 3

    marks = pq.read_table(tmp_path / "out" / "targets.parquet")
    assert marks["target"].to_pylist() == ["cats"] * 9
    assert marks["uid"].to_pylist() == targets.uids.astype(str).tolist()
    at = np.stack([marks["x"].to_numpy(), marks["y"].to_numpy()], axis=1)
    assert (np.linalg.norm(at[:, None] - centres, axis=2).argmin(axis=1) == np.arange(9) % 3).all()

    again = run(tmp_path / "again", wanted | {"out": str(tmp_path / "twice")})
    assert again["trustworthiness"] == header["trustworthiness"]
    assert pq.read_table(tmp_path / "twice" / "map.parquet") == points
    assert pq.read_table(tmp_path / "twice" / "targets.parquet") == marks


def test_the_largest_cluster_comes_first(tmp_path: Path) -> None:
    kinds = np.repeat([0, 1, 2], [5, 20, 12])
    rng = np.random.default_rng(0)
    store = make_store(tmp_path / "pool", np.eye(DIM)[kinds] * 5 + rng.normal(size=(37, DIM)) * 0.1)
    run(tmp_path / "job", request(store, tmp_path / "out"))
    clusters = pq.read_table(tmp_path / "out" / "map.parquet")["cluster"].to_numpy()
    assert clusters.tolist() == np.repeat([2, 0, 1], [5, 20, 12]).tolist()


@pytest.mark.parametrize(
    ("vectors", "note"),
    [
        (blobs(1)[0], "a single point"),
        (blobs(2)[0], "a line"),
        (blobs(9)[0], "principal components"),
        (blobs(11)[0], None),
        (np.ones((30, DIM)), "a single point"),
        (np.eye(DIM)[np.arange(30) % 2], "a line"),
    ],
)
def test_small_and_uniform_pools_are_mapped(
    tmp_path: Path, vectors: np.ndarray, note: str | None
) -> None:
    store = make_store(tmp_path / "pool", vectors)
    result = run(tmp_path / "job", request(store, tmp_path / "out"))
    points = pq.read_table(tmp_path / "out" / "map.parquet")
    assert points.num_rows == len(vectors)
    assert np.isfinite(points["x"].to_numpy()).all()
    assert np.isfinite(points["y"].to_numpy()).all()
    assert (result["trustworthiness"] is None) == (len(vectors) <= 16)
    assert result["note"] is None if note is None else note in result["note"]


def test_an_image_of_the_sample_keeps_its_place() -> None:
    vectors = np.eye(6, dtype=np.float32)
    layout = umap_layout.Layout(vectors, np.arange(12, dtype=np.float32).reshape(6, 2))
    assert umap_layout.place(layout, vectors) == pytest.approx(layout.places, abs=1e-2)
    between = (vectors[:1] + vectors[1:2]) / np.sqrt(2)
    ((x, y),) = umap_layout.place(layout, between)
    assert 0 < x < 5 and 1 < y < 6  # near the first two, drawn a little to the others


def test_an_empty_pool_and_another_encoder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = feature_store.FeatureStore(tmp_path / "empty")
    with pytest.raises(errors.InputError, match="embed the pool first"):
        run(tmp_path / "job", request(empty, tmp_path / "out"))
    store = make_store(tmp_path / "pool", blobs(12)[0])
    other = make_store(tmp_path / "other", blobs(12)[0], encoder="other-12345678")
    wanted = request(store, tmp_path / "out", target_stores={"cats": str(other.folder)})
    with pytest.raises(
        errors.IntegrityError, match="target set 'cats' were computed with other-12345678"
    ):
        run(tmp_path / "job2", wanted)
    assert not (tmp_path / "out" / "header.json").exists()
