"""The map: every pool and target image as a point on a plane, similar images close together.

A worker (`python -m sept_core.projection.umap_layout JOB_FOLDER`). In: feature stores of the pool
and of target sets under one encoder. Out: `map.parquet` (uid, x, y, cluster), `targets.parquet`
(target, uid, x, y) and, written last, `header.json`.

UMAP (McInnes et al., arXiv 1802.03426) lays out a sample; every other image is placed at its
nearest sampled images. With UMAP's own `transform`, the place would depend on the other images in
the batch, and laying out the sample (UMAP's own neighbour search and compilation) took six times as
long as with the exact search used here.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn import manifold

from sept_core import errors
from sept_core.features.feature_store import FeatureStore
from sept_core.index import blocks
from sept_core.jobs import job_folder
from sept_core.retrieval import scoring
from sept_core.storage import atomic, hashing

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Tensorflow not installed", ImportWarning)  # not needed
    import umap

FEWEST = 10
"""Fewer images are laid out by principal components alone, as are images that are all alike."""

ANCHORS = 5
"""Number of sampled images that determine the place of an image outside the sample."""

CHECKED = 2000
"""Images on which the map's trustworthiness is measured."""


BLOCK_ROWS = 16384

_TARGETS = pa.schema(
    [("target", pa.string()), ("uid", pa.string()), ("x", pa.float32()), ("y", pa.float32())]
)


@dataclass(frozen=True)
class Settings:
    """Settings of the job: folders, and parameters of the map.

    `target_stores` maps names to folders; `sample` images at most go through UMAP, whose
    `n_neighbors` and `min_dist` these are; `clusters` are for colour and for group vetoes.
    """

    store: str
    target_stores: dict[str, str]
    out: str
    sample: int = 20_000
    n_neighbors: int = 15
    min_dist: float = 0.1
    clusters: int = 40
    seed: int = 0


@dataclass(frozen=True)
class Layout:
    """The sample on the plane.

    Attributes:
        vectors: (n, D) float32.
        places: (n, 2) float32.
        note: a sentence if they were not placed by UMAP, else None.
    """

    vectors: np.ndarray
    places: np.ndarray
    note: str | None = None


def lay_out(store: FeatureStore, settings: Settings) -> Layout:
    """Place a hash-drawn sample with UMAP; the same for the same store and settings.

    Raises:
        InputError: the store is empty.
    """
    if not len(store):
        raise errors.InputError(f"{store.folder} contains no features; embed the pool first.")
    uids = scoring.background_sample(store, settings.seed, settings.sample)
    vectors = store.vectors_of(uids).astype(np.float32)
    start = _principal_plane(vectors)
    if note := _too_plain(start):
        return Layout(vectors, start, note)
    count = min(settings.n_neighbors, len(uids) - 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"precomputed_knn\[2\]")  # no transform needed
        mapper = umap.UMAP(
            n_neighbors=count,
            min_dist=settings.min_dist,
            init=start,
            precomputed_knn=_neighbours(vectors, count),
            random_state=settings.seed,
            n_jobs=1,
        )
        places = mapper.fit_transform(vectors)
    return Layout(vectors, places.astype(np.float32))


def _too_plain(start: np.ndarray) -> str | None:
    """Return why the map uses principal components (n, 2) instead of UMAP, or None."""
    extent = np.ptp(start, axis=0) > 1e-4  # it was scaled to 10; less is rounding errors
    if not extent.any():
        return "All images have the same features, so the map is a single point."
    if not extent.all():
        return "The features differ in one direction only, so the map is a line."
    if len(start) < FEWEST:
        return (
            f"With fewer than {FEWEST} images, the map shows the first two principal components "
            "instead of UMAP."
        )
    return None


def place(layout: Layout, vectors: np.ndarray) -> np.ndarray:
    """(n, 2) float32 places of any images: the mean of their anchors', by inverse distance.

    An image of the sample, or its copy, comes to lie (almost) on its own place.

    Args:
        layout: the sample.
        vectors: (n, D) unit vectors.
    """
    similarity, anchors = _search(layout.vectors, vectors, min(ANCHORS, len(layout.vectors)))
    weights = 1 / np.maximum(1 - similarity, 1e-4)
    weights /= weights.sum(axis=1, keepdims=True)
    places: np.ndarray = np.einsum("nk,nkd->nd", weights, layout.places[anchors])
    return places.astype(np.float32)


def trustworthiness(vectors: np.ndarray, places: np.ndarray, count: int) -> float | None:
    """Return how well neighbours on the map match true neighbours: 1 is best, about 0.5 is chance.

    Venna and Kaski (2001), over `count` neighbours; None for too few images.

    Args:
        vectors: (n, D) unit vectors.
        places: (n, 2) of the same images.
        count: neighbours compared.
    """
    if len(vectors) <= 2 * count:
        return None
    value = manifold.trustworthiness(vectors, places, n_neighbors=count, metric="cosine")
    return round(float(value), 4)


