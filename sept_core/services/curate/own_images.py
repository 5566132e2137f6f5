"""The target's own training images as part of a subset (`with_target`, docs/method.md §3).

In: an open project, target sets, the guard's result. Out: `OwnImages`, which extends the gate of a
selection: guard and duplicate cap hold for these images as for those of the pool. Held-out images
are never among them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.sparse import csgraph

from sept_core.catalogue import image_table, place_table, split_table
from sept_core.dedup import leakage, near_duplicates
from sept_core.features import feature_store
from sept_core.index import cosine
from sept_core.retrieval import neighbour_lists
from sept_core.selection import gate, recipes, strategies
from sept_core.services.curate import contamination_guard
from sept_core.services.data import preparation
from sept_core.services.project.project import Project
from sept_core.storage import hashing

FIRST_DEPTH = 32
"""Neighbours of each image that are searched for near-duplicates at first; doubled as needed."""

ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class OwnImages:
    """Training images of target sets with features.

    Attributes:
        uids: (n,) S32, ascending.
        leaked: S32, those that are near-duplicates of held-out images.
        groups: duplicate groups of the pool, joined with these images.
    """

    uids: np.ndarray
    leaked: np.ndarray
    groups: preparation.GroupsByUid

    def added_to(self, entry: gate.Gate) -> gate.Gate:
        """Return the gate with these images, without those of vetoed targets, taken first."""
        own = self.uids[~np.isin(self.uids, entry.vetoed_targets)]
        new = own[~np.isin(own, entry.decodable)]
        inside = entry.in_filter
        if inside is not None:
            inside = np.concatenate([inside, np.ones(len(new), bool)])
        return replace(
            entry,
            decodable=np.concatenate([entry.decodable, new]),
            pool_count=entry.pool_count + len(new),
            in_filter=inside,
            leaked=np.union1d(entry.leaked, self.leaked),
            groups=self.groups,
            own=own,
        )


def among(settings: Mapping[str, Any], picks: pa.Table) -> list[str]:
    """List the picks that are the target's own images, by the stored settings of a selection."""
    uids: list[str] = picks["uid"].to_pylist()
    if strategies.takes_targets(str(settings["strategy"])):
        return uids
    if not settings.get("with_target"):
        return []
    parts = picks["part"].to_pylist()
    return [uid for uid, part in zip(uids, parts, strict=True) if part == recipes.OWN_IMAGES]


def places(project: Project, record: Mapping[str, Any], picks: pa.Table) -> list[dict[str, Any]]:
    """Return every live place of the picks of a selection, best first within a uid.

    An own image has the places in its target sets, named `target:NAME`, and then those in the pool
    (except under the strategy `target-images-only`, which does not read the pool).

    Args:
        project: the open project.
        record: the selection's record.
        picks: its picks.
    """
    own = among(record["settings"], picks)
    rows: list[dict[str, Any]] = place_table.locations(project.db, own, "target").to_pylist()
    rows = [
        row | {"source": f"target:{row['source']}"}
        for row in rows
        if row["source_id"] in record["target_ids"]
    ]
    if strategies.takes_targets(str(record["settings"]["strategy"])):
        return rows
    rows += place_table.locations(project.db, picks["uid"].to_pylist()).to_pylist()
    return rows


def vectors(
    project: Project, record: Mapping[str, Any], picks: pa.Table, encoder_id: str
) -> np.ndarray:
    """Return (m, D) float16 features of those picks that an encoder has features of, in order.

    Args:
        project: the open project.
        record: the selection's record.
        picks: its picks.
        encoder_id: the selection's encoder, or another one.
    """
    uids, own = hashing.uid_array(picks["uid"]), among(record["settings"], picks)
    paths = project.paths
    folders = [paths.pool_features(encoder_id)]
    if own:
        folders += [paths.target_features(encoder_id, ident) for ident in record["target_ids"]]
    stores = [feature_store.FeatureStore(folder) for folder in folders]
    found = np.empty((len(uids), stores[0].dim), np.float16)
    missing = np.ones(len(uids), bool)
    for store in stores:
        rows = store.rows_of(uids)
        here = missing & (rows >= 0)
        if here.any():
            found[here] = store.gather(rows[here])
        missing &= ~here
    return found[~missing]


