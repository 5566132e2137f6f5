"""The neighbour graph of a pool: each image's nearest other images in the same pool.

A worker (`python -m sept_core.index.graph JOB_FOLDER`) and the reader of its result.
In: a feature store. Out: `uids.npy`, `neighbours.npy`, `similarity.npy` and, written last,
`header.json` with the store it belongs to and its recall. Local scaling, duplicate search
and coverage read it.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from sept_core import errors
from sept_core.features.feature_store import FeatureStore
from sept_core.index import exact, formats, ivf, lists, search
from sept_core.jobs import job_folder, ray_cluster
from sept_core.storage import array_files, atomic, hashing, project_paths

QUERY_ROWS = 2048
"""Images whose neighbours are searched at a time, between two progress reports."""


@dataclass(frozen=True)
class Settings:
    """Settings of the job: folders, neighbours per image, the largest pool searched exactly."""

    store: str
    out: str
    k: int = 16
    exact_limit: int = 200_000
    target_recall: float = 0.95
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class Graph:
    """k nearest other images of every image, best first.

    `uids` (N,) S32; `neighbours` (N, k) int32 positions in `uids`, −1 where the pool is
    smaller; `similarity` (N, k) float32, −inf there; `recall` against exact search.
    """

    uids: np.ndarray
    neighbours: np.ndarray
    similarity: np.ndarray
    recall: float
    encoder_id: str
    content_id: str

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(self.uids, kind="stable")
        return order, self.uids[order]

    def positions(self, uids: np.ndarray) -> np.ndarray:
        """Return the position in `self.uids` (int64, any shape) of each uid.

        Raises:
            IntegrityError: a uid is not in the graph.
        """
        order, ordered = self._sorted
        place = hashing.places_among(ordered, uids)
        if (place < 0).any():
            raise errors.IntegrityError(
                "The neighbour graph is out of date: the pool has changed since it was built. "
                "Build the neighbour graph again."
            )
        positions: np.ndarray = order[place]
        return positions


def load(folder: Path) -> Graph:
    """Read a graph; its arrays are memory-mapped.

    Raises:
        NotFoundError: there is none, or it was not finished.
        IntegrityError: it was written by another version.
    """
    header = atomic.read_json(folder / project_paths.HEADER)
    if header["format"] != formats.GRAPH:
        raise errors.IntegrityError(
            f"{folder} has the unsupported graph format {header['format']}; build the neighbour "
            "graph again."
        )
    uids, neighbours, similarity = (
        np.load(folder / f"{name}.npy", mmap_mode="r")
        for name in ("uids", "neighbours", "similarity")
    )
    return Graph(
        uids, neighbours, similarity, header["recall"], header["encoder_id"], header["content_id"]
    )


def build(store: FeatureStore, settings: Settings, progress: Callable[[int], None]) -> Graph:
    """Search every image's neighbours: exactly, or through an index for large pools.

    Raises:
        InputError: the store is empty.
    """
    if not len(store):
        raise errors.InputError(f"{store.folder} contains no features; embed the pool first.")
    index = _index(store, settings)
    neighbours = np.empty((len(store), settings.k), np.int32)
    similarity = np.empty((len(store), settings.k), np.float32)
    for rows, found in _linked(store, settings, index):
        neighbours[rows], similarity[rows] = found.rows, found.similarity
        progress(rows.stop)
    recall = _measure(store, neighbours, settings) if index else 1.0
    encoder_id = store.encoder_id or ""
    return Graph(store.uids, neighbours, similarity, recall, encoder_id, store.content_id())


def _index(store: FeatureStore, settings: Settings) -> ivf.Index | None:
    """Return the index to search this store with; None if exact search is fast enough."""
    if len(store) <= settings.exact_limit:
        return None
    tuning = ivf.Settings(
        store=settings.store,
        out="",
        target_recall=settings.target_recall,
        k=settings.k,
        seed=settings.seed,
    )
    return ivf.build(store, tuning, lambda done: None)


def _linked(
    store: FeatureStore, settings: Settings, index: ivf.Index | None
) -> Iterator[tuple[slice, lists.Lists]]:
    """The neighbours of some rows after the other, searched here or on a cluster."""
    spans = [
        slice(low, min(low + QUERY_ROWS, len(store))) for low in range(0, len(store), QUERY_ROWS)
    ]
    if settings.device != ray_cluster.DEVICE:
        for rows in spans:
            yield rows, _link(store, index, rows, settings.k, settings.device)
        return
    folder = Path(settings.out) / "search"
    if index:
        ivf.save(index, folder)
    items = ((settings.store, folder if index else None, rows, settings.k) for rows in spans)
    yield from zip(spans, ray_cluster.ordered(_link_remotely, items), strict=True)
    shutil.rmtree(folder, ignore_errors=True)


def _link(
    store: FeatureStore, index: ivf.Index | None, rows: slice, k: int, device: str
) -> lists.Lists:
    numbers = np.arange(rows.start, rows.stop)
    queries = store.gather(numbers)
    if index:
        return _others(index.search(store, queries, k + 1), numbers)
    return _others(exact.search(store, queries, k + 1, device=device), numbers)


def _link_remotely(store: str, index: Path | None, rows: slice, k: int) -> lists.Lists:
    return _link(FeatureStore(Path(store)), ivf.load(index) if index else None, rows, k, "auto")


def _others(found: lists.Lists, rows: np.ndarray) -> lists.Lists:
    """Remove each list's own image, or its last one if many equal images displaced it."""
    own = found.rows == rows[:, None]
    own[~own.any(axis=1), -1] = True
    shape = len(rows), found.rows.shape[1] - 1
    return lists.Lists(
        *(a[~own].reshape(shape) for a in (found.rows, found.uids, found.similarity))
    )


def _measure(store: FeatureStore, neighbours: np.ndarray, settings: Settings) -> float:
    """Recall on hash-sampled images against exact search."""
    rows = np.sort(hashing.hashed_order(settings.seed, store.uids)[: ivf.SAMPLED_QUERIES])
    queries = store.gather(rows)
    truth = _others(search.nearest(store, queries, settings.k + 1, device=settings.device), rows)
    found = lists.Lists(neighbours[rows], truth.uids, truth.similarity)
    return round(lists.recall(found, truth), 4)


def save(graph: Graph, folder: Path) -> None:
    """Write the graph, its header last."""
    header = {
        "format": formats.GRAPH,
        "encoder_id": graph.encoder_id,
        "content_id": graph.content_id,
        "recall": graph.recall,
        "k": graph.neighbours.shape[1],
        "vectors": len(graph.uids),
    }
    arrays = {f"{name}.npy": getattr(graph, name) for name in ("uids", "neighbours", "similarity")}
    atomic.write_artefact(
        folder,
        header,
        {name: partial(array_files.save, array=array) for name, array in arrays.items()},
    )


def main(job: job_folder.JobFolder) -> dict[str, Any]:
    """Build and save the graph that the job's settings describe."""
    settings = Settings(**job.settings())
    store = FeatureStore(Path(settings.store))
    graph = build(store, settings, lambda done: job.progress(done, len(store), "images"))
    save(graph, Path(settings.out))
    return {"images": len(graph.uids), "recall": graph.recall, "settings": asdict(settings)}


if __name__ == "__main__":
    job_folder.run(main)
