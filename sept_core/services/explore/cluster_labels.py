"""Labels of the map's clusters: the user's names, else the pictures nearest the centre.

In: a map by row. Out: `Clusters`; and names, which are stored with an image of the cluster, so that
they follow it when the map is drawn again and numbers its clusters anew.
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sept_core import errors
from sept_core.catalogue import settings
from sept_core.services.explore.row_points import RowPoints
from sept_core.services.project.project import Project
from sept_core.storage import hashing
from sept_core.storage.recent import Recent

PREFIX = "cluster-names:"

PICTURES = 3

COARSE_ABOVE = 60
"""Clusters from which on a coarse level is computed."""

ROUNDS = 30


@dataclass(frozen=True)
class Clusters:
    """Fine clusters by number, then coarse ones.

    Attributes:
        centres: (c, 2) float64 on the map, 0..1.
        counts: (c,) int64 images.
        pictures: up to `PICTURES` uids of each, nearest the centre first.
        parent: coarse cluster of each fine one; None if there is no coarse level.
        fine: number of fine clusters.
    """

    centres: np.ndarray
    counts: np.ndarray
    pictures: list[list[str]]
    parent: np.ndarray | None
    fine: int


_held = Recent[tuple[Path, str], Clusters](4)


def clusters(project: Project, points: RowPoints) -> Clusters:
    """Return centres, sizes and pictures of the clusters, cached by the map's revision."""
    return _held.get((project.paths.root, points.revision), lambda: _clusters(points))


def names(project: Project, encoder_id: str, points: RowPoints) -> dict[int, str]:
    """Return the user's names by cluster number."""
    kept = settings.get(project.db, PREFIX + encoder_id, [])
    uids = np.array([entry["uid"] for entry in kept], hashing.UID_DTYPE)
    rows = hashing.places_among(points.uids, uids)
    found: dict[int, str] = {}
    for entry, row in zip(kept, rows.tolist(), strict=True):
        number = int(points.clusters[row]) if row >= 0 else -1
        if number >= 0:
            found[number] = entry["name"]
    return found


def name(project: Project, encoder_id: str, points: RowPoints, cluster: int, text: str) -> None:
    """Name a fine cluster; an empty text removes its name.

    Raises:
        NotFoundError: there is no such cluster.
        InputError: the name is longer than 60 characters.
    """
    found = clusters(project, points)
    if not 0 <= cluster < found.fine or not found.pictures[cluster]:
        raise errors.NotFoundError(f"The map has no cluster {cluster}; reload the page.")
    wanted = " ".join(text.split())
    if len(wanted) > 60:
        raise errors.InputError("A cluster's name has at most 60 characters.")
    held = names(project, encoder_id, points) | {cluster: wanted}
    kept = [{"uid": found.pictures[number][0], "name": own} for number, own in held.items() if own]
    settings.put(project.db, PREFIX + encoder_id, kept)


def answer(project: Project, encoder_id: str, points: RowPoints) -> dict[str, Any]:
    """Return the clusters as JSON values, with the cluster of every row."""
    found = clusters(project, points)
    own = names(project, encoder_id, points)
    return {
        "names": [own.get(number) for number in range(len(found.counts))],
        "centres": np.round(found.centres, 5).tolist(),
        "counts": found.counts.tolist(),
        "pictures": found.pictures,
        "parent": None if found.parent is None else found.parent.tolist(),
        "cluster": base64.b64encode(points.clusters.astype("<i2").tobytes()).decode(),
    }


def _clusters(points: RowPoints) -> Clusters:
    known = np.flatnonzero(points.clusters >= 0)
    own, places = points.clusters[known], points.places[known].astype(np.float64)
    count = int(own.max(initial=-1)) + 1
    centres, sizes = _means(places, own, count)
    pictures = _nearest(points.uids[known], places, own, centres)
    if count <= COARSE_ABOVE:
        return Clusters(centres, sizes, pictures, None, count)
    coarse = _kmeans(centres, sizes, max(2, round(np.sqrt(count))))
    wide, total = _means(places, coarse[own], int(coarse.max()) + 1)
    more = _nearest(points.uids[known], places, coarse[own], wide)
    return Clusters(
        np.concatenate([centres, wide]),
        np.concatenate([sizes, total]),
        pictures + more,
        coarse + count,
        count,
    )


def _means(places: np.ndarray, own: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (count, 2) means of the places of each cluster, and (count,) their sizes."""
    sizes = np.bincount(own, minlength=count)
    sums = [np.bincount(own, places[:, axis], minlength=count) for axis in (0, 1)]
    return np.stack(sums, 1) / np.maximum(sizes, 1)[:, None], sizes


def _nearest(
    uids: np.ndarray, places: np.ndarray, own: np.ndarray, centres: np.ndarray
) -> list[list[str]]:
    """Return up to `PICTURES` uids of each cluster, nearest its centre first."""
    distance = ((places - centres[own]) ** 2).sum(axis=1)
    order = np.lexsort((uids, distance, own))
    starts = np.searchsorted(own[order], np.arange(len(centres) + 1))
    return [
        uids[order[low : min(low + PICTURES, high)]].astype(str).tolist()
        for low, high in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ]


def _kmeans(centres: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Return (n,) int64, the coarse cluster of each fine centre: weighted k-means.

    It starts from centres far from one another, the largest first, so that it needs no randomness.
    """
    means = centres[[int(weights.argmax())]]
    while len(means) < count:
        gap = ((centres[:, None] - means[None]) ** 2).sum(axis=2).min(axis=1)
        means = np.concatenate([means, centres[[int(gap.argmax())]]])
    for _ in range(ROUNDS):
        own = ((centres[:, None] - means[None]) ** 2).sum(axis=2).argmin(axis=1)
        total = np.bincount(own, weights, minlength=count)
        sums = [np.bincount(own, weights * centres[:, a], minlength=count) for a in (0, 1)]
        known = total > 0
        means[known] = np.stack(sums, 1)[known] / total[known, None]
    _, numbered = np.unique(own, return_inverse=True)
    return np.asarray(numbered, np.int64)
