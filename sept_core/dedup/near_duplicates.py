"""Near-duplicates of a pool: groups of images that are copies of one another.

A worker (`python -m sept_core.dedup.near_duplicates JOB_FOLDER`) and its parts. In: pool features,
their neighbour graph, perceptual hashes. Out: `groups.parquet` (uid, group, representative; one row
for every image that has a copy) and, written last, `header.json`.

Two images are copies when their cosine reaches τ, or when their hashes differ in a few
bits and their features agree loosely (docs/method.md §3, Near-duplicates; equal bytes are one uid
already). Copies of copies are joined, but never along a chain: a group is a representative
and what is like it.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse
from scipy.sparse import csgraph

from sept_core import errors
from sept_core.features.feature_store import FeatureStore
from sept_core.index import cosine, graph
from sept_core.jobs import job_folder
from sept_core.storage import atomic, hashing

LOOSE = 1.25
"""A member of a group may be this many times as far from its representative as two copies
may be from each other: 1 − cosine ≤ 1.25·(1 − τ), bits likewise. A relation of distances,
since a bare cosine means nothing across encoders."""

MAX_BITS = 6
"""The search for near hashes stays fast up to here (10⁶ hashes: 4 s at 4 bits, 42 s at 6)."""

MIN_SET_BITS = 8
"""Half of a hash's bits are set when the image has structure; flat images have next to none."""

CROWD = 32
"""A hash that more images share describes their layout (a blank page, a logo), not a copy."""

PAIRS_AT_ONCE = 16384


@dataclass(frozen=True)
class Settings:
    """Settings of the job: folders and files, τ (cosine) and bits (of 64) that make a copy."""

    store: str
    graph: str
    hashes: str
    out: str
    tau: float
    bits: int


@dataclass(frozen=True)
class Groups:
    """Every image that has a near-duplicate, ordered by uid.

    `uids` (M,) S32; `groups` (M,) int64 ≥ 0, made from the group's smallest uid, so that they
    depend on the members only; `representatives` (M,) S32, the image the others are like.
    """

    uids: np.ndarray
    groups: np.ndarray
    representatives: np.ndarray

    def table(self) -> pa.Table:
        """Return a table of uid, group and representative."""
        columns = {
            "uid": pa.array(self.uids.astype(str).tolist(), pa.string()),
            "group": pa.array(self.groups, pa.int64()),
            "representative": pa.array(self.representatives.astype(str).tolist(), pa.string()),
        }
        return pa.table(columns)


