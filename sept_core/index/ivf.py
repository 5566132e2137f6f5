"""The approximate index for pools too large to scan: FAISS IVF over product codes, re-ranked.

A worker (`python -m sept_core.index.ivf JOB_FOLDER`) and the reader of its result.
In: a feature store. Out: `index.faiss` and, written last, `header.json` with the store it belongs
to, the tuned settings and the recall measured against exact search. Candidates go through three
stages: 4-bit codes of the principal directions, in the inverted lists that are visited (Jégou et
al. 2011; fast scan: André et al. 2015); 8-bit codes of all numbers, mapped from the file; and the
stored vectors, so that similarities are the canonical ones and only completeness is approximate.
"""

import bisect
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from sept_core import errors
from sept_core.features.feature_store import FeatureStore
from sept_core.index import blocks, cosine, exact, formats, lists
from sept_core.jobs import job_folder
from sept_core.storage import atomic, hashing, project_paths

untyped: Any = faiss  # its stubs know the plainest calls only

SAMPLED_QUERIES = 200
"""Queries that tune the index, and as many others that measure the recall."""

TRAINING_POINTS = 64
"""Sampled vectors per inverted list; FAISS asks for at least 39."""
ITERATIONS = 10
"""Of k-means: more do not raise the recall."""

CODED_SHARE = 0.75
"""Share of the squared length that the coded directions hold, if the memory allows it."""
LEAST_CODED = 16
FEW = 1000
"""With at most this many vectors, coding is not worthwhile, and there are too few to learn codes
from."""

FIRST_REACH = 12
"""Coded candidates for each neighbour wanted; doubled where the codes lose too many."""

RERANKED = 2**16
"""Vectors fetched at a time for their exact cosines."""


@dataclass(frozen=True)
class Settings:
    """Settings of the index job.

    `store` and `out` are folders. `queries` are feature stores of target sets to tune and measure
    on, which are harder to find neighbours for than pool images; where they hold no vectors, pool
    images are taken, each left out of the pool. `nlist` None means 4·√N. `memory` is what the
    inverted lists may take of it at use, in MiB.
    """

    store: str
    out: str
    queries: Sequence[str] = ()
    nlist: int | None = None
    target_recall: float = 0.98
    k: int = 50
    memory: int = formats.MEMORY
    seed: int = 0


@dataclass(frozen=True)
class Index:
    """An IVF over one store.

    `header` holds `nprobe` (lists visited), `reach` (coded candidates for each one wanted),
    `recall`, `k`, `encoder_id`, `content_id`, `bytes` (of the inverted lists).
    """

    codes: Any
    header: dict[str, Any]

    @property
    def id(self) -> str:
        made = {key: value for key, value in self.header.items() if key != "sha256"}
        return "ivf-" + hashing.fingerprint(made)[:8]

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
        effort = _Effort(int(self.header["nprobe"]), int(self.header["reach"]))
        return _search(self.codes, store, queries, k, allowed, effort)

    def _check(self, store: FeatureStore) -> None:
        if self.header["content_id"] != store.content_id():
            raise errors.IntegrityError(
                f"The index is out of date: the features in {store.folder} have changed. Build "
                "the index again."
            )


def load(folder: Path) -> Index:
    """Open an index; its 8-bit codes stay on disk.

    Raises:
        NotFoundError: there is none, or it was not finished.
        IntegrityError: it was written by another version.
    """
    header = atomic.read_json(folder / project_paths.HEADER)
    if header["format"] != formats.IVF:
        raise errors.IntegrityError(
            f"{folder} has the unsupported index format {header['format']}; build the index again."
        )
    codes = faiss.read_index(str(folder / "index.faiss"), faiss.IO_FLAG_MMAP_IFC)
    return Index(codes, header)


