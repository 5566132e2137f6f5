"""Comparisons on a labelled target set: of finished runs, or of arms to train.

In: a `Comparison`. Out: a job that evaluates them, and its evaluations.
"""

from dataclasses import dataclass

from sept_core import errors
from sept_core.jobs.job_folder import JobFolder
from sept_core.services.project.project import Project
from sept_core.services.train import evaluation_archive, evaluations, studies
from sept_core.services.train.evaluation_archive import Evaluation
from sept_core.services.train.recipe import DEFAULT, Recipe
from sept_core.storage import project_paths


@dataclass(frozen=True)
class Comparison:
    """The compared objects: either finished runs, or arms.

    Attributes:
        target: a labelled target set with a test split.
        runs: names of finished runs; compared with random initialisation.
        arms: to train, baselines first: a strategy, random-10x, oracle, encoder, a selection's
            id, or NAME=SELECTION, NAME=group:GROUP, NAME=ENCODER.
        budgets: numbers of images of the arms with a budget; several make a sweep.
        recipe: recipe of every arm; its seed is replaced by each of `seeds`.
        readouts: some of knn, linear and finetune.
        labels: label counts, such as "all", "10%" or "5-shot".
        seeds: number of seeds.
        controls: further labelled target sets to test the same networks on.
        equal_epochs: also train arms of other sizes for as many epochs as those of the budget.
        without_decisions: also train each strategy without review decisions.
        draws: draws of few labels per seed ("10%" or "5-shot"); 20-NN and the linear probe are
            averaged over them, fine-tuning uses the first.
    """

    target: str
    runs: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    budgets: tuple[int, ...] = ()
    recipe: Recipe = DEFAULT
    readouts: tuple[str, ...] = tuple(evaluations.READOUTS)
    labels: tuple[str, ...] = ("all",)
    seeds: int = 3
    controls: tuple[str, ...] = ()
    equal_epochs: bool = False
    without_decisions: bool = False
    draws: int = 1


def start(project: Project, wanted: Comparison) -> JobFolder:
    """Launch a comparison; repeating it computes only the missing parts.

    Raises:
        InputError: both runs or arms are given, or neither, or see `evaluations.start` and
            `studies.start`.
        NotFoundError: a run, selection or target set does not exist.
        BusyError: this evaluation is already running.
    """
    if bool(wanted.runs) == bool(wanted.arms):
        raise errors.InputError("Give either finished runs or arms to train.")
    if wanted.runs:
        return evaluations.start(project, _of_runs(wanted))
    return studies.start(project, _study(wanted))


def _of_runs(wanted: Comparison) -> evaluations.Request:
    return evaluations.Request(
        wanted.target,
        wanted.runs,
        readouts=wanted.readouts,
        labels=wanted.labels,
        seeds=wanted.seeds,
        draws=wanted.draws,
    )


def _study(wanted: Comparison) -> studies.Study:
    changes = wanted.recipe.changes()
    del changes["seed"]
    return studies.Study(
        wanted.target,
        wanted.arms,
        wanted.budgets,
        wanted.recipe.method,
        wanted.recipe.backbone,
        changes,
        wanted.seeds,
        wanted.readouts,
        wanted.labels,
        wanted.controls,
        wanted.equal_epochs,
        wanted.without_decisions,
        draws=wanted.draws,
        where=wanted.recipe.where,
    )


def found(paths: project_paths.ProjectPaths, job_id: str) -> list[Evaluation]:
    """Return the evaluations of a finished job: on the target set, then on each control."""
    names = evaluations.evaluations_of(paths, job_id)
    return [evaluation_archive.find(paths, name) for name in names]
