"""The subset of a round in Curate: a run's request with weights, and a saved selection as a round.

In: a finished run or a series. Out: a `Place` of Curate whose weights a person can edit, the saved
selection that a run was trained on, and a series with a selection as its next round.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sept_core import errors
from sept_core.catalogue import source_table
from sept_core.manifest import manifest
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import STRATEGIES
from sept_core.selection.weights import Weights
from sept_core.services.curate import selections
from sept_core.services.curate.requests import Request
from sept_core.services.curate.views import Place
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.services.train import rounds, runs
from sept_core.services.train.recipe import Recipe
from sept_core.services.train.rounds import Plan, Round, Series


def weighted(project: Project, run: str, target: str, weights: Mapping[str, float]) -> Place:
    """Return the place of Curate that shows what a run was trained on, with weights of classes.

    A run on a subset that weights do not change, or of other target sets, gives the default
    strategy with as many images.
    """
    saved = selection_of(project, run)
    request = (
        _of_manifest(project, run)
        if saved is None
        else selections.request_of(project, selections.find(project, saved))
    )
    settings = request.settings
    if request.targets != (target,):
        settings = SelectionSettings(budget=settings.budget)
    try:
        settings = rounds.with_weights(settings, target, weights)
    except errors.InputError:  # the strategy does not use weights
        settings = rounds.with_weights(SelectionSettings(budget=settings.budget), target, weights)
    known = [one["id"] for one in projects.encoders(project)]
    request = replace(
        request,
        targets=(target,),
        settings=replace(settings, budget=1),
        encoder=request.encoder if request.encoder in known else None,
        decisions=True,
    )
    return Place(request, budget=settings.budget)


def _of_manifest(project: Project, run: str) -> Request:
    """Return the request of a run's manifest, for a selection that was deleted."""
    found = manifest.read(runs.finished(project.paths, run) / "manifest")
    header = found.header
    held = dict(header["settings"])
    filter_text = str(held.pop("filter", ""))
    refill = bool(held.pop("refill_duplicates", True))
    held["budget"] = held.get("budget") or len(found)
    return Request(
        tuple(header["targets"]),
        SelectionSettings(**held),
        header["encoder"]["id"],
        filter_text,
        guard=header["guard"]["state"] != "off",
        refill_duplicates=refill,
    )


def selection_of(project: Project, run: str) -> str | None:
    """Return the saved selection that a run was trained on; None if it was deleted."""
    found = manifest.read(runs.finished(project.paths, run) / "manifest")
    uids = manifest.picks(found)["uid"].to_pylist()
    for record in selections.every(project):
        same = record["count"] == len(uids) and record["targets"] == found.header["targets"]
        if same and selections.picks(project, record["id"])["uid"].to_pylist() == uids:
            return str(record["id"])
    return None


def beginnings(project: Project, target: str) -> list[str]:
    """List the finished runs on a subset for a target set that weights change, latest first."""
    found = []
    for run in runs.every(project.paths):
        path = project.paths.run(run.name) / "manifest"
        if not run.done or not path.exists():
            continue
        header = manifest.open_header(path)[1]
        settings = header["settings"]
        names = [part["strategy"] for part in settings.get("recipe", ())] or [settings["strategy"]]
        weighted = any(name in STRATEGIES and STRATEGIES[name].weighted for name in names)
        if header["targets"] == [target] and weighted:
            found.append(run.name)
    return found


