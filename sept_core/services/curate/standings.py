"""Standings: requests resolved against a project, with the keys of their rankings.

In: an open project and a request. Out: a `Standing`. Its `key` is a hash of the request without its
budget, the features, the target images and the pool; its `base` of what rankings share whose
strategy, floor, cap or guard differ.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from sept_core import targets as target_layout
from sept_core.catalogue import image_table, revision, source_table, split_table
from sept_core.features import feature_store
from sept_core.services.curate import groups
from sept_core.services.curate.requests import Request
from sept_core.services.data import preparation
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import atomic, hashing, project_paths


@dataclass(frozen=True)
class Target:
    """One image that is searched with: its target set's id, its uid and its label."""

    set_id: str
    uid: str
    label: str | None


@dataclass(frozen=True)
class Standing:
    """A request resolved against the project: what identifies its ranking, and its base."""

    key: str
    base: str
    request: Request
    encoder_id: str
    target_ids: tuple[str, ...]
    targets: tuple[Target, ...]
    pool_fingerprint: str
    group: tuple[str, ...]


def find(project: Project, request: Request) -> Standing:
    """Resolve a request: its encoder, its target images, and the key of its ranking.

    Raises:
        NotFoundError: a target set is unknown, or nothing is embedded with the encoder.
        InputError: the preparations are missing.
    """
    paths = project.paths
    encoder_id = projects.find_encoder(project, request.encoder)
    ids = tuple(source_table.find(project.db, "target", name).id for name in request.targets)
    resolved = replace(
        request,
        settings=replace(request.settings, budget=1),
        encoder=encoder_id,
        device="auto",
        decisions=True,
    )
    group = _group(project, request)
    searched = [paths.pool_features(encoder_id)]
    searched += [paths.target_features(encoder_id, ident) for ident in ids]
    # Held-out images count without a guard, too: the diagnostics of a ranking compare with them.
    heldout = [paths.target_features(encoder_id, ident, heldout=True) for ident in ids]
    fingerprint = image_table.pool_fingerprint(project.db)
    content = [
        asdict(replace(resolved, targets=())),
        ids,
        [feature_store.kept(folder).content_id() for folder in searched + heldout],
        fingerprint,
        pool_count(project),
        group,
        [_content(project, ident, heldout=True) for ident in ids],
        _prepared(project, encoder_id),
    ]
    shared = [
        [encoder_id, ids, fingerprint, group, request.filter],
        [feature_store.kept(folder).content_id() for folder in searched],
        [_content(project, ident, heldout=False) for ident in ids],
        _index_header(project, encoder_id),
        [request.settings.seed, asdict(request.settings)["weights"]],
    ]
    if request.filter:
        content.append(revision.current(project.db))
        shared.append(revision.current(project.db))
    targets = tuple(target for ident in ids for target in searching(project, ident))
    keys = hashing.fingerprint(content), hashing.fingerprint(shared)
    return Standing(*keys, resolved, encoder_id, ids, targets, fingerprint, group)


def searching(project: Project, target_id: str) -> tuple[Target, ...]:
    """Return the training images of a target set in the order of their files."""

    def read() -> tuple[Target, ...]:
        rows = split_table.labelled(project.db, target_id, target_layout.SEARCH_SPLITS)
        pairs = zip(rows["uid"].to_pylist(), rows["label"].to_pylist(), strict=True)
        return tuple(Target(target_id, uid, label) for uid, label in pairs)

    return revision.once(project.db, f"searching:{target_id}", read)


def _content(project: Project, target_id: str, *, heldout: bool) -> str:
    """Return a hash of a target set's training images and labels, and of its held-out images."""

    def read() -> str:
        own = [[target.uid, target.label] for target in searching(project, target_id)]
        splits = target_layout.HELDOUT_SPLITS
        held = split_table.labelled(project.db, target_id, splits) if heldout else None
        others = [] if held is None else held.select(["uid", "phash"]).to_pylist()
        return hashing.fingerprint([own, others])

    return revision.once(project.db, f"target content:{target_id}:{heldout}", read)


def _prepared(project: Project, encoder_id: str) -> list[Any]:
    """Return the headers of the artefacts that a selection reads.

    Raises:
        InputError: near-duplicates are missing or out of date, or no pool image has features.
    """
    projects.pool_features(project, encoder_id)
    preparation.groups_by_uid(project, encoder_id)
    path = project.paths.index(encoder_id, "duplicates") / project_paths.HEADER
    known = preparation.calibration(project, encoder_id)
    index = _index_header(project, encoder_id)
    return [atomic.read_json(path), index, known["tau"], known["tau_leak"]]


def _index_header(project: Project, encoder_id: str) -> Any:
    """Return the header of the index that is searched; None for exact search."""
    pool = feature_store.kept(project.paths.pool_features(encoder_id))
    if not preparation.is_fresh(project, encoder_id, "index", pool):
        return None
    return atomic.read_json(project.paths.index(encoder_id, "index") / project_paths.HEADER)


def _group(project: Project, request: Request) -> tuple[str, ...]:
    if not request.group:
        return ()
    return request.group, hashing.fingerprint(groups.members(project, request.group))


def inside(project: Project, request: Request) -> np.ndarray:
    """Return (n,) S32 pool images that pass the filter of a request and belong to its group."""
    found = image_table.eligible(project.db, "pool", request.filter)
    if not request.group:
        return found
    members = np.array(groups.members(project, request.group), hashing.UID_DTYPE)
    return found[np.isin(found, members)]


def pool_count(project: Project) -> int:
    """Count distinct images whose bytes are known, and every file that has not been read yet."""
    counts = image_table.pool_counts(project.db)
    return sum(counts[state] for state in ("images", "waiting", "unreadable", "rejected"))
