"""The map by row: places, clusters and colours of the images of a row space.

In: a row space and its encoder's map, which may be older than the pool. Out: arrays by row.
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sept_core import errors
from sept_core.services.curate.row_space import RowSpace
from sept_core.services.explore import point_colours, point_map
from sept_core.services.explore.point_map import Map
from sept_core.services.project.project import Project
from sept_core.storage import hashing
from sept_core.storage.recent import Recent

OFF = 65535
"""Coordinate of an image that is not on the map."""


@dataclass(frozen=True)
class RowPoints:
    """A map by row.

    Attributes:
        revision: hash of the row space and the map.
        uids: (n,) S32, ascending.
        places: (n, 2) float32 in 0..1; NaN for images that are not on the map.
        clusters: (n,) int64, −1 for none.
        targets: names of the target sets of the project.
    """

    revision: str
    uids: np.ndarray
    places: np.ndarray
    clusters: np.ndarray
    targets: tuple[str, ...] = ()

    def rows_of(self, uids: np.ndarray) -> np.ndarray:
        """Return the rows (int64) of those uids (S32) that are here, in the given order."""
        rows = hashing.places_among(self.uids, uids)
        return rows[rows >= 0]

    def points(self) -> bytes:
        """Return x and y of every row as little-endian uint16, interleaved: 4 bytes per row."""
        places = np.nan_to_num(np.round(self.places * (OFF - 1)), nan=OFF)
        return places.astype("<u2").tobytes()


_held = Recent[tuple[Path, str, str], RowPoints](4)


def find_map(project: Project, encoder_id: str) -> Map | None:
    """Return the map of an encoder; None if it has not been drawn."""
    try:
        return point_map.load(project, encoder_id)
    except errors.NotFoundError:
        return None


def align(project: Project, rows: RowSpace, drawn: Map | None) -> RowPoints:
    """Return a map by row, cached; without a map, no row has a place."""
    name = drawn.revision if drawn else ""
    key = (project.paths.root, rows.key, name)
    return _held.get(key, lambda: _align(rows, drawn))


def _align(rows: RowSpace, drawn: Map | None) -> RowPoints:
    if drawn is None:
        count = len(rows.uids)
        nowhere = np.full((count, 2), np.nan, np.float32)
        return RowPoints(rows.key, rows.uids, nowhere, np.full(count, -1))
    at = hashing.places_among(drawn.uids, rows.uids)  # −1 (not on the map) indexes the last entry
    places = np.append(drawn.places, np.full((1, 2), np.nan, np.float32), axis=0)[at]
    clusters = np.append(drawn.clusters, -1)[at]
    return RowPoints(hashing.fingerprint([rows.key, drawn.revision]), rows.uids, places, clusters)


def colours(project: Project, rows: RowSpace, points: RowPoints, by: str) -> dict[str, Any]:
    """Return palette, legend and the class of every row (base64 of uint8) of a colouring.

    Raises:
        NotFoundError: the colouring is unknown.
    """
    found = point_colours.colour(project, rows.encoder_id, points, by)
    classes = base64.b64encode(found.classes.astype(np.uint8).tobytes()).decode()
    return {"palette": found.palette, "legend": found.legend, "classes": classes}
