"""Scopes wider than one image: its near-duplicates, its map cluster, images within a radius.

In: an open project and the images that the user selected. Out: the uids that a decision covers.
"""

from collections.abc import Sequence

import numpy as np

from sept_core import errors
from sept_core.features import feature_store
from sept_core.index import cosine
from sept_core.review import decision_log, scopes
from sept_core.services.data import preparation
from sept_core.services.explore import point_map
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import hashing


def expand(
    project: Project,
    uids: Sequence[str],
    scope: str,
    encoder: str | None,
    least_similarity: float | None,
) -> list[str]:
    """Return the uids that a decision on `uids` covers, each once; see `decisions.preview`.

    Raises:
        InputError: the scope is unknown, or needs an artefact that does not exist yet.
    """
    encoder_id = projects.find_encoder(project, encoder)
    found: dict[str, None] = {}
    for uid in uids:
        if uid in found and scope != "radius":
            continue  # its group or cluster is already included
        found |= dict.fromkeys(_expand(project, encoder_id, uid, scope, least_similarity))
    return list(found)


def _expand(
    project: Project, encoder_id: str, uid: str, scope: str, least_similarity: float | None
) -> tuple[str, ...]:
    if scope == "group":
        fellows = preparation.groups_by_uid(project, encoder_id).fellows(uid.encode())
        return uid, *(other.decode() for other in fellows)
    if scope == "cluster":
        drawn = point_map.load(project, encoder_id)
        return scopes.same_label(uid, drawn.uids, drawn.clusters)
    if scope == "radius":
        if least_similarity is None:
            raise errors.InputError("The scope radius needs a minimum similarity; give --least.")
        store = feature_store.kept(project.paths.pool_features(encoder_id))
        center = store.vectors_of(np.array([uid], hashing.UID_DTYPE))
        parts = [cosine.cosines(block.vectors, center)[:, 0] for block in store.blocks()]
        return scopes.within_radius(uid, store.uids, np.concatenate(parts), least_similarity)
    raise errors.InputError(
        f"The scope {scope!r} is unknown; use one of {', '.join(decision_log.SCOPES)}."
    )
