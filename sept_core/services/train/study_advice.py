"""Advice from the project's own studies: the best arm, or the cheapest conclusive pilot.

In: the jobs of studies and the validation scores of their runs (`weakest`, stored with each run).
Out: an `Advice` in sentences. It never uses test scores, so that the test split stays unseen.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from sept_core.catalogue import image_table, source_table
from sept_core.evaluation import statistics
from sept_core.evaluation.statistics import Difference
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.selection.strategies import DEFAULT_STRATEGY
from sept_core.services.project.project import Project
from sept_core.services.train import (
    advice_record,
    costs,
    evaluations,
    machine,
    presets,
    studies,
    validation,
    weakest,
)
from sept_core.services.train.advice_record import Advice
from sept_core.services.train.studies import Study
from sept_core.services.train.weakest import WeakClasses
from sept_core.storage import atomic, project_paths
from sept_core.wording import quantities

MOST_SEEDS = 10
"""A pilot has no more seeds than this."""

REFERENCE = "random"
USUAL_BUDGET = 1000


@dataclass(frozen=True)
class Scored:
    """One study on a target set.

    Attributes:
        request: see `studies.Study`, as stored.
        arms: runs of each trained arm by seed.
        scores: results of the arms all of whose runs are scored.
        missing: finished runs without a validation score.
    """

    request: dict[str, Any]
    arms: dict[str, tuple[str, ...]]
    scores: dict[str, tuple[WeakClasses, ...]]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Gain:
    """One arm against the random subset of the same study."""

    arm: str
    reference: str
    result: Difference
    holds: bool
    """The interval excludes zero and the p value is below 0.05 after Holm's correction."""


def every(project: Project, target: str) -> list[Scored]:
    """List the studies on a target set, or with it as a control, latest first."""
    found = []
    for job in launcher.all_jobs(project.paths):
        if job.kind != "study":
            continue
        for asked in JobFolder(project.paths.job(job.id)).settings()["evaluations"]:
            path = project.paths.runs / project_paths.EVALUATIONS / Path(asked["out"]).name
            if not (path / "request.json").exists():
                continue  # deleted
            request = atomic.read_json(path / "request.json")
            if request["target"] == target:
                found.append(_scored(project, target, request, asked["arms"]))
    return found


def _scored(
    project: Project, target: str, request: dict[str, Any], arms: list[dict[str, Any]]
) -> Scored:
    runs = {
        str(arm["name"]): tuple(Path(folder).name for folder in arm["checkpoint"])
        for arm in arms
        if isinstance(arm.get("checkpoint"), list) and not arm["name"].startswith(studies.ORACLE)
    }
    known = {
        run: weakest.stored(project, run, target)
        for run in {name for names in runs.values() for name in names}
        if _is_done(project, run)
    }
    scores = {}
    for arm, names in runs.items():
        results = [known.get(name) for name in names]
        if names and all(results):
            scores[arm] = tuple(one for one in results if one is not None)
    missing = tuple(sorted(run for run, one in known.items() if one is None))
    return Scored(request, runs, scores, missing)


def _is_done(project: Project, run: str) -> bool:
    return (project.paths.run(run) / project_paths.RUN_HEADER).exists()


def score(
    project: Project, target: str, progress: Callable[[int, int], None] = lambda done, total: None
) -> int:
    """Compute the missing validation scores of the studies' runs; return how many.

    Raises:
        InputError, SourceError: see `weakest.find`.
    """
    missing = sorted({run for study in every(project, target) for run in study.missing})
    for number, run in enumerate(missing):
        progress(number, len(missing))
        weakest.find(project, run, target)
    return len(missing)


def comparisons(study: Scored) -> list[Gain]:
    """Compare the scored arms of a study with its random subset; without one, with the first arm.

    The largest gain comes first.
    """
    names = list(study.scores)
    random = next((n for n in names if n == REFERENCE or n.startswith(f"{REFERENCE} ")), None)
    reference = random or next(iter(names), None)
    others = [name for name in names if name != reference]
    if reference is None or not others:
        return []
    results = [validation.difference(study.scores[n], study.scores[reference]) for n in others]
    adjusted = statistics.holm([one.p for one in results])
    found = [
        Gain(arm, reference, one, one.covers_seeds and one.distinguishable and p < 0.05)
        for arm, one, p in zip(others, results, adjusted, strict=True)
    ]
    return sorted(found, key=lambda one: -one.result.value)