def find(
    project: Project,
    encoder_id: str,
    target_ids: tuple[str, ...],
    guard: contamination_guard.Finding,
) -> OwnImages:
    """Collect the training images of target sets, their near-duplicates and their leaks.

    Raises:
        InputError: near-duplicates are out of date.
        LeakError: the guard is on and held-out images lack features.
    """
    sets = [_images(project, encoder_id, ident) for ident in target_ids]
    return OwnImages(
        np.unique(np.concatenate([part.uids for part in sets])),
        leaks(project, encoder_id, target_ids, guard),
        _joined(project, encoder_id, sets),
    )


def leaks(
    project: Project,
    encoder_id: str,
    target_ids: tuple[str, ...],
    guard: contamination_guard.Finding,
) -> np.ndarray:
    """Return (n,) S32, ascending: training images that are near-duplicates of held-out images.

    Raises:
        LeakError: held-out images lack features.
    """
    found = [np.empty(0, hashing.UID_DTYPE)]
    if guard.state == "on":
        settings = leakage.Settings(guard.settings["tau_leak"], guard.settings["bits"])
        held = [contamination_guard.heldout_images(project, encoder_id, t) for t in target_ids]
        for ident in target_ids:
            own = _images(project, encoder_id, ident)
            found += [
                leakage.find_leaks(part, own, {}, settings).uids
                for part in held
                if len(part.uids) and len(own.uids)
            ]
    return np.unique(np.concatenate(found))


def _images(project: Project, encoder_id: str, target_id: str) -> leakage.Images:
    """Return the training images of one target set that have features."""
    store = feature_store.FeatureStore(project.paths.target_features(encoder_id, target_id))
    uids = split_table.searching(project.db, target_id)
    hashes = image_table.hashes(project.db, "target", [target_id])
    return leakage.Images(uids[store.rows_of(uids) >= 0], store, hashes)


def _joined(
    project: Project, encoder_id: str, sets: list[leakage.Images]
) -> preparation.GroupsByUid:
    """Return the pool's duplicate groups with the images outside the pool joined to them.

    Groups with a near-duplicate in common become one, so that the cap holds for it.
    """
    groups = preparation.groups_by_uid(project, encoder_id)
    pool = feature_store.FeatureStore(project.paths.pool_features(encoder_id))
    uids, vectors = _outside(pool, sets)
    if not len(uids):
        return groups
    hashes = _Hashes([image_table.hashes(project.db, "pool"), *(part.hashes for part in sets)])
    alike = _Alike(preparation.calibration(project, encoder_id)["tau"], hashes)
    pairs = [*_pairs_with_pool(pool, uids, vectors, alike), *_pairs_within(uids, vectors, alike)]
    return join(groups, np.concatenate(pairs))


def _outside(
    pool: feature_store.FeatureStore, sets: list[leakage.Images]
) -> tuple[np.ndarray, np.ndarray]:
    """Return uids and vectors of the target images that the pool does not hold, each once."""
    sets = [part for part in sets if len(part.uids)]  # a store without shards has no dimension
    if not sets:
        return np.empty(0, hashing.UID_DTYPE), np.empty((0, pool.dim), np.float16)
    uids = np.concatenate([part.uids for part in sets])
    uids, first = np.unique(uids, return_index=True)
    vectors = np.concatenate([part.store.vectors_of(part.uids) for part in sets])[first]
    new = pool.rows_of(uids) < 0
    return uids[new], vectors[new]


