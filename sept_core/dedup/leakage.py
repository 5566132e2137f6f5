"""The contamination guard: pool images that are copies of held-out target images.

In: features and hashes of the held-out images and of the pool, duplicate groups. Out:
`Leaks`. A pool image leaks when it has the bytes of a held-out image, a near perceptual
hash, or a cosine of at least τ_leak, and takes its whole duplicate group with it
(docs/method.md §3, Contamination guard). The pool is streamed; a check that should run but cannot
raises an error.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import faiss
import numpy as np
import pyarrow as pa

from sept_core import errors
from sept_core.features.feature_store import FeatureStore
from sept_core.index import cosine
from sept_core.storage import hashing

BLOCK = 8192
"""Pool images compared at once: 8192 × 2,000 held-out images are 64 MB of products."""

MARGIN = 0.021
"""A float32 product this far below τ_leak is clearly below, whatever the stored vectors' lengths
(`features` lets them be 1% off); nearer ones are computed exactly."""

KINDS = ("bytes", "phash", "cosine", "group")
"""The ways in which an image leaks; the first that applies counts."""

Copy = tuple[bytes, bytes, float]
"""A pool uid, the held-out uid that it is a copy of, and their distance."""


@dataclass(frozen=True)
class Settings:
    """Thresholds of a copy: cosine ≥ `tau_leak`, or hashes within `bits` bits."""

    tau_leak: float
    bits: int


@dataclass(frozen=True)
class Images:
    """One side of the comparison.

    Attributes:
        uids: (n,) S32, ascending.
        store: features of them, and perhaps of more.
        hashes: columns uid and phash (uint64), of them and perhaps of more.
        featureless: S32, those without features under this encoder: they are compared by bytes and
            hash only.
    """

    uids: np.ndarray
    store: FeatureStore
    hashes: pa.Table
    featureless: np.ndarray = field(default_factory=lambda: np.empty(0, hashing.UID_DTYPE))

    def with_features(self) -> "Images":
        """Return these images without the featureless ones."""
        return replace(self, uids=self.uids[~np.isin(self.uids, self.featureless)])


@dataclass(frozen=True)
class Leaks:
    """Pool images that must not be selected, one row per image, ordered by uid.

    Attributes:
        uids: (L,) S32 pool images.
        heldout: (L,) S32, the held-out image each is a copy of, or its group's member is.
        how: L words, one of `KINDS`.
        distance: (L,) float64: differing bits for `phash`, 1 − cosine for `cosine`, 0 for
            `bytes`, NaN for `group`.
        compared: held-out images that were compared, by `bytes`, `phash` and `cosine`: images
            given as features only have no hash, and an encoder may give some no features.
    """

    uids: np.ndarray
    heldout: np.ndarray
    how: tuple[str, ...]
    distance: np.ndarray
    compared: dict[str, int]

    def table(self) -> pa.Table:
        """Return a table of uid, heldout_uid, how, distance (null for `group`)."""
        columns = {
            "uid": pa.array(self.uids.astype(str).tolist(), pa.string()),
            "heldout_uid": pa.array(self.heldout.astype(str).tolist(), pa.string()),
            "how": pa.array(self.how, pa.string()),
            "distance": pa.array(self.distance, pa.float64(), from_pandas=True),
        }
        return pa.table(columns)


@dataclass(frozen=True)
class Nearest:
    """The held-out image that is most similar to each pool image.

    `heldout` (n,) S32; `similarity` (n,) float64, rounded to 1e-6; in the order of the pool's uids.
    """

    heldout: np.ndarray
    similarity: np.ndarray


def find_leaks(
    heldout: Images,
    pool: Images,
    groups: Mapping[bytes, int],
    settings: Settings,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Leaks:
    """Compare pool images with held-out target images.

    Args:
        heldout: the images to guard; at least one.
        pool: the images to check: a pool, or the rows of a manifest.
        groups: duplicate group of every pool image that has one, by uid.
        settings: the thresholds.
        progress: called with pool images compared and their number.

    Raises:
        LeakError: an image has not been embedded, there is nothing to guard, or the encoders
            differ.
    """
    if not len(heldout.uids):
        raise errors.LeakError(
            "There are no held-out images to guard; switch the contamination guard off."
        )
    seen = heldout.with_features()
    vectors = _vectors(seen)
    held_uids, held_hashes = _known_hashes(heldout)
    found: dict[bytes, tuple[bytes, str, float]] = {}  # the first way an image leaks counts

    def add(how: str, copies: Iterable[Copy]) -> None:
        for uid, original, distance in copies:
            found.setdefault(uid, (original, how, distance))

    add("bytes", ((uid, uid, 0.0) for uid in np.intersect1d(heldout.uids, pool.uids).tolist()))
    add("phash", _near_hashes(held_uids, held_hashes, *_known_hashes(pool), settings.bits))
    done = 0
    for uids, block in _blocks(pool, heldout) if len(vectors) else ():
        add("cosine", _similar(seen, vectors, uids, block, settings.tau_leak))
        done += len(uids)
        progress(done, len(pool.uids))
    add("group", list(_fellows(found, groups, pool.uids)))
    compared = {"bytes": len(heldout.uids), "phash": len(held_uids), "cosine": len(vectors)}
    return _as_leaks(found, compared)


def nearest_heldout(heldout: Images, pool: Images) -> Nearest:
    """Return the held-out image nearest to each pool image, whether or not it is a leak.

    Args:
        heldout: at least one with features.
        pool: all with features.

    Raises:
        LeakError: as in `find_leaks`.
    """
    heldout = heldout.with_features()
    vectors = _vectors(heldout)
    transposed = vectors.astype(np.float32).T
    best, similarity = [np.empty(0, np.int64)], [np.empty(0)]
    for _, block in _blocks(pool, heldout):
        best.append(np.argmax(block.astype(np.float32) @ transposed, axis=1))
        wide, other = block.astype(np.float64), vectors[best[-1]].astype(np.float64)
        lengths = cosine.squared_lengths(block) * cosine.squared_lengths(other)
        similarity.append(np.einsum("ij,ij->i", wide, other) / np.sqrt(lengths))
    return Nearest(
        np.asarray(heldout.uids)[np.concatenate(best)], np.round(np.concatenate(similarity), 6)
    )


def _vectors(images: Images) -> np.ndarray:
    """(n, D) float16 features, in the order of the uids."""
    return _gather(images, images.store.rows_of(images.uids))


def _blocks(pool: Images, heldout: Images) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Uids and float16 vectors of the pool, a block at a time."""
    if pool.store.encoder_id != heldout.store.encoder_id:
        raise errors.LeakError(
            f"The pool's features were computed with {pool.store.encoder_id}, those of the "
            f"held-out images with {heldout.store.encoder_id}; embed both with the same encoder."
        )
    rows = pool.store.rows_of(pool.uids)
    for low in range(0, len(rows), BLOCK):
        yield pool.uids[low : low + BLOCK], _gather(pool, rows[low : low + BLOCK])