def advise(project: Project, target: str, budget: int | None = None) -> Advice:
    """Advise on strategy, recipe and budget; stores the advice for Overview.

    Args:
        project: the open project.
        target: name of a target set.
        budget: of a pilot; None for one that the pool allows.

    Raises:
        NotFoundError: there is no such target set.
    """
    source_table.find(project.db, "target", target)
    found = every(project, target)
    compared = [(study, rows) for study in found if (rows := comparisons(study))]
    sentences = [sentence for study, rows in compared for sentence in _sentences(study, rows)]
    missing = {run for study in found for run in study.missing}
    if not compared:
        sentences = [_without(target, found, len(missing))]
    elif missing:
        sentences.append(f"{_counted(len(missing), 'run')} of its studies have no score yet.")
    advice = Advice(
        target,
        tuple(sentences),
        len(missing),
        *_pilot(project, target, compared, budget, bool(missing)),
    )
    advice_record.store(project, advice)
    return advice


def _sentences(study: Scored, rows: list[Gain]) -> Iterator[str]:
    """Say what one study shows on training images."""
    better = [one for one in rows if one.holds and one.result.value > 0]
    worse = [one for one in rows if one.holds and one.result.value < 0]
    where = f"{_steps(study)}, validation scores"
    if better:
        best = better[0]
        yield f"{best.arm} did best: {_figures(best)} over {best.reference} ({where})."
        if len(better) > 1 and (close := _close(study, best, better[1:])):
            yield f"{best.arm} and {' and '.join(close)} are not distinguishable."
    else:
        seen = "; ".join(f"{one.arm} {_figures(one)}" for one in rows)
        few = "" if rows[0].result.covers_seeds else ", too few seeds for a verdict"
        yield f"No difference seen against {rows[0].reference}{few}: {seen} ({where})."
    for one in worse:
        yield f"{one.arm} did worse than {one.reference}: {_figures(one)}."


def _close(study: Scored, best: Gain, others: list[Gain]) -> list[str]:
    """Name the arms that are not distinguishable from the best one."""
    own = study.scores[best.arm]
    return [
        one.arm
        for one in others
        if not validation.difference(own, study.scores[one.arm]).distinguishable
    ]


def _figures(one: Gain) -> str:
    low, high = (f"{100 * end:+.1f}" for end in one.result.interval)
    over = "" if one.result.covers_seeds else " over images"
    return (
        f"{100 * one.result.value:+.1f} points (95% interval{over} {low} to {high}, "
        f"{_counted(one.result.seeds, 'seed')})"
    )


def _steps(study: Scored) -> str:
    steps = study.request.get("changes", {}).get("steps")
    length = f", {steps:,} steps" if steps else ""
    budgets = " and ".join(f"{budget:,}" for budget in study.request.get("budgets", ()))
    return f"budget {budgets}, {study.request['method']} on {study.request['backbone']}{length}"


def _without(target: str, found: list[Scored], missing: int) -> str:
    if not found:
        return f"This project has no study on {target}."
    if missing:
        return (
            f"{_counted(missing, 'run')} of the studies on {target} have no validation score yet; "
            "score them first (sept advise --score)."
        )
    return f"No study on {target} has two trained arms to compare."


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


# --- the pilot ----------------------------------------------------------------------------------


def _pilot(
    project: Project,
    target: str,
    compared: list[tuple[Scored, list[Gain]]],
    budget: int | None,
    unscored: bool,
) -> tuple[str, str]:
    """Return the pilot as a sentence that begins with its cost, and its command; or two ""."""
    if any(one.holds for _, rows in compared for one in rows):
        return "", ""
    if unscored and not compared:
        return "", ""
    # The subsets of a study with this target set as a control are for another one.
    own = [one for one in compared if target not in one[0].request.get("controls", ())]
    if not own:
        return _first_pilot(project, target, budget)
    whole = [one for one in own if one[1][0].result.covers_seeds]
    study, rows = (whole or own)[0]
    return _longer_pilot(project, study, rows[0])


