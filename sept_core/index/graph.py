"""The neighbour graph of a pool: each image's nearest other images in the same pool.

A worker (`python -m sept_core.index.graph JOB_FOLDER`) and what reads its result.
In: a feature store. Out: `uids.npy`, `neighbours.npy`, `similarity.npy` and, written last,
`header.json` with the store it belongs to and its recall. Local scaling, duplicate search
and coverage read it.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sept_core import errors, files, jobfolder
from sept_core.features import FeatureStore
from sept_core.index import blocks, exact, ivf, lists

FORMAT = 1
QUERY_ROWS = 2048
"""Images whose neighbours are searched at once, between two signs of progress."""

Search = Callable[[np.ndarray, int], lists.Lists]


@dataclass(frozen=True)
class Settings:
    """What the graph job reads: folders, neighbours an image, the largest pool done exactly."""

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
        """Position in `self.uids` (int64, any shape) of each uid.

        Raises:
            IntegrityError: a uid is not in the graph.
        """
        order, ordered = self._sorted
        place = np.minimum(np.searchsorted(ordered, uids), len(ordered) - 1)
        if not len(ordered) or (ordered[place] != uids).any():
            raise errors.IntegrityError(
                "the neighbour graph is older than the pool; build the neighbour graph again."
            )
        positions: np.ndarray = order[place]
        return positions


def load(folder: Path) -> Graph:
    """Read a graph; its arrays are memory-mapped.

    Raises:
        NotFoundError: there is none, or it was not finished.
        IntegrityError: it was written by another version.
    """
    header = files.read_json(folder / "header.json")
    if header["format"] != FORMAT:
        raise errors.IntegrityError(
            f"{folder} has graph format {header['format']}; build it again."
        )
    uids, neighbours, similarity = (
        np.load(folder / f"{name}.npy", mmap_mode="r")
        for name in ("uids", "neighbours", "similarity")
    )
    return Graph(
        uids, neighbours, similarity, header["recall"], header["encoder_id"], header["content_id"]
    )


def build(store: FeatureStore, settings: Settings, progress: Callable[[int], None]) -> Graph:
    """Search every image's neighbours: exactly, or through an index when there are too many.

    Raises:
        InputError: the store is empty.
    """
    if not len(store):
        raise errors.InputError(f"{store.folder} holds no features to link; run embed first.")
    search, approximate = _searcher(store, settings)
    neighbours = np.empty((len(store), settings.k), np.int32)
    similarity = np.empty((len(store), settings.k), np.float32)
    for block in blocks.stream(store, block_rows=QUERY_ROWS):
        found = _others(search(block.vectors, settings.k + 1), block.rows)
        neighbours[block.rows], similarity[block.rows] = found.rows, found.similarity
        progress(int(block.rows[-1]) + 1)
    recall = _measure(store, neighbours, settings) if approximate else 1.0
    encoder_id = store.encoder_id or ""
    return Graph(store.uids, neighbours, similarity, recall, encoder_id, store.content_id())


def _searcher(store: FeatureStore, settings: Settings) -> tuple[Search, bool]:
    """How to search this store, and whether that is approximate."""
    if len(store) <= settings.exact_limit:
        return lambda queries, k: exact.search(store, queries, k, device=settings.device), False
    tuning = ivf.Settings(
        store=settings.store,
        out="",
        target_recall=settings.target_recall,
        k=settings.k,
        seed=settings.seed,
    )
    index = ivf.build(store, tuning, lambda done: None)
    return lambda queries, k: index.search(store, queries, k), True


def _others(found: lists.Lists, rows: np.ndarray) -> lists.Lists:
    """Each list without its own image, or without its last when many equals crowd that out."""
    own = found.rows == rows[:, None]
    own[~own.any(axis=1), -1] = True
    shape = len(rows), found.rows.shape[1] - 1
    return lists.Lists(
        *(a[~own].reshape(shape) for a in (found.rows, found.uids, found.similarity))
    )


def _measure(store: FeatureStore, neighbours: np.ndarray, settings: Settings) -> float:
    """Recall on hash-sampled images against exact search."""
    rows = np.sort(files.hashed_order(settings.seed, store.uids)[: ivf.SAMPLED_QUERIES])
    queries = store.gather(rows)
    truth = _others(exact.search(store, queries, settings.k + 1, device=settings.device), rows)
    found = lists.Lists(neighbours[rows], truth.uids, truth.similarity)
    return round(lists.recall(found, truth), 4)


def save(graph: Graph, folder: Path) -> None:
    """Write the graph, its header last."""
    for name in ("uids", "neighbours", "similarity"):
        files.write_array(folder / f"{name}.npy", getattr(graph, name))
    files.write_json(
        folder / "header.json",
        {
            "format": FORMAT,
            "encoder_id": graph.encoder_id,
            "content_id": graph.content_id,
            "recall": graph.recall,
            "k": graph.neighbours.shape[1],
            "vectors": len(graph.uids),
        },
    )


def main(job: jobfolder.JobFolder) -> dict[str, Any]:
    """Build and save the graph that the job's settings describe."""
    settings = Settings(**job.settings())
    store = FeatureStore(Path(settings.store))
    graph = build(store, settings, lambda done: job.progress(done, len(store), "images"))
    save(graph, Path(settings.out))
    return {"images": len(graph.uids), "recall": graph.recall, "settings": asdict(settings)}


if __name__ == "__main__":
    jobfolder.run(main)
