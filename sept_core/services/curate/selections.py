"""Selections: make one, update it after decisions or growth, compare, advise, report.

In: an open project and the user's choices. Out: `selections/ID.parquet` (the picks, in order) and a
record in the catalogue with the inputs of the selection.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sept_core import errors
from sept_core import targets as target_layout
from sept_core.catalogue import (
    decision_table,
    image_table,
    selection_table,
    source_table,
    split_table,
)
from sept_core.features import feature_store
from sept_core.index import graph, ivf
from sept_core.review import decision_log
from sept_core.selection import advice, clusters, compare, gate, run, strategies, weights
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import contamination_guard, groups, own_images
from sept_core.services.curate.pool_view import PoolEvidence
from sept_core.services.data import preparation
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import atomic, hashing
from sept_core.storage.recent import Recent

NEGATIVE_BETA = 0.5
NEGATIVE_PERCENTILE = 99.0
"""A veto as negative example penalises the images that are closer to it than this share of the
pool.
"""


@dataclass(frozen=True)
class Request:
    """Request for a selection: the strategy's settings and its inputs."""

    targets: tuple[str, ...]
    settings: SelectionSettings
    encoder: str | None = None
    filter: str = ""
    guard: bool = True
    group: str = ""
    """Named group of images (see `groups`) that restricts the pool; empty for the whole pool."""
    decisions: bool = True
    """False ignores the review decisions, as an ablation."""
    device: str = "auto"
    """Device that compares features: "auto" uses a GPU if there is one, "ray" a cluster. It never
    changes the result and is not stored.
    """


def select(project: Project, request: Request) -> dict[str, Any]:
    """Make a selection under all contracts of docs/method.md §2 and store it.

    The same request on the same features, decisions and pool gives the same id and picks.

    Returns:
        The record: selection id, count, funnel, short_because, shortfall (a sentence) and its
        inputs.

    Raises:
        NotFoundError: a target set is unknown, or nothing is embedded with the encoder.
        InputError: the settings are invalid, or the preparations are missing.
        LeakError: the guard is on and cannot run.
    """
    scene = open_scene(project, request)
    chosen = run.select(request.settings, scene.evidence, scene.entry)
    made_from = {
        "target_ids": list(scene.target_ids),
        "settings": _stored_settings(request.settings, request.targets, scene.target_ids),
        "encoder_id": scene.encoder_id,
        "filter": request.filter,
        "group": [request.group, hashing.fingerprint(groups.members(project, request.group))]
        if request.group
        else [],
        "guard": scene.guard,
        "index": scene.evidence.searched_by(),
        "features": scene.evidence.content_id,
        "pool_fingerprint": image_table.pool_fingerprint(project.db),
        "decision_position": scene.state.position,
        "decision_hash": scene.log_hash,
        **({"clusters": "tree"} if clusters.uses_tree(request.settings, scene.evidence) else {}),
    }
    named = made_from if request.decisions else {**made_from, "decisions": False}
    selection_id = f"{request.settings.name}-{hashing.fingerprint(named)[:8]}"
    with atomic.write_then_rename(project.paths.selection(selection_id)) as temporary:
        pq.write_table(chosen.picks, temporary)
    record = made_from | {
        "picks_sha256": atomic.sha256_file(project.paths.selection(selection_id)),
        "decisions": request.decisions,
        "count": chosen.picks.num_rows,
        "funnel": chosen.funnel,
        "short_because": chosen.short_because,
        "shortfall": chosen.shortfall,
        "lost_pins": chosen.lost_pins,
    }
    selection_table.put(project.db, selection_id, record)
    return describe(project, record | {"id": selection_id})


def _stored_settings(
    settings: SelectionSettings, names: Sequence[str], ids: Sequence[str]
) -> dict[str, Any]:
    """Return settings as a record holds them: weights name target sets by id, as all else does."""
    weights = settings.weights.renamed(dict(zip(names, ids, strict=True)))
    return replace(settings, weights=weights).to_json()


