"""The approximate index for pools too large to scan: FAISS IVF, re-ranked exactly.

A worker (`python -m sept_core.index.ivf JOB_FOLDER`) and what reads its result.
In: a feature store. Out: `index.faiss` (inverted lists of 8-bit codes, memory-mapped at use)
and, written last, `header.json` with the store it belongs to, the tuned `nprobe` and the
recall measured against exact search. Its candidates are re-ranked with the stored vectors,
so that similarities are the canonical ones and only completeness is approximate.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from sept_core import errors, files, jobfolder
from sept_core.features import FeatureStore
from sept_core.index import blocks, cosine, exact, lists

FORMAT = 1
SAMPLED_QUERIES = 200
"""Queries that tune `nprobe`, and as many others that measure the recall."""

TRAINING_POINTS = 64
"""Sampled vectors per inverted list; FAISS asks for at least 39."""

QUERY_ROWS = 256
"""Queries searched and re-ranked at once."""


@dataclass(frozen=True)
class Settings:
    """What the index job reads.

    `store` and `out` are folders. `queries` is the feature store of a target set to tune and
    measure on; None takes pool images, each left out of the pool. `nlist` None means 4·√N.
    """

    store: str
    out: str
    queries: str | None = None
    nlist: int | None = None
    target_recall: float = 0.98
    k: int = 50
    seed: int = 0


@dataclass(frozen=True)
class Index:
    """An IVF over one store; `header` holds `nprobe`, `recall`, `k`, `encoder_id`, `content_id`."""

    inverted: Any
    header: dict[str, Any]

    @property
    def id(self) -> str:
        return "ivf-" + files.fingerprint(self.header)[:8]

    @property
    def recall(self) -> float:
        return float(self.header["recall"])

    def search(
        self, store: FeatureStore, queries: np.ndarray, k: int, *, allowed: np.ndarray | None = None
    ) -> lists.Lists:
        """Like `exact.search`, from the lists that `nprobe` visits.

        Raises:
            IntegrityError: the index was made for other vectors.
        """
        self._check(store)
        return _search(self.inverted, store, queries, k, allowed, int(self.header["nprobe"]))

    def _check(self, store: FeatureStore) -> None:
        if self.header["content_id"] != store.content_id():
            raise errors.IntegrityError(
                f"the index does not belong to the features in {store.folder} as they are now; "
                "build the index again."
            )


def load(folder: Path) -> Index:
    """Open an index; its codes stay on disk.

    Raises:
        NotFoundError: there is none, or it was not finished.
        IntegrityError: it was written by another version.
    """
    header = files.read_json(folder / "header.json")
    if header["format"] != FORMAT:
        raise errors.IntegrityError(
            f"{folder} has index format {header['format']}; build it again."
        )
    return Index(faiss.read_index(str(folder / "index.faiss"), faiss.IO_FLAG_MMAP), header)


def build(store: FeatureStore, settings: Settings, progress: Callable[[int], None]) -> Index:
    """Train on a hashed sample, add every vector, tune `nprobe`, measure the recall.

    Needs memory for one byte per number stored, plus 8 bytes an image.

    Raises:
        InputError: the store is empty.
    """
    if not len(store):
        raise errors.InputError(f"{store.folder} holds no features to index; run embed first.")
    nlist = settings.nlist or max(1, round(4 * len(store) ** 0.5))
    nlist = min(nlist, max(1, len(store) // TRAINING_POINTS))
    inverted = faiss.index_factory(store.dim, f"IVF{nlist},SQ8", faiss.METRIC_INNER_PRODUCT)
    sample = files.hashed_order(settings.seed, store.uids)[: TRAINING_POINTS * nlist]
    inverted.train(store.gather(np.sort(sample)).astype(np.float32))
    for block in blocks.stream(store, block_rows=blocks.default_rows(store.dim) // 4):
        inverted.add(block.vectors.astype(np.float32))  # FAISS numbers them by row
        progress(int(block.rows[-1]) + 1)
    nprobe, recall, measured = _tune(inverted, store, settings)
    header = {
        "format": FORMAT,
        "encoder_id": store.encoder_id,
        "content_id": store.content_id(),
        "vectors": len(store),
        "nlist": nlist,
        "nprobe": nprobe,
        "recall": round(recall, 4),
        "recall_queries": measured,
        "k": settings.k,
        "target_recall": settings.target_recall,
        "seed": settings.seed,
    }
    return Index(inverted, header)


def save(index: Index, folder: Path) -> None:
    """Write the index, its header last."""
    with files.write_then_rename(folder / "index.faiss") as temporary:
        faiss.write_index(index.inverted, str(temporary))
    files.write_json(folder / "header.json", index.header)


def _tune(inverted: Any, store: FeatureStore, settings: Settings) -> tuple[int, float, int]:
    """The least `nprobe` (doubling) with the recall wanted, its recall on other queries, how many.

    Tuning and measuring on the same queries would flatter the index.
    """
    queries, allowed = _sampled_queries(store, settings)
    truth = exact.search(store, queries, settings.k, allowed=allowed)

    def recall(part: slice, nprobe: int) -> float:
        found = _search(inverted, store, queries[part], settings.k, allowed, nprobe)
        return lists.recall(found, truth.part(part))

    tuning, measuring = slice(0, None, 2), slice(min(1, len(queries) - 1), None, 2)
    nprobe = 1
    while nprobe < inverted.nlist and recall(tuning, nprobe) < settings.target_recall:
        nprobe = min(2 * nprobe, inverted.nlist)
    return nprobe, recall(measuring, nprobe), len(queries[measuring])


def _sampled_queries(
    store: FeatureStore, settings: Settings
) -> tuple[np.ndarray, np.ndarray | None]:
    """Hash-sampled queries, and the mask of pool rows that they may find."""
    source = FeatureStore(Path(settings.queries)) if settings.queries else store
    rows = files.hashed_order(settings.seed + 1, source.uids)[: 2 * SAMPLED_QUERIES]
    if not len(rows):
        raise errors.InputError(f"{source.folder} holds no features to measure the index with.")
    if source is not store:
        return source.gather(rows), None
    allowed = np.ones(len(store), bool)
    allowed[rows] = len(store) <= len(rows)  # a tiny pool is asked about itself
    return source.gather(rows), allowed


def _search(
    inverted: Any,
    store: FeatureStore,
    queries: np.ndarray,
    k: int,
    allowed: np.ndarray | None,
    nprobe: int,
) -> lists.Lists:
    """Canonical lists from the candidates of `nprobe` inverted lists a query."""
    stored = cosine.as_stored(queries)
    best = lists.Best(len(stored), k)
    most = len(store) if allowed is None else int(allowed.sum())
    pending = np.arange(len(stored))
    while len(pending):
        for low in range(0, len(pending), QUERY_ROWS):
            part = pending[low : low + QUERY_ROWS]
            found = _candidates(inverted, stored[part], k, allowed, nprobe)
            _rerank(store, stored, part, found, best)
        short = best.counts()[pending] < min(k, most)
        pending = pending[short] if nprobe < inverted.nlist else pending[:0]
        best.forget(pending)
        nprobe = min(2 * nprobe, inverted.nlist)
    return best.lists()


def _candidates(
    inverted: Any, queries: np.ndarray, k: int, allowed: np.ndarray | None, nprobe: int
) -> np.ndarray:
    """(t, 2k + slack) rows by coded score, −1 unused: codes misplace near neighbours a little."""
    options: dict[str, Any] = {"nprobe": nprobe}
    if allowed is not None:
        selector: Any = faiss.IDSelectorBitmap  # its stub lacks the form that takes an array
        options["sel"] = selector(np.packbits(allowed, bitorder="little"))
    _, rows = inverted.search(
        queries.astype(np.float32),
        min(2 * k + exact.SLACK, inverted.ntotal),
        params=faiss.SearchParametersIVF(**options),
    )
    return np.asarray(rows)


def _rerank(
    store: FeatureStore,
    queries: np.ndarray,
    numbers: np.ndarray,
    candidates: np.ndarray,
    best: lists.Best,
) -> None:
    """Give `best` the candidates of the queries `numbers` with their exact cosines."""
    needed, place = np.unique(candidates, return_inverse=True)
    vectors = store.gather(np.maximum(needed, 0))
    place = place.reshape(candidates.shape)
    products, squared = np.empty(candidates.shape), np.empty(candidates.shape)
    for line, query in enumerate(queries[numbers]):
        products[line], squared[line] = cosine.products(vectors[place[line]], query)
    micro = cosine.micro(products, squared, cosine.squared_lengths(queries[numbers])[:, None])
    real = candidates >= 0
    rows = candidates[real]
    owner = np.repeat(numbers, real.sum(axis=1))
    best.add(owner, rows, store.uids[rows], micro[real])


def main(job: jobfolder.JobFolder) -> dict[str, Any]:
    """Build and save the index that the job's settings describe."""
    settings = Settings(**job.settings())
    store = FeatureStore(Path(settings.store))
    index = build(store, settings, lambda done: job.progress(done, len(store), "images"))
    save(index, Path(settings.out))
    return {"index_id": index.id, **index.header, "settings": asdict(settings)}


if __name__ == "__main__":
    jobfolder.run(main)
