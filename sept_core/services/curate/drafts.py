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
from sept_core.catalogue import decision_table, selection_table, settings, source_table
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
        plan = _plan(ranking, _began(project, ranking, log) or log, budget)
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
    began = _began(project, ranking, log)
    if began is None:
        return nothing
    plan = _plan(ranking, began, budget)
    state = judging.since(log, began.state.position)
    nothing |= {"size": len(plan.uids)}
    known = judging.precision(plan, state)
    if not known or (whole := known[-1]).budget < plan.edges[-1]:
        return nothing
    return nothing | {
        "judged": whole.judged,
        "precision": whole.estimate,
        "low": whole.low,
        "high": whole.high,
        "budgets": [asdict(part) for part in known],
    }


def begin_audit(project: Project, ranking: Ranking, log: decision_log.Log) -> None:
    """Begin an audit of a ranking with the draft as it is now, unless one is under way."""
    if _began(project, ranking, log) is None:
        settings.put(project.db, PREFIX + ranking.key, rankings.log_name(log))


def _began(project: Project, ranking: Ranking, log: decision_log.Log) -> decision_log.Log | None:
    """Return the log with which the audit began; None while none is under way.

    Args:
        project: the open project.
        ranking: the audited ranking.
        log: that a tab has seen; it may be older than the audit.
    """
    name = settings.get(project.db, PREFIX + ranking.key)
    if name is None:
        return None
    whole = decision_table.log_of(project.db, ranking.target_ids)
    began = decision_log.earlier(whole, str(name))  # None after a backup from before was restored
    return log if began is not None and len(began.events) > len(log.events) else began


def _plan(ranking: Ranking, began: decision_log.Log, budget: int) -> audit.Plan:
    """Return the sample of an audit that began with a log."""
    picks = ranking.select(began.state, budget).picks
    return audit.plan(picks["uid"].to_pylist(), judging.AUDITED, 0)


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
    log = selections.log_for(project, request, ranking.target_ids)
    began = _began(project, ranking, log)
    if began is not None:
        plan = _plan(ranking, began, budget)
        judging.keep_plan(project, record["id"], plan, began.state.position)
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
