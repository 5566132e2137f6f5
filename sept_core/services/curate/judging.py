"""Images to judge next: suggestions by doubt, and the random sample of an audit.

In: an open project and a selection. Out: uids, and the precision measured so far. This module makes
no decisions.
"""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sept_core.catalogue import place_table, settings
from sept_core.features import feature_store
from sept_core.review import audit, decision_log, suggestions
from sept_core.services.curate import own_images, selections
from sept_core.services.curate.selections import Selection
from sept_core.services.project.project import Project
from sept_core.storage import hashing

AUDITED = 100
"""Sample size of an audit."""

AUDIT_OF = "audit-of:"
"""Key of the sample of a saved selection, before its id."""


def suggest(
    project: Project, selection_id: str, count: int = 50, position: int | None = None
) -> dict[str, Any]:
    """Suggest picks to look at next, most doubtful first; makes no decision.

    Args:
        project: the open project.
        selection_id: the selection.
        count: number of images.
        position: position of the log up to which decisions count; None for all.
    """
    chosen = selections.resolve(project, selection_id)
    found = doubtful(project, chosen, count, position)
    files = place_table.first_files(project.db, found.uids)
    return {"selection": chosen.id, **asdict(found), "files": files}


def doubtful(
    project: Project, chosen: Selection, count: int, position: int | None = None
) -> suggestions.Suggestions:
    """Suggest like `suggest`, for a resolved selection; never the target's own images."""
    state = _state(chosen, position)
    store = feature_store.FeatureStore(project.paths.pool_features(chosen.encoder_id))
    own = own_images.among(chosen.record["settings"], chosen.picks)
    picks = chosen.picks.filter(
        pc.invert(pc.is_in(chosen.picks["uid"], pa.array(own, pa.string())))
    )
    uids = hashing.uid_array(picks["uid"])
    judged = np.array(list(state.decisions), hashing.UID_DTYPE)
    judged = judged[store.rows_of(judged) >= 0]
    owners = pc.rank(picks["target_uid"], tiebreaker="min").to_numpy()
    return suggestions.suggest_vetoes(
        uids,
        store.vectors_of(uids),
        picks["similarity"].to_numpy(),
        owners.astype(np.int64),
        state,
        judged,
        store.vectors_of(judged),
        count,
    )


def audit_plan(
    project: Project, selection_id: str, size: int = AUDITED, seed: int = 0
) -> dict[str, Any]:
    """Return the sample to judge, and the precision of each budget measured so far.

    The audit of the draft that the selection was saved from goes on. Without one, the decisions
    since the selection was made count.
    """
    chosen = selections.resolve(project, selection_id)
    plan, state = _sample(project, chosen, size, seed)
    return {
        "selection": chosen.id,
        "uids": list(plan.uids),
        "files": place_table.first_files(project.db, plan.uids),
        "to_judge": [uid for uid in plan.uids if state.verdict(uid) is None],
        "precision": [asdict(value) for value in precision(plan, state)],
    }


def audited(project: Project, selection_id: str) -> list[audit.Precision]:
    """Return the precision of each budget that `audit_plan` measures, without the sample."""
    return precision(*_sample(project, selections.resolve(project, selection_id), AUDITED, 0))


def _sample(
    project: Project, chosen: Selection, size: int, seed: int
) -> tuple[audit.Plan, decision_log.ReviewState]:
    """Return the sample of a selection's audit, and the decisions that count in it."""
    stored = settings.get(project.db, AUDIT_OF + chosen.id)
    if stored is not None and (size, seed) == (AUDITED, 0):
        plan = audit.Plan(*map(tuple, (stored["uids"], stored["ranks"], stored["edges"])))
        return plan, since(chosen.log, stored["position"])
    plan = audit.plan(chosen.picks["uid"].to_pylist(), size, seed)
    return plan, since(chosen.log, chosen.record["decision_position"])


def keep_plan(project: Project, selection_id: str, plan: audit.Plan, position: int) -> None:
    """Store the sample of a selection's audit; decisions after the position count in it."""
    settings.put(project.db, AUDIT_OF + selection_id, asdict(plan) | {"position": position})


def since(log: decision_log.Log, position: int) -> decision_log.ReviewState:
    """Return the state with only those decisions that were made after a position.

    Only these count in an audit: images vetoed before have left the sample, so the images kept
    before would make the selection seem precise.
    """
    later = {uid: made for uid, made in log.state.decisions.items() if made.position > position}
    return replace(log.state, decisions=later)


def precision(plan: audit.Plan, state: decision_log.ReviewState) -> list[audit.Precision]:
    """Return the precision of each quarter of a selection, smallest first, where it is known."""
    count = plan.edges[-1]
    budgets = sorted({max(1, count * quarters // 4) for quarters in (1, 2, 3, 4)})
    found = (audit.precision(plan, state, budget) for budget in budgets)
    return [value for value in found if value is not None]


def _state(chosen: Selection, position: int | None) -> decision_log.ReviewState:
    if position is None:
        return chosen.log.state
    return decision_log.replay(event for event in chosen.log.events if event.position <= position)