def named_settings(record: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a described record with the target sets' current names in weights."""
    settings = SelectionSettings(**record["settings"])
    names = dict(zip(record["target_ids"], record["targets"], strict=True))
    return replace(settings, weights=settings.weights.renamed(names)).to_json()


def describe(project: Project, record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its id as `selection`, the target sets' current names, and staleness.

    `strategy` is the name of its strategy, or `recipe`.
    """
    names = {source.id: source.name for source in source_table.every(project.db, "target")}
    return record | {
        "selection": record["id"],
        "strategy": strategies.name_of(record["settings"]),
        "targets": [names.get(ident, f"removed ({ident})") for ident in record["target_ids"]],
        "older_than_pool": record["pool_fingerprint"] != image_table.pool_fingerprint(project.db),
        "older_than_decisions": record["decision_hash"] != log_of(project, record).hash,
    }


def log_of(project: Project, record: dict[str, Any]) -> decision_log.Log:
    """Return the log of the decisions that a selection obeys."""
    if not record.get("decisions", True):
        return decision_log.Log()
    return decision_table.log_of(project.db, record["target_ids"])


def every(project: Project) -> list[dict[str, Any]]:
    """List the records of all selections, latest first; see `describe`."""
    return [describe(project, record) for record in reversed(selection_table.every(project.db))]


def find(project: Project, selection_id: str) -> dict[str, Any]:
    """Return one selection's record by its id or the beginning of it.

    Raises:
        NotFoundError: there is none.
    """
    return describe(project, selection_table.find(project.db, selection_id))


@dataclass(frozen=True)
class Selection:
    """One selection, resolved once and passed on.

    Attributes:
        record: its record in the catalogue.
        picks: its picks in selected order.
        log: the current decisions of its target sets.
    """

    record: dict[str, Any]
    picks: pa.Table
    log: decision_log.Log

    @property
    def id(self) -> str:
        return str(self.record["id"])

    @property
    def encoder_id(self) -> str:
        return str(self.record["encoder_id"])

    @property
    def target_ids(self) -> list[str]:
        return list(self.record["target_ids"])


def resolve(project: Project, selection_id: str) -> Selection:
    """Find a selection by its id or the beginning of it.

    The picks are cached by the id.

    Raises:
        NotFoundError: there is none.
    """
    record = selection_table.find(project.db, selection_id)
    key = (project.paths.root, str(record["id"]))
    found = _picked.get(key, lambda: _picks_of(project, record))
    return Selection(record, found, decision_table.log_of(project.db, record["target_ids"]))


_picked = Recent[tuple[Path, str], pa.Table](4)


def check_targets(project: Project, chosen: Selection) -> None:
    """Refuse decisions for target sets that no longer exist.

    Raises:
        NotFoundError: one of the selection's target sets was removed.
    """
    names = {source.id for source in source_table.every(project.db, "target")}
    if removed := [ident for ident in chosen.target_ids if ident not in names]:
        raise errors.NotFoundError(
            f"The target set {removed[0]} of selection {chosen.id} was removed; add it again."
        )


def picks(project: Project, selection_id: str) -> pa.Table:
    """Return the picks in selected order, recomputed if their file was deleted.

    Raises:
        NotFoundError: there is no such selection.
    """
    return _picks_of(project, selection_table.find(project.db, selection_id))


def _picks_of(project: Project, record: dict[str, Any]) -> pa.Table:
    path = project.paths.selection(record["id"])
    if not path.exists():
        again = select(project, request_of(project, record))
        if again["id"] != record["id"]:
            raise errors.InputError(
                f"The picks of {record['id']} were deleted and the project has changed since; "
                f"the same settings now give {again['id']}."
            )
    return pq.read_table(path)


def request_of(project: Project, record: dict[str, Any]) -> Request:
    """Return the request of a record."""
    described = describe(project, record)
    return Request(
        targets=tuple(described["targets"]),
        settings=SelectionSettings(**named_settings(described)),
        encoder=record["encoder_id"],
        filter=record["filter"],
        group=record["group"][0] if record.get("group") else "",
        guard=record["guard"]["state"] != "off",
        decisions=record.get("decisions", True),
    )


def update(project: Project, selection_id: str) -> dict[str, Any]:
    """Repeat a selection on the current pool and decisions; `churn` lists the changes."""
    before = picks(project, selection_id)
    record = select(project, request_of(project, selection_table.find(project.db, selection_id)))
    after = picks(project, record["id"])
    churn = decision_log.churn(before["uid"].to_pylist(), after["uid"].to_pylist())
    return record | {"before": selection_id, "churn": asdict(churn)}


def remove(project: Project, selection_id: str) -> None:
    """Delete a selection and its picks; decisions and exports are kept.

    Raises:
        NotFoundError: there is no such selection.
    """
    record = selection_table.find(project.db, selection_id)
    selection_table.remove(project.db, record["id"])
    project.paths.selection(record["id"]).unlink(missing_ok=True)


def compared(project: Project, first: str, second: str) -> dict[str, Any]:
    """Return the overlap of two selections, and the images that only one of them has."""
    return asdict(compare.compare(picks(project, first), picks(project, second)))


def advise(project: Project, request: Request, depth: int = 100) -> dict[str, Any]:
    """Compute how similarity falls with rank and where coverage flattens; stores nothing."""
    scene = open_scene(project, replace(request, guard=False))
    found = advice.advise(scene.evidence.neighbours(depth), request.settings.budget)
    return {
        "quartiles": np.round(found.quartiles, 6).tolist(),
        "budgets": found.budgets.tolist(),
        "flattens_at": found.flattens_at,
        "hint": found.hint,
    }


def standing(project: Project, request: Request) -> list[str]:
    """Return hashes of a selection's inputs besides its request: features, pool, decisions.

    Raises:
        NotFoundError: a target set is unknown, or nothing is embedded with the encoder.
    """
    encoder_id = projects.find_encoder(project, request.encoder)
    targets = [source_table.find(project.db, "target", name).id for name in request.targets]
    folders = [project.paths.target_features(encoder_id, target) for target in targets]
    stores = [project.paths.pool_features(encoder_id), *folders]
    return [
        encoder_id,
        *(feature_store.FeatureStore(folder).content_id() for folder in stores),
        *(_searching(project, target) for target in targets),
        image_table.pool_fingerprint(project.db),
        decision_table.log_of(project.db, targets).hash,
    ]


def _searching(project: Project, target_id: str) -> str:
    """Return a hash of the training images of a target set and their labels."""
    rows = split_table.labelled(project.db, target_id, target_layout.SEARCH_SPLITS)
    return hashing.fingerprint(rows.select(["uid", "label"]).to_pylist())


@dataclass(frozen=True)
class Scene:
    """All inputs of one selection."""

    encoder_id: str
    target_ids: tuple[str, ...]
    evidence: PoolEvidence
    entry: gate.Gate
    state: decision_log.ReviewState
    log_hash: str
    guard: dict[str, Any]


def open_scene(project: Project, request: Request) -> Scene:
    """Collect features, decisions, duplicate groups and leaks for a request.

    Raises:
        NotFoundError, InputError, LeakError: see `select`.
    """
    encoder_id = projects.find_encoder(project, request.encoder)
    records = [source_table.find(project.db, "target", name) for name in request.targets]
    target_ids = tuple(record.id for record in records)
    log = decision_table.log_of(project.db, target_ids) if request.decisions else decision_log.Log()
    evidence = _evidence(project, encoder_id, target_ids, request, log.state)
    groups = preparation.groups_by_uid(project, encoder_id)
    guard = contamination_guard.check(project, encoder_id, target_ids, wanted=request.guard)
    entry = _gate(project, evidence, groups, guard, log.state)
    if request.settings.with_target:
        entry = own_images.find(project, encoder_id, target_ids, guard).added_to(entry)
    return Scene(encoder_id, target_ids, evidence, entry, log.state, log.hash, guard.record())


def _evidence(
    project: Project,
    encoder_id: str,
    target_ids: tuple[str, ...],
    request: Request,
    state: decision_log.ReviewState,
) -> PoolEvidence:
    paths, db = project.paths, project.db
    pool = feature_store.FeatureStore(paths.pool_features(encoder_id))
    indexed = preparation.is_fresh(project, encoder_id, "index", pool)
    stores = [feature_store.FeatureStore(paths.target_features(encoder_id, t)) for t in target_ids]
    rows = [
        split_table.labelled(db, t, target_layout.SEARCH_SPLITS).to_pylist() for t in target_ids
    ]
    members = [
        (name, row["uid"], row["label"])
        for name, part in zip(request.targets, rows, strict=True)
        for row in part
    ]
    return PoolEvidence(
        pool=pool,
        targets=stores,
        searching=_array([row["uid"] for part in rows for row in part]),
        vetoed=_array(sorted(state.vetoed_targets)),
        labels={row["uid"]: row["label"] for part in rows for row in part if row["label"]},
        inside=_inside(project, request),
        index=ivf.load(paths.index(encoder_id, "index")) if indexed else None,
        neighbour_graph=lambda: graph.load(paths.index(encoder_id, "graph")),
        seed=request.settings.seed,
        device=request.device,
        weights=weights.by_target(request.settings.weights, members),
    )


def _inside(project: Project, request: Request) -> np.ndarray:
    found = image_table.eligible(project.db, "pool", request.filter)
    if not request.group:
        return found
    return found[np.isin(found, _array(groups.members(project, request.group)))]


def _gate(
    project: Project,
    evidence: PoolEvidence,
    groups: Mapping[bytes, int],
    guard: contamination_guard.Finding,
    state: decision_log.ReviewState,
) -> gate.Gate:
    eligible = image_table.eligible(project.db)
    live = np.isin(evidence.all_uids, eligible)
    negatives = _array(state.negatives)
    margin = evidence.floor_similarity(NEGATIVE_PERCENTILE) if len(negatives) else 0.0
    return gate.Gate(
        decodable=evidence.all_uids[live],
        pool_count=_pool_count(project),
        featureless=len(eligible) - int(live.sum()),
        in_filter=evidence.inside[live],
        leaked=guard.leaked,
        vetoed=_array(state.vetoed),
        pinned=_array(state.pinned),
        vetoed_targets=_array(sorted(state.vetoed_targets)),
        groups=groups,
        penalties=evidence.penalties(negatives, NEGATIVE_BETA, margin or 0.0),
    )


def _pool_count(project: Project) -> int:
    """Count distinct images whose bytes are known, and every file that has not been read yet."""
    counts = image_table.pool_counts(project.db)
    return sum(counts[state] for state in ("images", "waiting", "unreadable", "rejected"))


def _array(uids: Sequence[str]) -> np.ndarray:
    return np.array(uids, hashing.UID_DTYPE)