def _first_pilot(project: Project, target: str, budget: int | None) -> tuple[str, str]:
    task = evaluations.task(project, target)
    if task.problem:
        return task.problem, ""
    pool = image_table.pool_counts(project.db)["images"]
    recipe = presets.PRESETS[presets.DEFAULT].recipe(machine.here())
    changes = {name: value for name, value in recipe.changes().items() if name != "seed"}
    wanted = Study(
        target,
        (REFERENCE, DEFAULT_STRATEGY),
        (min(budget or USUAL_BUDGET, max(1, pool // 4)),),
        recipe.method,
        recipe.backbone,
        changes,
        seeds=statistics.LEAST_SEEDS,
        readouts=("knn",),
    )
    cost = costs.of_study(project.paths, wanted, task, pool)
    said = (
        f"{_cost(cost.seconds)} for the cheapest pilot: {REFERENCE} against {DEFAULT_STRATEGY}, "
        f"{statistics.LEAST_SEEDS} seeds, the fewest that give an interval over seeds."
    )
    return said, studies.command(project.paths.root, wanted)


def _longer_pilot(project: Project, study: Scored, best: Gain) -> tuple[str, str]:
    """Return the same comparison with the number of seeds that would show the observed gain."""
    have = best.result.seeds
    if best.result.value <= 0:
        return (
            f"A longer pilot is not likely to show a gain: no arm was above {best.reference} on "
            "average.",
            "",
        )
    seeds = seeds_needed(np.array(best.result.by_seed))
    if seeds is None:
        return (
            f"More seeds would not help: with the spread of these {have}, even {MOST_SEEDS} seeds "
            f"cannot show a gain of {100 * best.result.value:+.1f} points. Train longer or choose "
            "by diagnostics.",
            "",
        )
    words = _words(study, best)
    if words is None:
        return "", ""
    asked = study.request
    wanted = Study(
        asked["target"],
        words,
        tuple(asked["budgets"]),
        asked["method"],
        asked["backbone"],
        asked["changes"],
        seeds,
        readouts=("knn",),
    )
    task = evaluations.task(project, wanted.target)
    if task.problem:
        return task.problem, ""
    pool = image_table.pool_counts(project.db)["images"]
    seconds = costs.of_study(project.paths, wanted, task, pool).seconds
    share = None if seconds is None else seconds * (seeds - have) / seeds
    said = (
        f"{_cost(share)} for the cheapest conclusive pilot: {best.arm} against "
        f"{best.reference} with {seeds} seeds, if the gain of {100 * best.result.value:+.1f} "
        f"points and the spread stay; the runs of the first {_counted(have, 'seed')} are reused."
    )
    return said, studies.command(project.paths.root, wanted)


def _words(study: Scored, best: Gain) -> tuple[str, str] | None:
    """Return the words of `Study.arms` for the reference and the best arm; None if unknown."""
    words = [str(word) for word in study.request.get("arms", ())]
    if len(study.request.get("budgets", ())) != 1:
        return None  # the names of arms hold budgets
    found = [
        next((word for word in words if word == name or word.startswith(f"{name}=")), None)
        for name in (best.reference, best.arm)
    ]
    first, second = found
    return None if first is None or second is None else (first, second)


def seeds_needed(by_seed: np.ndarray) -> int | None:
    """Return the fewest seeds whose 95% t interval would exclude zero; None above `MOST_SEEDS`.

    Args:
        by_seed: (n,) differences by seed, whose mean and spread are taken to stay.
    """
    value = abs(float(by_seed.mean()))
    if len(by_seed) < 2:
        return statistics.LEAST_SEEDS
    spread = float(by_seed.std(ddof=1))
    for seeds in range(max(len(by_seed) + 1, statistics.LEAST_SEEDS), MOST_SEEDS + 1):
        half = float(stats.t.ppf((1 + statistics.CONFIDENCE) / 2, seeds - 1)) * spread
        if half / np.sqrt(seeds) < value:
            return seeds
    return None


def _cost(seconds: float | None) -> str:
    if seconds is None:
        return "An unknown time on this machine"
    return f"About {quantities.about(seconds)} on this machine"
