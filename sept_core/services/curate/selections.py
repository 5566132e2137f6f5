"""Selections: make one, update it after decisions or growth, compare, advise, report.

In: an open project and the user's choices. Out: `selections/ID.parquet` (the picks, in order) and a
record in the catalogue with the inputs of the selection.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sept_core import errors
from sept_core.catalogue import decision_table, image_table, selection_table, source_table
from sept_core.review import decision_log
from sept_core.selection import advice, clusters, compare, strategies
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import rankings
from sept_core.services.curate.rankings import Ranking
from sept_core.services.curate.requests import Request
from sept_core.services.project.project import Project
from sept_core.storage import atomic, hashing
from sept_core.storage.recent import Recent


def select(project: Project, request: Request, *, study: bool = False) -> dict[str, Any]:
    """Make a selection under all contracts of docs/method.md §2 and store it.

    The same request on the same features, decisions and pool gives the same id and picks.

    Args:
        project: the open project.
        request: of the selection.
        study: the selection is an arm of a study, which lists keep apart from a person's own; one
            that a person has made stays their own.

    Returns:
        The record: selection id, count, funnel, short_because, shortfall (a sentence) and its
        inputs.

    Raises:
        NotFoundError: a target set is unknown, or nothing is embedded with the encoder.
        InputError: the settings are invalid, or the preparations are missing.
        LeakError: the guard is on and cannot run.
    """
    ranking = rankings.ranking(project, request)
    log = log_for(project, request, ranking.target_ids)
    chosen = ranking.select(log.state, request.settings.budget)
    made_from = inputs(ranking, request, log)
    named = made_from if request.decisions else {**made_from, "decisions": False}
    selection_id = f"{request.settings.name}-{hashing.fingerprint(named)[:8]}"
    with atomic.write_then_rename(project.paths.selection(selection_id)) as temporary:
        pq.write_table(chosen.picks, temporary)
    record = made_from | {
        "picks_sha256": atomic.sha256_file(project.paths.selection(selection_id)),
        "decisions": request.decisions,
        "refill_duplicates": request.refill_duplicates,
        "count": chosen.picks.num_rows,
        "funnel": chosen.funnel,
        "short_because": chosen.short_because,
        "shortfall": chosen.shortfall,
        "lost_pins": chosen.lost_pins,
    }
    if study and not _is_own(project, selection_id):
        record["study"] = True
    selection_table.put(project.db, selection_id, record)
    return describe(project, record | {"id": selection_id})


def _is_own(project: Project, selection_id: str) -> bool:
    """Return True if a person has made this selection."""
    known = {record["id"]: record for record in selection_table.every(project.db)}
    return selection_id in known and not known[selection_id].get("study")


def log_for(project: Project, request: Request, target_ids: tuple[str, ...]) -> decision_log.Log:
    """Return the log of the decisions that a request obeys."""
    if not request.decisions:
        return decision_log.Log()
    return decision_table.log_of(project.db, target_ids)


def inputs(ranking: Ranking, request: Request, log: decision_log.Log) -> dict[str, Any]:
    """Return the part of a selection's record that its id is a hash of."""
    evidence = ranking.evidence(log.state.vetoed_targets)
    return {
        "target_ids": list(ranking.target_ids),
        "settings": _stored_settings(request.settings, request.targets, ranking.target_ids),
        "encoder_id": ranking.encoder_id,
        "filter": request.filter,
        "group": list(ranking.group),
        "guard": ranking.guard.record(),
        "index": evidence.searched_by(),
        "features": evidence.content_id,
        "pool_fingerprint": ranking.pool_fingerprint,
        "decision_position": log.state.position,
        "decision_hash": log.hash,
        # Only where it can make a difference, so that all other selections keep their ids.
        **({"seated": True} if len(ranking.seated(log.state)) else {}),
        **({"clusters": "tree"} if clusters.uses_tree(request.settings, evidence) else {}),
    }


def _stored_settings(
    settings: SelectionSettings, names: Sequence[str], ids: Sequence[str]
) -> dict[str, Any]:
    """Return settings as a record holds them: weights name target sets by id, as all else does."""
    weights = settings.weights.renamed(dict(zip(names, ids, strict=True)))
    return replace(settings, weights=weights).to_json()


def named_settings(record: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a described record with the target sets' current names in weights."""
    if "weights" not in record["settings"]:
        return dict(record["settings"])
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


def exists(project: Project, selection_id: str) -> bool:
    """Return True if a selection has not been deleted."""
    return any(record["id"] == selection_id for record in selection_table.every(project.db))


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


def picks(project: Project, selection_id: str) -> pa.Table:
    """Return the picks in selected order, recomputed if their file was deleted.

    Raises:
        NotFoundError: there is no such selection.
    """
    return _picks_of(project, selection_table.find(project.db, selection_id))


def _picks_of(project: Project, record: dict[str, Any]) -> pa.Table:
    path = project.paths.selection(record["id"])
    if not path.exists():
        again = select(project, request_of(project, record), study=bool(record.get("study")))
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
        # Selections made before there was this rule took near-duplicates of vetoed images.
        refill_duplicates=record.get("refill_duplicates", True),
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


def advise(project: Project, request: Request, depth: int = advice.KNEE_DEPTH) -> dict[str, Any]:
    """Compute how similarity falls with rank and where coverage flattens; stores nothing.

    The lists are shown to `depth` ranks; where coverage flattens does not depend on it.
    """
    ranking = rankings.ranking(project, replace(request, guard=False))
    state = log_for(project, request, ranking.target_ids).state
    evidence = ranking.evidence(state.vetoed_targets)
    lists = evidence.neighbours(max(depth, advice.KNEE_DEPTH))
    found = advice.advise(lists, request.settings.budget)
    return {
        "quartiles": np.round(found.quartiles[:depth], 6).tolist(),
        "budgets": found.budgets[:depth].tolist(),
        "flattens_at": found.flattens_at,
        "hint": found.hint,
    }
