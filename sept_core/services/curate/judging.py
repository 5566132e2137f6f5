"""Images to judge next: suggestions by doubt, and the random sample of an audit.

In: an open project and a selection. Out: uids, and the precision measured so far. This module makes
no decisions.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sept_core.catalogue import place_table
from sept_core.features import feature_store
from sept_core.review import audit, decision_log, suggestions
from sept_core.services.curate import own_images, selections
from sept_core.services.curate.selections import Selection
from sept_core.services.project.project import Project
from sept_core.storage import hashing


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
    project: Project, selection_id: str, size: int = 100, seed: int = 0
) -> dict[str, Any]:
    """Return the sample to judge, and the precision of each budget measured so far."""
    chosen = selections.resolve(project, selection_id)
    ranked = chosen.picks["uid"].to_pylist()
    plan = audit.plan(ranked, size, seed)
    state = chosen.log.state
    budgets = sorted({max(1, len(ranked) * part // 4) for part in (1, 2, 3, 4)})
    found = [audit.precision(plan, state, budget) for budget in budgets]
    return {
        "selection": chosen.id,
        "uids": list(plan.uids),
        "files": place_table.first_files(project.db, plan.uids),
        "to_judge": [uid for uid in plan.uids if state.verdict(uid) is None],
        "precision": [asdict(value) for value in found if value is not None],
    }


def _state(chosen: Selection, position: int | None) -> decision_log.ReviewState:
    if position is None:
        return chosen.log.state
    return decision_log.replay(event for event in chosen.log.events if event.position <= position)