class _Hashes:
    """Perceptual hashes by uid."""

    def __init__(self, tables: list[pa.Table]) -> None:
        table = pa.concat_tables(tables).select(["uid", "phash"]).drop_null()
        self._uids, first = np.unique(hashing.uid_array(table["uid"]), return_index=True)
        self._values = table["phash"].to_numpy()[first].astype(np.uint64)

    def differing(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Return (p,) int64 differing bits of two arrays of uids; 64 where one has no hash."""
        if not len(self._uids):
            return np.full(len(left), 64)
        one, other = (hashing.places_among(self._uids, uids) for uids in (left, right))
        bits = np.bitwise_count(self._values[one] ^ self._values[other]).astype(np.int64)
        return np.where((one >= 0) & (other >= 0), bits, 64)


class _Alike:
    """The rule for near-duplicates: see `dedup.near_duplicates`."""

    def __init__(self, tau: float, hashes: _Hashes) -> None:
        self._tau, self._hashes = tau, hashes
        self.least = min(1 - near_duplicates.LOOSE * (1 - tau), 1.0)

    def pairs(self, left: np.ndarray, right: np.ndarray, similarity: np.ndarray) -> np.ndarray:
        """Return (p, 2) S32, the near-duplicates among pairs that are loosely alike."""
        near = similarity >= self._tau
        near |= self._hashes.differing(left, right) <= preparation.HASH_BITS
        return np.stack([left[near], right[near]], axis=1)


def _pairs_with_pool(
    pool: feature_store.FeatureStore, uids: np.ndarray, vectors: np.ndarray, alike: _Alike
) -> Iterator[np.ndarray]:
    """Find pairs of an image and a pool image; lists grow until they are no longer alike."""
    depth = FIRST_DEPTH
    while True:
        found = neighbour_lists.find_neighbours(pool, vectors, uids, min(depth, len(pool)))
        if found.complete or found.similarity[:, -1].max() < alike.least:
            break
        depth *= 2
    rows, places = np.nonzero(found.similarity >= alike.least)
    yield alike.pairs(uids[rows], found.uids[rows, places], found.similarity[rows, places])


def _pairs_within(uids: np.ndarray, vectors: np.ndarray, alike: _Alike) -> Iterator[np.ndarray]:
    """Find pairs of two images outside the pool."""
    for low in range(0, len(uids), ROWS_AT_ONCE):
        similarity = cosine.cosines(vectors[low : low + ROWS_AT_ONCE], vectors)
        rows, places = np.nonzero(similarity >= alike.least)
        later = places > rows + low
        rows, places = rows[later], places[later]
        yield alike.pairs(uids[rows + low], uids[places], similarity[rows, places])


def join(groups: preparation.GroupsByUid, pairs: np.ndarray) -> preparation.GroupsByUid:
    """Return duplicate groups after joining pairs of uids; groups that meet become one.

    Args:
        groups: the groups so far.
        pairs: (p, 2) S32.
    """
    if not len(pairs):
        return groups
    members = np.array(list(groups), hashing.UID_DTYPE)
    uids = np.unique(np.concatenate([members, pairs.ravel()]))
    ids, number = np.unique(np.array(groups.values(), np.int64), return_inverse=True)
    # nodes: the uids, then one for each group
    links = np.concatenate(
        [
            np.stack([np.searchsorted(uids, members), len(uids) + number], axis=1),
            np.searchsorted(uids, pairs),
        ]
    )
    size = len(uids) + len(ids)
    joined = sparse.coo_array((np.ones(len(links), bool), links.T), shape=(size, size))
    component = csgraph.connected_components(joined, directed=False)[1]
    named: dict[int, int] = {}
    for place, ident in zip(component[len(uids) :].tolist(), ids.tolist(), strict=True):
        named.setdefault(place, ident)  # the smallest id of the groups that meet
    for place, uid in zip(component[: len(uids)].tolist(), uids.tolist(), strict=True):
        named.setdefault(place, near_duplicates.group_id(uid))
    return preparation.GroupsByUid(
        uids, np.array([named[place] for place in component[: len(uids)].tolist()], np.int64)
    )