def main(job: job_folder.JobFolder) -> dict[str, Any]:
    """Make and save the map that the job's settings describe."""
    settings = Settings(**job.settings())
    started = time.monotonic()
    store = FeatureStore(Path(settings.store))
    job.progress(0, len(store), "images", "laying out a sample")
    layout = lay_out(store, settings)
    places = _place_all(store, layout, lambda done: job.progress(done, len(store), "images"))
    out = Path(settings.out)
    targets = _place_targets(store, layout, settings.target_stores)
    points = _points(store.uids, places, _clusters(store, settings))
    header = {
        "format": 1,
        "encoder_id": store.encoder_id,
        "content_id": store.content_id(),
        "settings": asdict(settings),
        "images": len(store),
        "sample": len(layout.vectors),
        "note": layout.note,
        "trustworthiness": _check(store, places, settings),
        "seconds": round(time.monotonic() - started, 1),
    }
    parts = {
        "targets.parquet": lambda path: pq.write_table(targets, path),
        "map.parquet": lambda path: pq.write_table(points, path),
    }
    return atomic.write_artefact(out, header, parts)


def _principal_plane(vectors: np.ndarray) -> np.ndarray:
    """(n, 2) float32 first two principal components, scaled to 10 as UMAP likes to start."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, :-3:-1]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    plane = np.zeros((len(vectors), 2), np.float32)
    plane[:, : axes.shape[1]] = centred @ axes
    return plane * np.float32(10 / max(np.abs(plane).max(), 1e-6))


def _neighbours(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, count) int32 and cosine distances float32 of the nearest, each itself first."""
    similarity, rows = _search(vectors, vectors, count)
    own = np.arange(len(vectors))
    crowded_out = ~(rows == own[:, None]).any(axis=1)  # by other copies of the same vector
    rows[crowded_out, -1] = own[crowded_out]
    similarity[rows == own[:, None]] = np.inf
    order = np.argsort(-similarity, axis=1, kind="stable")
    distances = 1 - np.minimum(np.take_along_axis(similarity, order, axis=1), 1)
    return np.take_along_axis(rows, order, axis=1).astype(np.int32), distances


def _search(base: np.ndarray, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines (n, count) float32 and rows int64 of the nearest, best first."""
    index = faiss.IndexFlatIP(base.shape[1])
    index.add(base)
    similarity, rows = index.search(np.ascontiguousarray(queries, np.float32), count)
    return similarity, rows


def _place_all(store: FeatureStore, layout: Layout, progress: Callable[[int], None]) -> np.ndarray:
    """(N, 2) float32 in row order."""
    places = np.empty((len(store), 2), np.float32)
    for block in blocks.stream(store, block_rows=BLOCK_ROWS):
        places[block.rows] = place(layout, block.vectors)
        progress(int(block.rows[-1]) + 1)
    return places


def _place_targets(pool: FeatureStore, layout: Layout, target_stores: dict[str, str]) -> pa.Table:
    parts = [_TARGETS.empty_table()]
    for name, folder in sorted(target_stores.items()):
        store = FeatureStore(Path(folder))
        if store.encoder_id not in (None, pool.encoder_id):
            raise errors.IntegrityError(
                f"The features of target set {name!r} were computed with {store.encoder_id}, "
                f"those of the pool with {pool.encoder_id}; embed both with the same encoder."
            )
        places = _place_all(store, layout, lambda done: None)
        names = pa.array([name] * len(store), pa.string())
        parts.append(pa.table([names, _text(store.uids), *places.T], schema=_TARGETS))
    return pa.concat_tables(parts)


def _points(uids: np.ndarray, places: np.ndarray, clusters: np.ndarray) -> pa.Table:
    columns = {"uid": _text(uids), "x": places[:, 0], "y": places[:, 1], "cluster": clusters}
    return pa.table(columns)


def _clusters(store: FeatureStore, settings: Settings) -> np.ndarray:
    """(N,) int32 cluster of each image; 0 is the largest, so that colours keep their rank."""
    count = min(settings.clusters, len(store))
    assignment = scoring.kmeans(store, count, settings.seed).assignment
    sizes = np.bincount(assignment, minlength=count)
    rank: np.ndarray = np.empty(count, np.int32)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(count)
    ranked: np.ndarray = rank[assignment]
    return ranked


def _check(store: FeatureStore, places: np.ndarray, settings: Settings) -> float | None:
    """Trustworthiness on images from the whole pool, most of them not in a small sample."""
    rows = np.sort(hashing.hashed_order(settings.seed + 1, store.uids)[:CHECKED])
    vectors = store.gather(rows).astype(np.float32)
    return trustworthiness(vectors, places[rows], settings.n_neighbors)


def _text(uids: np.ndarray) -> pa.Array:
    return pa.array(uids.astype(str).tolist(), pa.string())


if __name__ == "__main__":
    job_folder.run(main)
