"""The map for the app: its points, and look-ups inside an area or near a position.

In: a finished map of `projection`. Out: quantised points by uid, a random order because uids are
hashes, so that every prefix is a fair sample. Coordinates are 0..1 over the map's square, y
upwards. `point_colours` computes its colours.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from sept_core import errors
from sept_core.catalogue import source_table, split_table
from sept_core.features import feature_store
from sept_core.index import graph
from sept_core.projection.map_cells import Cells
from sept_core.retrieval import neighbour_lists
from sept_core.services.data import preparation
from sept_core.services.project.project import Project
from sept_core.storage import atomic, hashing, project_paths

MARGIN = 0.03


@dataclass(frozen=True)
class Map:
    """One map, ready for drawing and look-ups.

    Attributes:
        revision: hash of its content.
        uids: (N,) S32, ascending.
        places: (N, 2) float32 in 0..1.
        clusters: (N,) int64, −1 for none.
        targets: name, uids and (n, 2) places of each target set's images.
        cells: finds points inside an area.
        note: a sentence if the map is not from UMAP, or None.
    """

    revision: str
    uids: np.ndarray
    places: np.ndarray
    clusters: np.ndarray
    targets: dict[str, tuple[list[str], np.ndarray]]
    cells: Cells
    note: str | None = None

    def rows_of(self, uids: np.ndarray) -> np.ndarray:
        """Return the rows (int64) of those uids (S32) that are on the map, in the given order."""
        rows = hashing.places_among(self.uids, uids)
        return rows[rows >= 0]

    def nearest(self, x: float, y: float, within: float) -> str | None:
        """Return the uid of the point nearest to a place, or None if none is within a distance."""
        row = self.cells.nearest(x, y, within)
        return None if row is None else str(self.uids[row].decode())

    @property
    def targets_revision(self) -> str:
        """Return a hash of the target sets on the map and their places."""
        return hashing.fingerprint([self.revision, *self.targets])

    def target_places(self) -> list[dict[str, Any]]:
        """Return `uids` and `places` of each target set's images, in the order of `targets`."""
        return [
            {"uids": uids, "places": places.astype(np.float64).round(5).tolist()}
            for uids, places in self.targets.values()
        ]

    def points(self) -> bytes:
        """Return x and y of every point as little-endian uint16, interleaved: 4 bytes per point."""
        return np.round(self.places * 65535).astype("<u2").tobytes()


def load(project: Project, encoder_id: str) -> Map:
    """Load the map of an encoder.

    Raises:
        NotFoundError: it has not been drawn.
    """
    header = project.paths.map(encoder_id) / project_paths.HEADER
    if not header.exists():
        raise errors.NotFoundError(
            "Clusters come from the map, which is not drawn yet; draw it in Curate or by sept map."
        )
    revision = hashing.fingerprint([encoder_id, header.stat().st_mtime_ns])
    names = {record.id: record.name for record in source_table.every(project.db, "target")}
    drawn = _load(str(header.parent), revision)
    named = {
        names[ident]: _searching(project, ident, *value)
        for ident, value in drawn.targets.items()
        if ident in names
    }
    return replace(drawn, targets=named)


def _searching(
    project: Project, target_id: str, uids: list[str], places: np.ndarray
) -> tuple[list[str], np.ndarray]:
    """Return the target images that are not held out or unassigned now."""
    mine = np.isin(np.array(uids, hashing.UID_DTYPE), split_table.searching(project.db, target_id))
    return np.array(uids, object)[mine].tolist(), places[mine]


@lru_cache(maxsize=4)
def _load(folder: str, revision: str) -> Map:
    table = pq.read_table(Path(folder) / "map.parquet")
    shown = pq.read_table(Path(folder) / "targets.parquet")
    uids = hashing.uid_array(table["uid"])
    order = np.argsort(uids, kind="stable")
    places, theirs = _square(_xy(table), _xy(shown))
    owner = np.array(shown["target"].to_pylist(), object)
    target_uids = np.array(shown["uid"].to_pylist(), object)
    targets = {
        str(name): (target_uids[owner == name].tolist(), theirs[owner == name])
        for name in dict.fromkeys(owner.tolist())
    }
    clusters = table["cluster"].to_numpy().astype(np.int64)
    places = places[order]
    note = atomic.read_json(Path(folder) / project_paths.HEADER).get("note")
    return Map(revision, uids[order], places, clusters[order], targets, Cells(places), note)


def _xy(table: Any) -> np.ndarray:
    return np.stack([table["x"].to_numpy(), table["y"].to_numpy()], 1).astype(np.float64)


def _square(pool: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale both into 0..1 with a margin, one scale for x and y."""
    both = np.concatenate([pool, targets])
    low, high = both.min(0), both.max(0)
    side = float((high - low).max()) * (1 + 2 * MARGIN) or 1.0
    start = (low + high) / 2 - side / 2
    return ((pool - start) / side).astype(np.float32), ((targets - start) / side).astype(np.float32)


def neighbours(project: Project, encoder_id: str, uid: str, count: int) -> list[tuple[str, float]]:
    """Return the pool images most similar to one of them, with their cosines.

    They come from the neighbour graph, without a search, if it has enough of them.

    Raises:
        NotFoundError: the image has no features under this encoder.
    """
    store = feature_store.kept(project.paths.pool_features(encoder_id))
    query = np.array([uid], hashing.UID_DTYPE)
    (row,) = store.rows_of(query)
    if row < 0:
        raise errors.NotFoundError(f"Image {uid} has no features under {encoder_id}.")
    if preparation.is_fresh(project, encoder_id, "graph", store):
        links = graph.load(project.paths.index(encoder_id, "graph"))  # same rows as the store
        near, similarity = links.neighbours[row], links.similarity[row]
        if (near[:count] >= 0).sum() == count:
            uids = links.uids[near[:count]].astype(str).tolist()
            return list(zip(uids, similarity[:count].tolist(), strict=True))
    found = neighbour_lists.find_neighbours(store, store.vectors_of(query), query, count + 1)
    rows = zip(found.uids[0].tolist(), found.similarity[0].tolist(), strict=True)
    return [(other.decode(), value) for other, value in rows if other and other != query[0]][:count]
