"""Drafts: what a ranking would give at a budget now, without storing it.

In: a ranking, a state of the decision log, a budget. Out: orders to look at it in, the precision of
its audit, its diagnostics; and `save`, which makes the selection.

An audit estimates the precision of one population: the draft as it was when the audit began. Later
vetoes leave the draft, so judging only what is still in it would always find it precise. The place
in the log at which an audit began is stored with the ranking's key; earlier decisions do not count.
"""

from dataclasses import asdict, replace
from typing import Any

from sept_core import errors
from sept_core.catalogue import selection_table, settings, source_table
from sept_core.review import audit, decision_log
from sept_core.services.curate import judging, rankings, selections, subset_diagnostics
from sept_core.services.curate.rankings import Ranking
from sept_core.services.curate.requests import Request
from sept_core.services.curate.selections import Selection
from sept_core.services.project.project import Project

PREFIX = "audit:"

ORDERS = ("doubt", "audit")


def order(
    project: Project, ranking: Ranking, log: decision_log.Log, budget: int, name: str
) -> dict[str, Any]:
    """Return the uids of a draft in an order that the server computes, and how.

    Raises:
        NotFoundError: the order is unknown.
    """
    if name == "doubt":
        chosen = _selection(ranking, log, budget)
        found = judging.doubtful(project, chosen, chosen.picks.num_rows)
        return {"uids": list(found.uids), "method": found.method}
    if name == "audit":
        plan, _ = _plan(project, ranking, log, budget)
        return {
            "uids": list(plan.uids),
            "method": "a random sample: keep (k) what belongs, veto (x) what does not",
        }
    raise errors.NotFoundError(f"The order {name!r} is unknown; use one of {', '.join(ORDERS)}.")


def precision(
    project: Project, ranking: Ranking, log: decision_log.Log, budget: int
) -> dict[str, Any]:
    """Return the precision of the audited draft with its 95% interval; nulls before a judgement.

    `budgets` has the same for the first quarters of the draft, smallest first.
    """
    nothing: dict[str, Any] = {"judged": 0, "size": 0, "budgets": []}
    nothing |= {"precision": None, "low": None, "high": None}
    if settings.get(project.db, PREFIX + ranking.key) is None:
        return nothing
    plan, began = _plan(project, ranking, log, budget)
    state = judging.since(log, began)
    nothing |= {"size": len(plan.uids)}
    parts = judging.parts(plan.edges[-1])
    known = [found for part in parts if (found := audit.precision(plan, state, part))]
    if not known or (whole := known[-1]).budget < plan.edges[-1]:
        return nothing
    found = {"judged": whole.judged, "precision": whole.estimate}
    found |= {"low": whole.low, "high": whole.high}
    return nothing | found | {"budgets": [asdict(part) for part in known]}


def start_audit(project: Project, key: str, log: decision_log.Log) -> None:
    """Begin a new audit of a ranking with the draft as it is now."""
    settings.put(project.db, PREFIX + key, rankings.log_name(log))


def _plan(
    project: Project, ranking: Ranking, log: decision_log.Log, budget: int
) -> tuple[audit.Plan, int]:
    """Return the sample of the audit that is under way, and the position in the log at which it
    began; without one, begin it.
    """
    name = settings.get(project.db, PREFIX + ranking.key)
    began = None if name is None else decision_log.earlier(log, str(name))
    if began is None:
        start_audit(project, ranking.key, log)
        began = log
    picks = ranking.select(began.state, budget).picks
    plan = audit.plan(picks["uid"].to_pylist(), judging.AUDITED, 0)
    return plan, began.state.position


def diagnostics(
    project: Project, ranking: Ranking, log: decision_log.Log, budget: int
) -> dict[str, Any]:
    """Return the diagnostics of a draft: name to number, or to null where it is not measured."""
    request = _with_budget(ranking.request, budget)
    chosen = ranking.select(log.state, budget)
    record = selections.inputs(ranking, request, log) | {"funnel": chosen.funnel}
    return subset_diagnostics.of_picks(project, record, chosen.picks)


def save(project: Project, request: Request, budget: int) -> dict[str, Any]:
    """Make the selection of a draft; return its record, see `selections.select`.

    An audit of the draft goes on as the audit of the selection.
    """
    record = selections.select(project, _with_budget(request, budget))
    ranking = rankings.ranking(project, request)
    if settings.get(project.db, PREFIX + ranking.key) is not None:
        log = selections.log_for(project, request, ranking.target_ids)
        plan, began = _plan(project, ranking, log, budget)
        judging.keep_plan(project, record["id"], plan, began)
    return record


def _with_budget(request: Request, budget: int) -> Request:
    return replace(request, settings=replace(request.settings, budget=budget))


def _selection(ranking: Ranking, log: decision_log.Log, budget: int) -> Selection:
    settings = ranking.request.settings.to_json()
    record = {"id": ranking.key, "encoder_id": ranking.encoder_id, "settings": settings}
    picks = ranking.select(log.state, budget).picks
    return Selection(record | {"target_ids": list(ranking.target_ids)}, picks, log)


def by_target_sets(project: Project) -> dict[str, list[dict[str, Any]]]:
    """Return the saved selections by the names of their target sets, latest first."""
    names = {source.id: source.name for source in source_table.every(project.db, "target")}
    found: dict[str, list[dict[str, Any]]] = {}
    for record in reversed(selection_table.every(project.db)):
        if set(record["target_ids"]) <= set(names):
            joined = " + ".join(names[ident] for ident in record["target_ids"])
            found.setdefault(joined, []).append(record)
    return found


def saved(project: Project) -> list[dict[str, Any]]:
    """List saved selections, latest first, for the browser."""
    rows = []
    for record in selections.every(project):
        stale = {
            "pool changed": record["older_than_pool"],
            "newer decisions": record["older_than_decisions"],
        }
        rows.append(
            {
                "id": record["id"],
                "targets": record["targets"],
                "strategy": record["strategy"],
                "count": record["count"],
                "budget": record["settings"]["budget"],
                "encoder": record["encoder_id"],
                "guard": record["guard"]["state"],
                "created_at": record["created_at"],
                "study": bool(record.get("study")),
                "state": ", ".join(word for word, is_so in stale.items() if is_so) or "up to date",
            }
        )
    return rows


def compared(project: Project, first: str, second: str) -> dict[str, Any]:
    """Return the overlap of two selections, and the diagnostics of both by name.

    Raises:
        NotFoundError: one does not exist.
    """
    overlap = selections.compared(project, first, second)
    reports = [subset_diagnostics.report(project, ident) for ident in (first, second)]
    names = [key for key, value in reports[0].items() if isinstance(value, int | float)]
    return overlap | {"diagnostics": {n: [report.get(n) for report in reports] for n in names}}