def build(store: FeatureStore, settings: Settings, progress: Callable[[int], None]) -> Index:
    """Train on a hashed sample, add every vector, tune the effort, measure the recall.

    Needs memory for the inverted lists and one byte for each number stored.

    Raises:
        InputError: the store is empty, or the memory is too small for its lists.
    """
    if not len(store):
        raise errors.InputError(f"{store.folder} contains no features; embed the pool first.")
    nlist = settings.nlist or max(1, round(4 * len(store) ** 0.5))
    nlist = min(nlist, max(1, len(store) // TRAINING_POINTS))
    sample = hashing.hashed_order(settings.seed, store.uids)[: max(TRAINING_POINTS * nlist, FEW)]
    codes = _trained(store.gather(np.sort(sample)).astype(np.float32), len(store), nlist, settings)
    for block in blocks.stream(store, block_rows=blocks.default_rows(store.dim) // 4):
        codes.add(block.vectors.astype(np.float32))  # FAISS numbers them by row
        progress(int(block.rows[-1]) + 1)
    effort, recall, measured = _tune(codes, nlist, store, settings)
    header = {
        "format": formats.IVF,
        "encoder_id": store.encoder_id,
        "content_id": store.content_id(),
        "vectors": len(store),
        "bytes": len(store) * _bytes_each(_coarse(codes).code_size),
        "nlist": nlist,
        **asdict(effort),
        "recall": round(recall, 4),
        "recall_queries": measured,
        "k": settings.k,
        "target_recall": settings.target_recall,
        "seed": settings.seed,
    }
    return Index(codes, header)


def _trained(sample: np.ndarray, vectors: int, nlist: int, settings: Settings) -> Any:
    """Train the first two of the three stages, without adding vectors."""
    dim = sample.shape[1]
    coded = _coded_directions(sample, vectors, settings)
    turn = faiss.LinearTransform(dim, len(coded), False)
    faiss.copy_array_to_vector(np.ascontiguousarray(coded).ravel(), turn.A)
    turn.is_trained = True
    kind = "Flat" if vectors < FEW else f"PQ{len(coded)}x4fs"
    inverted = untyped.index_factory(len(coded), f"IVF{nlist},{kind}", faiss.METRIC_INNER_PRODUCT)
    inverted.cp.niter, inverted.by_residual = ITERATIONS, False
    inverted.train(np.ascontiguousarray(sample @ coded.T))
    eight_bits = faiss.IndexScalarQuantizer(
        dim, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    eight_bits.train(sample)
    return faiss.IndexRefine(faiss.IndexPreTransform(turn, inverted), eight_bits)


def _coded_directions(sample: np.ndarray, vectors: int, settings: Settings) -> np.ndarray:
    """(n, D) principal directions, of the uncentred vectors: products are what is to be kept."""
    values, directions = np.linalg.eigh(sample.T @ sample)
    share = np.cumsum(values[::-1]) / values.sum()
    wanted = int(np.searchsorted(share, CODED_SHARE)) + 1
    affordable = int(2 * (settings.memory * 2**20 / vectors - _bytes_each(0)))
    least = min(LEAST_CODED, len(values))
    if affordable < least:
        needed = vectors * _bytes_each(least // 2) / 2**20
        raise errors.InputError(
            f"An index of {vectors:,} images needs at least {needed:,.0f} MiB of memory, but the "
            f"limit is {settings.memory} MiB; raise the limit."
        )
    count = min(max(wanted + wanted % 2, least), affordable, len(values))
    return np.ascontiguousarray(directions[:, ::-1][:, :count].T)


def _bytes_each(code: int) -> int:
    """Return the bytes of an image in the inverted lists: its code and its row."""
    return code + 8


def _coarse(codes: Any) -> Any:
    """Return the inverted file inside the index."""
    return faiss.extract_index_ivf(codes.base_index)


def save(index: Index, folder: Path) -> None:
    """Write the index, its header last."""
    write = lambda path: faiss.write_index(index.codes, str(path))  # noqa: E731
    atomic.write_artefact(folder, index.header, {"index.faiss": write})


@dataclass(frozen=True)
class _Effort:
    """Cost and recall of a search."""

    nprobe: int
    reach: int


def _tune(
    codes: Any, nlist: int, store: FeatureStore, settings: Settings
) -> tuple[_Effort, float, int]:
    """Return the least effort with the wanted recall, its recall on other queries, and their
    number.

    Codes may lose half of what may be lost, lists that are not visited the rest. Tuning and
    measuring on the same queries would flatter the index.
    """
    queries, allowed = _sampled_queries(store, settings)
    truth = exact.search(store, queries, settings.k, allowed=allowed)

    def recall(part: slice, effort: _Effort) -> float:
        found = _search(codes, store, queries[part], settings.k, allowed, effort)
        return lists.recall(found, truth.part(part))

    tuning, measuring = slice(0, None, 2), slice(min(1, len(queries) - 1), None, 2)
    reach = FIRST_REACH
    while (
        reach * settings.k < len(store)
        and recall(tuning, _Effort(nlist, reach)) < (1 + settings.target_recall) / 2
    ):
        reach *= 2
    nprobe = 1 + bisect.bisect_left(
        range(1, nlist),
        settings.target_recall,
        key=lambda nprobe: recall(tuning, _Effort(nprobe, reach)),
    )
    effort = _Effort(nprobe, reach)
    return effort, recall(measuring, effort), len(queries[measuring])


def _sampled_queries(
    store: FeatureStore, settings: Settings
) -> tuple[np.ndarray, np.ndarray | None]:
    """Hash-sampled queries, and the mask of pool rows that they may find."""
    targets = [FeatureStore(Path(folder)) for folder in settings.queries]
    if targets := [target for target in targets if len(target)]:
        uids = np.concatenate([target.uids for target in targets])
        rows = hashing.hashed_order(settings.seed + 1, uids)[: 2 * SAMPLED_QUERIES]
        return np.concatenate([t.gather(np.arange(len(t))) for t in targets])[rows], None
    rows = hashing.hashed_order(settings.seed + 1, store.uids)[: 2 * SAMPLED_QUERIES]
    allowed = np.ones(len(store), bool)
    allowed[rows] = len(store) <= len(rows)  # a tiny pool is asked about itself
    return store.gather(rows), allowed


def _search(
    codes: Any,
    store: FeatureStore,
    queries: np.ndarray,
    k: int,
    allowed: np.ndarray | None,
    effort: _Effort,
) -> lists.Lists:
    """Canonical lists from the candidates that some effort finds; more of it for short lists."""
    stored = cosine.as_stored(queries)
    best = lists.Best(len(stored), k)
    most = len(store) if allowed is None else int(allowed.sum())
    nlist = _coarse(codes).nlist
    pending = np.arange(len(stored))
    while len(pending):
        together = max(1, RERANKED // (k + exact.SLACK))
        for low in range(0, len(pending), together):
            part = pending[low : low + together]
            found = _candidates(codes, stored[part], k, allowed, effort)
            _rerank(store, stored, part, found, best)
        short = best.counts()[pending] < min(k, most)
        pending = pending[short] if effort.nprobe < nlist else pending[:0]
        best.forget(pending)
        effort = _Effort(min(2 * effort.nprobe, nlist), effort.reach)
    return best.lists()


def _candidates(
    codes: Any, queries: np.ndarray, k: int, allowed: np.ndarray | None, effort: _Effort
) -> np.ndarray:
    """(t, k + slack) rows by 8-bit score, −1 unused: such scores misplace hardly any."""
    count = min(k + exact.SLACK, codes.ntotal)
    visited: dict[str, Any] = {"nprobe": effort.nprobe}
    if allowed is not None:
        visited["sel"] = untyped.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
    inverted = untyped.SearchParametersIVF(**visited)
    turned = untyped.SearchParametersPreTransform(index_params=inverted)
    reach = min(max(effort.reach * k, count), codes.ntotal)
    _, rows = codes.search(
        queries.astype(np.float32),
        count,
        params=untyped.IndexRefineSearchParameters(
            k_factor=reach / count, base_index_params=turned
        ),
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


def main(job: job_folder.JobFolder) -> dict[str, Any]:
    """Build and save the index that the job's settings describe."""
    settings = Settings(**job.settings())
    store = FeatureStore(Path(settings.store))
    index = build(store, settings, lambda done: job.progress(done, len(store), "images"))
    save(index, Path(settings.out))
    return {"index_id": index.id, **index.header, "settings": asdict(settings)}


if __name__ == "__main__":
    job_folder.run(main)
