"""The table of a series of rounds: scores with their intervals, and what each round gained.

In: an open project and a series. Out: one `Row` a round. Scores are of the target's training
images, by cross-validation; the differences are paired by image.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sept_core.services.project.project import Project
from sept_core.services.train import runs, studies, validation, weakest
from sept_core.services.train.rounds import Round, Series
from sept_core.services.train.studies import Study
from sept_core.services.train.weakest import WeakClasses

Interval = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """One round.

    Attributes:
        state: what has been done: `selected`, `training`, `trained` or `scored`.
        score: share of training images that are classified correctly; None before scoring.
        interval: 95% interval of the score over images; None if the run was deleted.
        gain: score minus that of the round before; None in the first round.
        gain_interval: 95%, paired by image, without the chance of seeds; None as `interval`.
    """

    round: Round
    state: str
    score: float | None = None
    interval: Interval | None = None
    gain: float | None = None
    gain_interval: Interval | None = None

    @property
    def verdict(self) -> str:
        """The gain in two or three words; empty without one."""
        if self.gain is None:
            return ""
        if self.gain_interval is None:
            return "no interval"
        low, high = self.gain_interval
        return "better" if low > 0 else "worse" if high < 0 else "no difference seen"


def rows(project: Project, series: Series) -> list[Row]:
    """Return the rows of a series, oldest first."""
    made: list[Row] = []
    before: WeakClasses | None = None
    for one in series.rounds:
        found = _stored(project, one, series.plan.target)
        made.append(_row(project, one, found, made[-1] if made else None, before))
        before = found
    return made


def _stored(project: Project, one: Round, target: str) -> WeakClasses | None:
    if one.error is None or one.run is None:
        return None
    return weakest.stored(project, one.run, target)


def _row(
    project: Project,
    one: Round,
    found: WeakClasses | None,
    last: Row | None,
    before: WeakClasses | None,
) -> Row:
    if one.error is None:
        return Row(one, _state(project, one))
    score = 1 - one.error
    gain = None if last is None or last.score is None else score - last.score
    paired = None
    if found is not None and before is not None and found.images == before.images:
        paired = validation.difference([found], [before]).interval
    own = None if found is None else validation.interval(found)
    return Row(one, "scored", score, own, gain, paired)


def _state(project: Project, one: Round) -> str:
    if one.run is None:
        return "selected"
    known = {run.name: run for run in runs.every(project.paths)}
    run = known.get(one.run)
    return "trained" if run is not None and run.done else "training"


HEADS = (
    "Round",
    "Weights",
    "Images new",
    "Subset",
    "Run",
    "Validation score",
    "95% interval",
    "Gain",
)


def texts(row: Row) -> tuple[str, ...]:
    """Return the cells of a row under `HEADS`."""
    one = row.round
    if row.score is None:
        return (str(one.number), weights_said(one.weights), f"{one.new:,}", one.selection,
                one.run or "–", row.state, "–", "–")  # fmt: skip
    return (
        str(one.number),
        weights_said(one.weights),
        f"{one.new:,}",
        one.selection,
        one.run or "–",
        f"{100 * row.score:.1f}%",
        "–" if row.interval is None else _shares(row.interval),
        "–" if row.gain is None else _gain(row),
    )


def weights_said(weights: Mapping[str, float]) -> str:
    """Return the range of weights as text."""
    if not weights:
        return "all 1"
    low, high = min(weights.values()), max(weights.values())
    return f"{low:g} to {high:g}" if low != high else f"{low:g}"


def _shares(interval: Interval) -> str:
    low, high = interval
    return f"{100 * low:.1f} to {100 * high:.1f}%"


def _gain(row: Row) -> str:
    assert row.gain is not None
    points = f"{100 * row.gain:+.1f}"
    if row.gain_interval is None:
        return points
    low, high = row.gain_interval
    return f"{points} ({100 * low:+.1f} to {100 * high:+.1f}), {row.verdict}"


def comparison(folder: Path, series: Series) -> str:
    """Return the command that opens the test split once, after the last round."""
    ends = series.rounds[0], series.rounds[-1]
    plan, held = series.plan, series.pretrain or {}
    trained = {name: held.get(name) for name in ("steps", "batch_size", "image_size", "init")}
    wanted = Study(
        plan.target,
        ("random", *(f"round-{one.number}={one.selection}" for one in ends)),
        () if plan.settings.budget is None else (plan.settings.budget,),
        plan.training.method,
        plan.training.backbone,
        {name: value for name, value in trained.items() if value},
    )
    return studies.command(folder, wanted)
