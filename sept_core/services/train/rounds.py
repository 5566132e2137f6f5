"""Rounds: let the last model say what to curate next (docs/method.md §8).

In: a labelled target set and a `Plan` that all its rounds share. Out: a `Series` of rounds in the
catalogue. A round is made in three steps, each stored when it is complete, so that an interrupted
series continues where it stopped: `select` a subset with weights from the last score, `train` on
it, `score` the run on the target's training split. Test images are never read.
"""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sept_core import errors
from sept_core import targets as target_layout
from sept_core.catalogue import settings as stored_settings
from sept_core.catalogue import source_table, split_table
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.pretrain import settings as pretrain_settings
from sept_core.pretrain.launch import Launch
from sept_core.pretrain.settings import PretrainSettings
from sept_core.review import decision_log
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.weights import Weights
from sept_core.services.curate import selections
from sept_core.services.curate.requests import Request
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.services.train import pretraining, runs, weakest
from sept_core.services.train.recipe import Recipe
from sept_core.services.train.weakest import WeakClasses

PREFIX = "rounds:"

LEAST, MOST = 0.5, 4.0
"""Bounds of a class's weight."""

GAIN, PATIENCE = 0.005, 2
"""The rounds end when the error fell by less than `GAIN` this many times in a row."""


@dataclass(frozen=True)
class Plan:
    """Settings that all rounds of a series share.

    Attributes:
        target: name of a labelled target set.
        settings: settings of the selections; each round has its own weights of classes.
        training: method, backbone and settings of the runs.
        encoder: id of the encoder; None for the last embedded one.
        guard: use the contamination guard.
    """

    target: str
    settings: SelectionSettings
    training: Recipe
    encoder: str | None = None
    guard: bool = True


@dataclass(frozen=True)
class Round:
    """One round.

    Attributes:
        number: from 1.
        weights: weights of classes by name.
        selection: id of its subset.
        position: position in the decision log that the subset obeys.
        new: number of images that the subset of the round before did not have.
        run: its run, None before training has started.
        error: share of the target's training images that the run's features classify wrongly by
            cross-validation; None before scoring.
        errors: the same by class, shrunk towards the mean.
    """

    number: int
    weights: Mapping[str, float]
    selection: str
    position: int
    new: int
    run: str | None = None
    error: float | None = None
    errors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Series:
    """The rounds of one target set so far.

    Attributes:
        plan: what they share.
        rounds: oldest first.
        pretrain: settings of every run, fixed by the first one; None before it.
    """

    plan: Plan
    rounds: tuple[Round, ...] = ()
    pretrain: Mapping[str, Any] | None = None

    @property
    def complete(self) -> int:
        """Number of scored rounds."""
        return sum(one.error is not None for one in self.rounds)

    @property
    def last_trained(self) -> Round | None:
        """The last round with a run, None if there is none."""
        trained = [one for one in self.rounds if one.run is not None]
        return trained[-1] if trained else None

    @property
    def open(self) -> Round | None:
        """The round that is not complete yet, None if there is none."""
        return self.rounds[-1] if self.rounds and self.rounds[-1].error is None else None


def find(project: Project, target: str) -> Series | None:
    """Return the series of a target set, None if there is none.

    Raises:
        NotFoundError: there is no such target set.
    """
    record = source_table.find(project.db, "target", target)
    held = stored_settings.get(project.db, PREFIX + record.id)
    if held is None:
        return None
    plan = held["plan"]
    settings = SelectionSettings(**plan.pop("settings"))
    training = plan.pop("training")
    where = Launch(**training.pop("where"))
    renamed = settings.weights.renamed({record.id: target})
    return Series(
        Plan(
            target,
            replace(settings, weights=renamed),
            Recipe(**training, where=where),
            **plan,
        ),
        tuple(Round(**one) for one in held["rounds"]),
        held["pretrain"],
    )