def find(
    store: FeatureStore,
    links: graph.Graph,
    hashes: pa.Table,
    tau: float,
    bits: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Groups:
    """Group the near-duplicates of a pool.

    Args:
        store: the pool's features.
        links: the neighbour graph of that very store.
        hashes: columns uid and phash (uint64); images without a hash are left out.
        tau: cosine from which two images are copies.
        bits: hashes that differ in at most this many bits are candidates.
        progress: called with steps done and their total.

    Raises:
        IntegrityError: graph and store do not belong together.
        InputError: `bits` is out of range.
    """
    if links.content_id != store.content_id():
        raise errors.IntegrityError(
            "The neighbour graph is out of date: the pool has changed since it was built. Build "
            "the neighbour graph again."
        )
    pool = _Pool(store, hashes, tau, bits)
    seen = pool.positions(links.uids)
    pairs = [seen[each] for each in _similar_pairs(links, tau)]
    known = np.flatnonzero(pool.hashed)
    for candidates in near_hashes(pool.hashes[known], bits, progress):
        found = known[candidates]
        pairs.append(found[pool.alike(found[:, 0], found[:, 1])])
    return _as_groups(pool.uids, _representatives(np.concatenate(pairs), pool.alike))


def near_hashes(
    hashes: np.ndarray, bits: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[np.ndarray]:
    """All pairs of 64-bit hashes that differ in at most `bits` bits, exactly.

    Of `bits` + 2 bands, two such hashes agree in at least two: sorting by each pair of bands
    puts every such pair side by side. Flat and crowded hashes are skipped (`MIN_SET_BITS`,
    `CROWD`).

    Args:
        hashes: (n,) uint64.
        bits: 0 to `MAX_BITS`.
        progress: called with sortings done and their total.

    Yields:
        (p, 2) int64 positions in `hashes`, the smaller first; every pair once.

    Raises:
        InputError: `bits` is out of range.
    """
    if not 0 <= bits <= MAX_BITS:
        raise errors.InputError(
            f"The number of hash bits must be between 0 and {MAX_BITS}, not {bits}."
        )
    _, same, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    telling = np.flatnonzero((counts[same] <= CROWD) & (np.bitwise_count(hashes) >= MIN_SET_BITS))
    masks = _band_masks(bits)
    for done, mask in enumerate(masks):
        for left, right in _equal_pairs(hashes[telling] & mask):
            differing = hashes[telling[left]] ^ hashes[telling[right]]
            near = np.bitwise_count(differing) <= bits
            for earlier in masks[:done]:
                near &= (differing & earlier) != 0  # else it was found by that sorting
            found = np.stack([telling[left[near]], telling[right[near]]], axis=1)
            yield np.sort(found, axis=1)
        progress(done + 1, len(masks))


def _band_masks(bits: int) -> list[np.uint64]:
    """Masks of every two of `bits` + 2 bands; bands interleave, as neighbouring bits correlate."""
    count = bits + 2
    bands = [sum(1 << bit for bit in range(band, 64, count)) for band in range(count)]
    return [np.uint64(a | b) for a, b in itertools.combinations(bands, 2)]


def _equal_pairs(keys: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every two positions that hold equal keys, once, in arrays of bounded length."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    left = np.arange(len(keys))
    for lag in itertools.count(1):
        left = left[left < len(keys) - lag]
        left = left[ordered[left + lag] == ordered[left]]
        if not len(left):
            return
        yield order[left], order[left + lag]


class _Pool:
    """All images, ordered by uid, and the similarity of any two of them."""

    def __init__(self, store: FeatureStore, hashes: pa.Table, tau: float, bits: int) -> None:
        hashes = hashes.select(["uid", "phash"]).drop_null()
        uids = hashing.uid_array(hashes["uid"])
        self.uids = np.unique(np.concatenate([store.uids, uids]))
        self.hashes = np.zeros(len(self.uids), np.uint64)
        self.hashed = np.zeros(len(self.uids), bool)
        place = self.positions(uids)
        self.hashes[place] = hashes["phash"].to_numpy()
        self.hashed[place] = True
        self._store = store
        self._rows = store.rows_of(self.uids)
        self._least = min(1 - LOOSE * (1 - tau), 1.0)  # calibration may give a τ above 1
        self._most = int(LOOSE * bits)

    def positions(self, uids: np.ndarray) -> np.ndarray:
        """Places (int64) of uids that the pool holds."""
        return hashing.places_among(self.uids, uids)

    def alike(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """(p,) bool: loosely alike by features, or by hashes where an image has no features."""
        differing = np.bitwise_count(self.hashes[left] ^ self.hashes[right])
        result = self.hashed[left] & self.hashed[right] & (differing <= self._most)
        featured = np.flatnonzero((self._rows[left] >= 0) & (self._rows[right] >= 0))
        for low in range(0, len(featured), PAIRS_AT_ONCE):
            some = featured[low : low + PAIRS_AT_ONCE]
            one = self._store.gather(self._rows[left[some]])
            other = self._store.gather(self._rows[right[some]])
            result[some] = _paired_cosines(one, other) >= self._least
        return np.asarray(result, bool)


def _paired_cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(p,) float64 cosines, row by row, of (p, D) float16 vectors; exact before rounding."""
    products: np.ndarray = np.einsum("ij,ij->i", left.astype(np.float64), right.astype(np.float64))
    products /= np.sqrt(cosine.squared_lengths(left) * cosine.squared_lengths(right))
    rounded: np.ndarray = np.round(products, 6)
    return rounded


def _similar_pairs(links: graph.Graph, tau: float) -> Iterator[np.ndarray]:
    """(p, 2) int64 positions in the graph of neighbours with a cosine of at least `tau`."""
    for low in range(0, len(links.uids), PAIRS_AT_ONCE):
        similarity = np.round(links.similarity[low : low + PAIRS_AT_ONCE].astype(np.float64), 6)
        image, place = np.nonzero(similarity >= tau)
        other = links.neighbours[low + image, place].astype(np.int64)
        yield np.stack([low + image, other], axis=1)


def _representatives(
    pairs: np.ndarray, alike: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> dict[int, int]:
    """Return the representative of each image's group, which prevents chains of copies.

    In each set of connected images the one with most copies (of these the first by uid)
    takes all images like it into its group; the remaining ones are connected again. As copies are
    always alike, every round gives groups of at least two. Depends on uids and pairs only.

    Args:
        pairs: (P, 2) int64 positions of copies, in any order, repeats allowed.
        alike: whether images at two arrays of positions may share a group.
    """
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    found: dict[int, int] = {}
    while len(pairs):
        nodes, ends = np.unique(pairs, return_inverse=True)
        ends = ends.reshape(pairs.shape)
        component = _components(ends, len(nodes))
        degree = np.bincount(ends.ravel())
        order = np.lexsort((nodes, -degree, component))
        first = np.concatenate([[True], np.diff(component[order]) > 0])
        centre = order[first][np.cumsum(first) - 1]
        near = alike(nodes[order], nodes[centre])
        members, centres = nodes[order[near]], nodes[centre[near]]
        found.update(zip(members.tolist(), centres.tolist(), strict=True))
        pairs = pairs[~np.isin(pairs, members).any(axis=1)]
    return found


def _components(ends: np.ndarray, count: int) -> np.ndarray:
    """(count,) number of the connected component of each node."""
    links = sparse.coo_array((np.ones(len(ends), bool), ends.T), shape=(count, count))
    labels: np.ndarray = csgraph.connected_components(links, directed=False)[1]
    return labels


def _as_groups(uids: np.ndarray, representatives: dict[int, int]) -> Groups:
    members = np.array(sorted(representatives), np.int64)
    centres = np.array([representatives[member] for member in members.tolist()], np.int64)
    _, smallest, inverse = np.unique(centres, return_index=True, return_inverse=True)
    ids = [group_id(uid) for uid in uids[members[smallest]].tolist()]
    return Groups(uids[members], np.array(ids, np.int64)[inverse], uids[centres])


def group_id(uid: bytes) -> int:
    """Return the id of the group whose smallest uid is given: 63 bits of it."""
    return int(uid[:16], 16) >> 1


def main(job: job_folder.JobFolder) -> dict[str, Any]:
    """Find and save the groups that the job's settings describe."""
    settings = Settings(**job.settings())
    store = FeatureStore(Path(settings.store))
    groups = find(
        store,
        graph.load(Path(settings.graph)),
        pq.read_table(settings.hashes),
        settings.tau,
        settings.bits,
        lambda done, total: job.progress(done, total, "steps"),
    )
    out = Path(settings.out)
    header = {
        "format": 1,
        "encoder_id": store.encoder_id,
        "content_id": store.content_id(),
        "settings": asdict(settings),
        "images": len(groups.uids),
        "groups": len(np.unique(groups.groups)),
    }
    parts = {"groups.parquet": lambda path: pq.write_table(groups.table(), path)}
    return atomic.write_artefact(out, header, parts)


if __name__ == "__main__":
    job_folder.run(main)