def _gather(images: Images, rows: np.ndarray) -> np.ndarray:
    missing = int((rows < 0).sum())
    if missing:
        raise errors.LeakError(
            f"{missing} images have no features in {images.store.folder}, so the contamination "
            "guard cannot compare them; embed them with this encoder."
        )
    return images.store.gather(rows)


def _known_hashes(images: Images) -> tuple[np.ndarray, np.ndarray]:
    """(n,) S32 and (n,) uint64: the images of one side that have a hash, ordered by uid."""
    table = images.hashes.select(["uid", "phash"]).drop_null()
    uids = hashing.uid_array(table["uid"])
    mine = np.flatnonzero(np.isin(uids, images.uids))
    mine = mine[np.argsort(uids[mine], kind="stable")]
    return uids[mine], table["phash"].to_numpy()[mine].astype(np.uint64)


def _near_hashes(
    held_uids: np.ndarray,
    held_hashes: np.ndarray,
    pool_uids: np.ndarray,
    pool_hashes: np.ndarray,
    bits: int,
) -> Iterator[Copy]:
    """Yield pool images whose hash is within `bits` bits of a held-out one, with the nearest of
    these.
    """
    index = faiss.IndexBinaryFlat(64)
    index.add(_as_codes(held_hashes))
    for low in range(0, len(pool_hashes), BLOCK):
        codes = _as_codes(pool_hashes[low : low + BLOCK])
        limits, distances, places = index.range_search(codes, bits + 1)  # faiss means "below"
        counts = (limits[1:] - limits[:-1]).astype(np.int64)
        owners = np.repeat(np.arange(low, low + len(codes)), counts)
        order = np.lexsort((places, distances, owners))
        _, first = np.unique(owners[order], return_index=True)
        for hit in order[first].tolist():
            yield pool_uids[owners[hit]], held_uids[places[hit]], float(distances[hit])


def _as_codes(hashes: np.ndarray) -> np.ndarray:
    """(n, 8) uint8, as FAISS takes binary vectors."""
    return np.ascontiguousarray(hashes).view(np.uint8).reshape(-1, 8)


def _similar(
    heldout: Images, vectors: np.ndarray, uids: np.ndarray, block: np.ndarray, tau: float
) -> Iterator[Copy]:
    """Images of a block with a cosine of at least `tau`: a float32 screen, then exact cosines."""
    products = block.astype(np.float32) @ vectors.astype(np.float32).T
    rows = np.flatnonzero(products.max(axis=1) >= tau - MARGIN)
    exact = cosine.cosines(block[rows], vectors)
    best = exact.argmax(axis=1)
    for row, place, similarity in zip(rows, best, exact.max(axis=1), strict=True):
        if similarity >= tau:
            yield uids[row], heldout.uids[place], round(1 - float(similarity), 6)


def _fellows(
    found: Mapping[bytes, tuple[bytes, str, float]],
    groups: Mapping[bytes, int],
    pool_uids: np.ndarray,
) -> Iterator[Copy]:
    """Yield the other members of the duplicate groups that contain a leak."""
    original = {groups[uid]: found[uid][0] for uid in sorted(found, reverse=True) if uid in groups}
    checked = set(pool_uids.tolist())
    for uid, group in groups.items():
        if group in original and uid in checked:
            yield uid, original[group], math.nan


def _as_leaks(found: Mapping[bytes, tuple[bytes, str, float]], compared: dict[str, int]) -> Leaks:
    uids = sorted(found)
    return Leaks(
        uids=np.array(uids, hashing.UID_DTYPE),
        heldout=np.array([found[uid][0] for uid in uids], hashing.UID_DTYPE),
        how=tuple(found[uid][1] for uid in uids),
        distance=np.array([found[uid][2] for uid in uids], np.float64),
        compared=compared,
    )
