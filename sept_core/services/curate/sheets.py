"""Sheets: the picks of a ranking as columns for the browser, with all that explains them.

In: a ranking, the decisions, how many picks. Out: JSON values that depend on nothing else.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from sept_core.review import decision_log
from sept_core.selection import advice, run
from sept_core.services.curate.contamination_guard import Finding
from sept_core.services.curate.rankings import Ranking
from sept_core.services.data import inspection
from sept_core.storage import hashing


def sheet(ranking: Ranking, state: decision_log.ReviewState, reach: int) -> dict[str, Any]:
    """Return up to `reach` picks in selected order; see docs/architecture.md for the columns.

    Raises:
        InputError: see `selection.run.select`.
    """
    chosen = ranking.select(state, max(reach, ranking.fewest(state)))
    prefix = ranking.request.settings.is_prefix
    return {
        "reach": reach,
        "complete": chosen.picks.num_rows < reach,
        "exact_at": None if prefix else reach,
        **_columns(ranking, chosen.picks),
        "targets": _targets(ranking, state),
        "funnel": chosen.funnel,
        "shortfall": chosen.shortfall,
        "guard": {"state": ranking.guard.state, "sentence": guard_sentence(ranking.guard)},
        **_advice(ranking, state),
    }


def _columns(ranking: Ranking, picks: pa.Table) -> dict[str, Any]:
    uids = hashing.uid_array(picks["uid"])
    places = {target.uid: place for place, target in enumerate(ranking.targets)}
    owners = picks["target_uid"].to_pylist()
    similarity = np.round(picks["similarity"].to_numpy(), 4).tolist()
    return {
        "uids": picks["uid"].to_pylist(),
        "rows": ranking.rows.rows_of(uids).tolist(),
        "similarity": [None if value != value else value for value in similarity],
        "target": [-1 if owner is None else places[owner] for owner in owners],
        "rank": picks["target_rank"].fill_null(0).to_pylist(),
        "n_targets": picks["n_targets"].to_pylist(),
        "phase": picks["phase"].to_pylist(),
        "dup_group": picks["dup_group"].fill_null(-1).to_pylist(),
        **{name: picks[name].to_pylist() for name in run.OPTIONAL if name in picks.column_names},
    }


def _targets(ranking: Ranking, state: decision_log.ReviewState) -> list[dict[str, Any]]:
    best = ranking.nearest()
    least = ranking.background_percentile(inspection.GAP_PERCENTILE)
    measurable = len(ranking.rows.uids) >= inspection.FEWEST
    rows = []
    for target in ranking.targets:
        nearest = best.get(target.uid)
        known = measurable and nearest is not None and nearest <= least
        rows.append(
            {
                "uid": target.uid,
                "label": target.label,
                "vetoed": target.uid in state.vetoed_targets,
                "gap": round(least - nearest, 4) if known and nearest is not None else None,
                "best": nearest,
            }
        )
    return rows


def _advice(ranking: Ranking, state: decision_log.ReviewState) -> dict[str, Any]:
    evidence = ranking.evidence(state.vetoed_targets)
    most = advice.IMAGES_PER_TARGET * len(evidence.target_uids)
    found = advice.advise(evidence.neighbours(advice.KNEE_DEPTH))
    sentence = advice.hint(len(evidence.target_uids), most + 1)
    return {"flattens_at": found.flattens_at, "hint": {"above": most, "sentence": sentence}}


def guard_sentence(guard: Finding) -> str:
    """Describe what the contamination guard did."""
    if guard.state == "off":
        return "The contamination guard is off: near-duplicates of test images may be selected."
    if guard.state == "none":
        return "There are no held-out images; the contamination guard is inactive (guard: none)."
    compared, leaks = guard.heldout.num_rows, guard.found.num_rows
    sentence = (
        f"The contamination guard compared {compared:,} held-out images and excluded {leaks:,} "
        "near-duplicates."
    )
    if guard.featureless:
        sentence += (
            f" {guard.featureless:,} of them have no features under this encoder and were compared "
            "by bytes and perceptual hash only."
        )
    return sentence
