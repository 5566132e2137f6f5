"""Facts about one image for the inspector: neighbours, near-duplicates, files, decisions.

In: an open project, an encoder, target sets and a uid of the pool or of a target set. Out: JSON
values; held-out images have files and decisions, but no neighbours.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from sept_core import errors
from sept_core.catalogue import decision_table, image_ids, place_table, split_table
from sept_core.features import feature_store
from sept_core.index import cosine
from sept_core.retrieval import neighbour_lists
from sept_core.services.curate import decisions, searches
from sept_core.services.data import preparation
from sept_core.services.explore import point_map, row_points
from sept_core.services.project.project import Project
from sept_core.storage import hashing

NEAREST_TARGETS, NEAREST_IMAGES, MOST_COPIES = 6, 12, 12


def facts(project: Project, encoder_id: str, target_ids: Sequence[str], uid: str) -> dict[str, Any]:
    """Return what is known about an image.

    Returns:
        targets, pool: `[uid, cosine]` of its nearest training and pool images, nearest first;
        copies: the other images of its duplicate group; places: its files, as `source/path`; width,
        height, metadata; cluster: its number on the map or null; decisions: all decisions on it for
        these target sets, latest first.

    Raises:
        NotFoundError: the project has no such image.
    """
    if image_ids.unknown(project.db, [uid]):
        raise errors.NotFoundError(f"This project has no image {uid!r}.")
    try:
        vector = searches.vector_of(project, encoder_id, uid)
    except errors.NotFoundError:
        vector = None
    places = place_table.places(project.db, uid)
    return {
        "targets": [] if vector is None else nearest_targets(
            project, encoder_id, target_ids, vector, uid
        ),
        "pool": [] if vector is None else _pool(project, encoder_id, vector, uid),
        "copies": _copies(project, encoder_id, uid),
        "places": [
            "/".join(filter(None, (place.source, place.rel_path, place.member)))
            for place in places
        ],
        **_pixels(project, uid),
        "cluster": _cluster(project, encoder_id, uid),
        "decisions": _decisions(project, target_ids, uid),
    }  # fmt: skip


def nearest_targets(
    project: Project,
    encoder_id: str,
    target_ids: Sequence[str],
    vector: np.ndarray,
    uid: str,
    count: int = NEAREST_TARGETS,
) -> list[tuple[str, float]]:
    """Return the training images most similar to a vector, without the image itself."""
    found: dict[str, float] = {}
    for target in target_ids:
        store = feature_store.kept(project.paths.target_features(encoder_id, target))
        searching = split_table.searching(project.db, target)
        for block in store.blocks():
            mine = np.isin(block.uids, searching)
            values = cosine.cosines(block.vectors[mine], vector.astype(np.float16))[:, 0]
            uids = block.uids[mine].astype(str).tolist()
            found |= zip(uids, values.tolist(), strict=True)
    found.pop(uid, None)
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))[:count]


def _pool(
    project: Project, encoder_id: str, vector: np.ndarray, uid: str
) -> list[tuple[str, float]]:
    store = feature_store.kept(project.paths.pool_features(encoder_id))
    query = np.array([uid], hashing.UID_DTYPE)
    if store.rows_of(query)[0] >= 0:
        return point_map.neighbours(project, encoder_id, uid, NEAREST_IMAGES)
    count = min(NEAREST_IMAGES, len(store))
    found = neighbour_lists.find_neighbours(store, vector, query, count)
    rows = zip(found.uids[0].astype(str).tolist(), found.similarity[0].tolist(), strict=True)
    return [(other, value) for other, value in rows if other]


def _copies(project: Project, encoder_id: str, uid: str) -> list[str]:
    try:
        groups = preparation.groups_by_uid(project, encoder_id)
    except (errors.InputError, errors.NotFoundError):
        return []
    return [other.decode() for other in groups.fellows(uid.encode())[:MOST_COPIES]]


def _pixels(project: Project, uid: str) -> dict[str, Any]:
    row = place_table.pixels(project.db, uid)
    if row is None:
        return {"width": None, "height": None, "metadata": {}}
    width, height, metadata = row
    return {
        "width": width,
        "height": height,
        "metadata": json.loads(metadata) if metadata else {},
    }


def _cluster(project: Project, encoder_id: str, uid: str) -> int | None:
    drawn = row_points.find_map(project, encoder_id)
    if drawn is None:
        return None
    rows = drawn.rows_of(np.array([uid], hashing.UID_DTYPE))
    number = int(drawn.clusters[rows[0]]) if len(rows) else -1
    return number if number >= 0 else None


def _decisions(project: Project, target_ids: Sequence[str], uid: str) -> list[dict[str, Any]]:
    fields = ("at", "who", "action", "scope", "reason", "stands")
    events = decisions.events_of(decision_table.log_of(project.db, target_ids))[::-1]
    return [{key: event[key] for key in fields} for event in events if uid in event["uids"]]