def begin(project: Project, plan: Plan) -> Series:
    """Return the series of a target set, a new one if there is none.

    Raises:
        NotFoundError: there is no such target set, or nothing is embedded.
        InputError: the series has another plan, weights do not change the strategy, or fewer than
            two classes have training images.
    """
    _check_classes(project, plan.target)
    plan = replace(plan, encoder=projects.find_encoder(project, plan.encoder))
    with_weights(
        plan.settings, plan.target, {"any": MOST}
    )  # refuses a strategy that weights do not change
    series = find(project, plan.target)
    if series is None:
        series = Series(plan)
        _store(project, series)
    different = [
        one.name
        for one in dataclasses.fields(Plan)
        if getattr(series.plan, one.name) != getattr(plan, one.name)
    ]
    if different:
        raise errors.InputError(
            f"The rounds of {plan.target} were begun with other options ({', '.join(different)}); "
            "give the same ones, or begin again (--restart)."
        )
    return series


def adopt(project: Project, plan: Plan, first: Round, pretrain: PretrainSettings) -> Series:
    """Begin a series whose first round has been trained already.

    Raises:
        InputError: see `begin`.
    """
    series = replace(begin(project, plan), pretrain=dataclasses.asdict(pretrain))
    return _store(project, replace(series, rounds=(first,)))


def _check_classes(project: Project, target: str) -> None:
    record = source_table.find(project.db, "target", target)
    rows = split_table.labelled(project.db, record.id, target_layout.SEARCH_SPLITS)
    classes = set(rows["label"].drop_null().to_pylist())
    if len(classes) < 2:
        raise errors.InputError(
            f"{target} has {len(classes)} classes with labelled training images, but rounds weigh "
            "classes; label at least two (folders by class, or a label column)."
        )


def remove(project: Project, target: str) -> None:
    """Forget the series of a target set; its selections and runs are kept."""
    record = source_table.find(project.db, "target", target)
    stored_settings.remove(project.db, PREFIX + record.id)


def _store(project: Project, series: Series) -> Series:
    plan = series.plan
    record = source_table.find(project.db, "target", plan.target)
    named = replace(
        plan.settings, weights=plan.settings.weights.renamed({plan.target: record.id})
    ).to_json()
    held = {
        "plan": {
            "settings": named,
            "training": dataclasses.asdict(replace(plan.training, more=dict(plan.training.more))),
            "encoder": plan.encoder,
            "guard": plan.guard,
        },
        "rounds": [dataclasses.asdict(one) for one in series.rounds],
        "pretrain": series.pretrain,
    }
    stored_settings.put(project.db, PREFIX + record.id, held)
    return series


def select(project: Project, series: Series, weights: Mapping[str, float] | None = None) -> Series:
    """Select the subset of the next round; repeat that of a round that has not been trained yet.

    Args:
        project: the open project.
        series: the series.
        weights: weights of classes by name, in place of those from the last score.

    Raises:
        InputError: a round is being trained, or a weight names no class of the target set.
        NotFoundError, LeakError: see `selections.select`.
    """
    pending, before = _open(series)
    if weights is None:
        weights = pending.weights if pending else next_weights(before)
    request = Request(
        (series.plan.target,), with_weights(series.plan.settings, series.plan.target, weights),
        series.plan.encoder,
        guard=series.plan.guard,
    )  # fmt: skip
    record = selections.select(project, request)
    return put(project, series, str(record["selection"]), record["decision_position"], weights)


def put(
    project: Project, series: Series, selection: str, position: int, weights: Mapping[str, float]
) -> Series:
    """Make a selection the subset of the next round, or of the one that is not trained yet.

    Args:
        project: the open project.
        series: the series.
        selection: id of the selection.
        position: see `Round`.
        weights: weights of classes by name that the selection was made with.

    Raises:
        InputError: a round is being trained.
    """
    _, before = _open(series)
    new = _new(project, before, selection)
    made = Round(len(before) + 1, dict(weights), selection, position, new)
    return _store(project, replace(series, rounds=(*before, made)))


def _open(series: Series) -> tuple[Round | None, tuple[Round, ...]]:
    """Return the round that is selected but not trained, if there is one, and those before it.

    Raises:
        InputError: a round is trained but not scored.
    """
    pending = series.open
    if pending is not None and pending.run is not None:
        raise errors.InputError(f"Round {pending.number} has been trained; score it first.")
    return pending, series.rounds[:-1] if pending else series.rounds