def begin(project: Project, run: str, target: str) -> Series:
    """Begin a series with a finished run as its first round; all rounds train as that run did.

    Raises:
        NotFoundError: the run is not finished, or its selection was deleted.
        InputError: its subset is of other target sets, or weights do not change its strategy.
    """
    if rounds.find(project, target) is not None:
        raise errors.InputError(f"{target} has rounds already; begin again to remove them.")
    selection = selection_of(project, run)
    if selection is None:
        raise errors.NotFoundError(
            f"The selection that {run} was trained on is not saved in this project; choose "
            "another run."
        )
    record = selections.find(project, selection)
    if record["targets"] != [target]:
        raise errors.InputError(
            f"{run} was trained on a subset for {' + '.join(record['targets'])}, not for {target} "
            "alone; choose another run."
        )
    request = selections.request_of(project, record)
    if request.filter or request.group:
        raise errors.InputError(
            f"{run} was trained on a part of the pool ({request.filter or request.group}), but "
            "rounds select from the whole pool; choose another run."
        )
    classes, own = _split(request.settings.weights, target)
    chosen = runs.find(project.paths, run).settings
    training = Recipe(
        chosen.method,
        chosen.backbone,
        chosen.total_steps(record["count"]),
        batch_size=chosen.batch_size,
        image_size=chosen.image_size,
        seed=chosen.seed,
        init=chosen.init or None,
    )
    settings = replace(request.settings, weights=own)
    plan = Plan(target, settings, training, request.encoder, request.guard)
    first = Round(1, classes, selection, record["decision_position"], int(record["count"]), run)
    return rounds.adopt(project, plan, first, replace(chosen, steps=training.steps, epochs=None))


def _split(weights: Weights, target: str) -> tuple[dict[str, float], Weights]:
    """Separate the weights of a target set's classes from the others."""
    classes = {
        name.partition("/")[2]: weight
        for name, weight in weights.classes
        if name.partition("/")[0] == target
    }
    return classes, Weights(weights.sets, (), weights.images)


def take(project: Project, series: Series, selection: str) -> Series:
    """Make a saved selection the subset of the next round, or of the one that is not trained yet.

    Raises:
        NotFoundError: there is no such selection.
        InputError: it differs from the series in more than weights, or a round is being trained.
    """
    record = selections.find(project, selection)
    target = series.plan.target
    if named := _differing(project, series, record):
        raise errors.InputError(
            f"{selection} and the rounds of {target} differ in {', '.join(named)}; rounds differ "
            "in weights of classes only. Open Curate from this page and save the selection again."
        )
    classes, _ = _split(selections.request_of(project, record).settings.weights, target)
    return rounds.put(project, series, str(record["id"]), record["decision_position"], classes)


def _differing(project: Project, series: Series, record: dict[str, Any]) -> list[str]:
    """Name what a selection does not share with the rounds."""
    plan = series.plan
    if record["targets"] != [plan.target]:
        return ["target set"]
    request = selections.request_of(project, record)
    _, own = _split(request.settings.weights, plan.target)
    different = {
        "encoder": record["encoder_id"] != plan.encoder,
        "guard": request.guard != plan.guard,
        "filter": bool(request.filter or request.group),
        "settings": replace(request.settings, weights=own) != plan.settings,
    }
    return [name for name, is_so in different.items() if is_so]


def candidates(project: Project, series: Series) -> list[dict[str, Any]]:
    """List the selections saved since the last round that can be the next one's, latest first."""
    records = selections.every(project)
    if series.rounds and not selections.exists(project, series.rounds[-1].selection):
        return []
    used = {one.selection for one in series.rounds}
    last = max(one["created_at"] for one in records if one["id"] in used) if used else ""
    return [
        record
        for record in records
        if record["created_at"] > last
        and not record.get("study")
        and not _differing(project, series, record)
    ]


def place(project: Project, series: Series) -> Place:
    """Return the place of Curate that shows the next round's subset, with its weights."""
    pending = series.open
    done = series.rounds[:-1] if pending else series.rounds
    classes = pending.weights if pending else rounds.next_weights(done)
    plan = series.plan
    source_table.find(project.db, "target", plan.target)
    settings = rounds.with_weights(plan.settings, plan.target, classes)
    request = Request((plan.target,), replace(settings, budget=1), plan.encoder, guard=plan.guard)
    return Place(request, budget=plan.settings.budget)
