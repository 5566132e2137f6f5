"""Preview of a selection before it is stored, for the Retrieve page.

In: a request. Out: an `Exploration`, computed once; budgets up to its reach are slices of it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sept_core import errors
from sept_core.catalogue import decision_table, filters, image_table
from sept_core.selection import advice
from sept_core.selection.strategies import STRATEGIES
from sept_core.services.curate import ranking_figures, rankings
from sept_core.services.curate.requests import Request
from sept_core.services.data import preparation
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import hashing

REACH = 10_000
"""Maximum length of a ranking that is computed once and then sliced."""


@dataclass(frozen=True)
class Exploration:
    """Everything that the page shows about one request, for all budgets.

    Attributes:
        picks: rows of `selection.run.PICKS_SCHEMA` in selected order, up to the reach.
        exact_at: the only valid budget of `picks`, if the strategy's smaller budgets are not
            prefixes of larger ones; None if every slice is valid.
        funnel: the counts of the gates.
        shortfall: a sentence on why there are fewer picks than the reach, or None.
        guard: the record of the contamination guard.
        target_uids: the training images of the targets, without vetoed ones.
        quartiles: (K, 3) similarity at each rank over the targets.
        budgets: (K,) distinct images at each depth.
        flattens_at: the budget where similarity flattens, or None.
        hint: a sentence about the strategy, or None.
        edges: (b + 1,) of the histograms.
        background: (b,) shares of target–random similarities.
        neighbours: (b,) shares of target–neighbour similarities.
        percentiles: similarity at the background's 0th, 1st, … 100th percentile, (101,).
    """

    picks: pa.Table
    exact_at: int | None
    funnel: dict[str, int]
    shortfall: str | None
    guard: dict[str, Any]
    target_uids: list[str]
    quartiles: np.ndarray
    budgets: np.ndarray
    flattens_at: int | None
    hint: str | None
    edges: np.ndarray
    background: np.ndarray
    neighbours: np.ndarray
    percentiles: np.ndarray

    def at(self, budget: int) -> pa.Table:
        """Return the picks of a budget, at most as many as there are."""
        return self.picks.slice(0, budget)


def stamp(project: Project, request: Request) -> str:
    """Return a hash of what an exploration depends on: equal stamps mean equal explorations.

    Raises:
        NotFoundError: a target set is unknown, or nothing is embedded.
        InputError: the preparations are missing.
    """
    known = rankings.standing(project, request)
    budget = None if STRATEGIES[request.settings.strategy].is_prefix else request.settings.budget
    log = decision_table.log_of(project.db, known.target_ids)
    return hashing.fingerprint([known.key, budget, log.hash])


def explore(project: Project, request: Request) -> Exploration:
    """Rank the pool for a request without storing anything.

    Raises:
        NotFoundError, InputError, LeakError: see `selections.select`.
    """
    prefix = STRATEGIES[request.settings.strategy].is_prefix
    budget = request.settings.budget
    ranking = rankings.ranking(project, request)
    state = decision_table.log_of(project.db, ranking.target_ids).state
    reach = max(budget, REACH) if prefix and budget is not None else budget
    chosen = ranking.select(state, reach)
    figures = ranking_figures.figures(ranking, state)
    return Exploration(
        picks=chosen.picks,
        exact_at=None if prefix else budget,
        funnel=chosen.funnel,
        shortfall=chosen.shortfall,
        guard=ranking.guard.record(),
        target_uids=ranking.evidence(state.vetoed_targets).target_uids.astype(str).tolist(),
        quartiles=figures.advice.quartiles,
        budgets=figures.advice.budgets,
        flattens_at=figures.advice.flattens_at,
        hint=advice.hint(len(ranking.targets), budget),
        edges=figures.edges,
        background=figures.background,
        neighbours=figures.neighbours,
        percentiles=figures.percentiles,
    )


def shares_of_targets(picks: pa.Table, target_uids: list[str]) -> dict[str, int]:
    """Return the number of images of each target, largest first; targets without any count 0."""
    counted = pc.value_counts(picks["target_uid"].drop_null()).to_pylist()
    found = {row["values"]: row["counts"] for row in counted} | {}
    shares = {uid: int(found.get(uid, 0)) for uid in target_uids}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def is_prepared(project: Project, encoder: str | None) -> bool:
    """Return True if a selection can be made now; if not, `preparation.next_job` prepares it."""
    encoder_id = projects.find_encoder(project, encoder)
    try:
        preparation.groups_by_uid(project, encoder_id)
        preparation.calibration(project, encoder_id)
    except (errors.InputError, errors.NotFoundError):
        return False
    return True


def filter_fields(project: Project) -> list[str]:
    """List the fields that a metadata filter may name."""
    return [*filters.COLUMNS, *image_table.metadata_fields(project.db)]


def passing(project: Project, filter_text: str) -> np.ndarray:
    """Return (n,) S32, sorted: the pool images that pass a metadata filter.

    Raises:
        InputError: the filter is invalid, or names a field that no image has.
    """
    return image_table.eligible(project.db, "pool", filter_text)