def with_weights(
    settings: SelectionSettings, target: str, weights: Mapping[str, float]
) -> SelectionSettings:
    """Return settings with these weights of a target set's classes, and no others of classes.

    Raises:
        InputError: weights do not change the strategy.
    """
    classes = tuple((f"{target}/{name}", weight) for name, weight in weights.items())
    own = settings.weights
    return replace(settings, weights=Weights(own.sets, classes, own.images))


def _new(project: Project, before: tuple[Round, ...], selection: str) -> int:
    """Count the images of a selection that the one of the round before did not have."""
    earlier = selections.picks(project, before[-1].selection)["uid"].to_pylist() if before else []
    later = selections.picks(project, selection)["uid"].to_pylist()
    return len(decision_log.churn(earlier, later).came)


def next_weights(rounds: tuple[Round, ...]) -> dict[str, float]:
    """Return the weights of classes after the given rounds; none before the first."""
    return weights_of(rounds[-1].errors, rounds[-1].error or 0.0) if rounds else {}


def weights_of(by_class: Mapping[str, float], mean: float) -> dict[str, float]:
    """Return the weight of each class: its error over the mean error, bounded, in hundredths.

    Args:
        by_class: errors, shrunk towards the mean.
        mean: the mean error; 0 gives no weights.
    """
    if not mean:
        return {}
    bounded = {name: min(max(value / mean, LEAST), MOST) for name, value in by_class.items()}
    return {name: round(weight, 2) for name, weight in bounded.items() if round(weight, 2) != 1}


def train(project: Project, series: Series) -> tuple[Series, JobFolder]:
    """Launch the training of the selected round; a run that exists already is continued.

    All rounds start from the same weights and take the same number of steps.

    Raises:
        InputError: no round has been selected, or a setting is invalid.
        LeakError: see `manifests.write_manifest`.
    """
    latest = series.open
    if latest is None:
        raise errors.InputError(f"The next round of {series.plan.target} has not been selected.")
    training = series.plan.training
    subset = pretraining.of_selection(project, latest.selection)
    if series.pretrain is None:
        chosen = pretraining.plan(subset, training.method, training.backbone, training.changes())
        chosen = replace(chosen, steps=chosen.total_steps(subset.images), epochs=None)
    else:
        chosen = pretrain_settings.from_dict(dict(series.pretrain))
    pretraining.check(subset, chosen, training.where)
    name = f"{series.plan.target}-round-{latest.number}"
    (request,) = pretraining.prepare_runs(project, latest.selection, {name: chosen}, training.where)
    run = request["run"].rsplit("/", 1)[-1]
    trained = replace(latest, run=run)
    series = replace(series, pretrain=dataclasses.asdict(chosen))
    series = _store(project, replace(series, rounds=(*series.rounds[:-1], trained)))
    title = f"Round {latest.number} of {series.plan.target}"
    return series, launcher.launch(project.paths, "pretrain", request, title)


def score(project: Project, series: Series) -> Series:
    """Score the trained round on the target's training split, by cross-validation.

    Raises:
        InputError: there is no trained round, or the target set has fewer than two classes.
        NotFoundError: the run is not finished.
    """
    latest = series.open
    if latest is None or latest.run is None:
        raise errors.InputError(f"No round of {series.plan.target} waits for its score.")
    runs.finished(project.paths, latest.run)
    found: WeakClasses = weakest.find(project, latest.run, series.plan.target)
    by_class = {one.name: round(one.error, 6) for one in found.classes}
    scored = replace(latest, error=round(found.error, 6), errors=by_class)
    return _store(project, replace(series, rounds=(*series.rounds[:-1], scored)))


def ended(series: Series) -> str | None:
    """Explain why no further round pays; None if one may."""
    found = [one.error for one in series.rounds if one.error is not None]
    gains = [earlier - later for earlier, later in itertools.pairwise(found)]
    if len(gains) >= PATIENCE and max(gains[-PATIENCE:]) < GAIN:
        return (
            f"The error on the training split fell by less than {GAIN:.1%} in each of the last "
            f"{PATIENCE} rounds."
        )
    return None
