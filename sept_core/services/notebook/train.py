"""The Train section of the Python facade: pre-train, compare.

In: arguments as Python values. Out: records of `results`, or handles of jobs.
"""

from pathlib import Path
from typing import Any, Literal, overload

import pyarrow as pa

from sept_core.services.notebook import results
from sept_core.services.notebook.curate import Curate, selection_id
from sept_core.services.notebook.handle import Job, Progress
from sept_core.services.notebook.results import Evaluation, Run, Selection
from sept_core.services.train import comparison, pretraining
from sept_core.services.train.comparison import Comparison
from sept_core.services.train.recipe import DEFAULT, Recipe
from sept_core.storage import project_paths


class Train(Curate):
    """Methods of the Train section; each starts a job and waits for it, or returns its handle."""

    @overload
    def pretrain(
        self,
        subset: Selection | str | Path,
        recipe: Recipe = ...,
        *,
        run: str | None = ...,
        wait: Literal[True] = ...,
        progress: Progress | None = ...,
    ) -> Run: ...

    @overload
    def pretrain(
        self,
        subset: Selection | str | Path,
        recipe: Recipe = ...,
        *,
        run: str | None = ...,
        wait: Literal[False],
    ) -> Job[Run]: ...

    def pretrain(
        self,
        subset: Selection | str | Path,
        recipe: Recipe = DEFAULT,
        *,
        run: str | None = None,
        wait: bool = True,
        progress: Progress | None = None,
    ) -> Run | Job[Run]:
        """Pre-train a backbone; killed runs resume exactly.

        Args:
            subset: a selection, its id, or the path of a manifest as a `Path`.
            recipe: method, backbone and settings that differ from the subset's defaults.
            run: name of the run.
            wait: False returns a handle of the job immediately.
            progress: called with (done, total, unit) while waiting.

        Raises:
            InputError: the run's name is taken, or a setting is invalid.
            NotFoundError, ManifestError: the selection or manifest does not exist.
            LeakError: the selection contains held-out images.
            JobError: the training failed or was cancelled.
        """
        how = (recipe.method, recipe.backbone, recipe.changes(), recipe.where)
        suffix, paths = f"{recipe.method}-{recipe.seed}", self._paths()
        if isinstance(subset, Path):
            name = run or f"{subset.name}-{suffix}"
            job = pretraining.start_manifest(paths, project_paths.expanded(subset), name, *how)
        else:
            name = run or f"{selection_id(subset)}-{suffix}"
            with self._opened() as project:
                job = pretraining.start_selection(project, selection_id(subset), name, *how)
        started = Job(job.id, paths, lambda result: results.run(paths, name))
        return started.wait(progress) if wait else started

    def run(self, name: str) -> Run:
        """Return a pre-training run, finished or not.

        Raises:
            NotFoundError: the name is unknown.
        """
        return results.run(self._paths(), name)

    def runs(self) -> pa.Table:
        """Return the pre-training runs, latest first."""
        return results.all_runs(self._paths())

    @overload
    def evaluate(
        self,
        wanted: Comparison,
        *,
        wait: Literal[True] = ...,
        progress: Progress | None = ...,
    ) -> tuple[Evaluation, ...]: ...

    @overload
    def evaluate(
        self, wanted: Comparison, *, wait: Literal[False]
    ) -> Job[tuple[Evaluation, ...]]: ...

    def evaluate(
        self, wanted: Comparison, *, wait: bool = True, progress: Progress | None = None
    ) -> tuple[Evaluation, ...] | Job[tuple[Evaluation, ...]]:
        """Compare finished runs, or train arms with equal settings and compare them.

        Args:
            wanted: target set, runs or arms, and readouts.
            wait: False returns a handle of the job immediately.
            progress: called with (done, total, unit) while waiting.

        Returns:
            An evaluation on the target set, and one on each control.

        Raises:
            InputError: nothing can be scored on the target set, or a setting is invalid.
            NotFoundError: a run, selection or target set does not exist.
            BusyError: this evaluation is already running.
            JobError: the evaluation failed or was cancelled.
        """
        with self._opened() as project:
            job, paths = comparison.start(project, wanted), project.paths

        def take(result: dict[str, Any]) -> tuple[Evaluation, ...]:
            return tuple(map(results.evaluation, comparison.found(paths, job.id)))

        started = Job(job.id, paths, take)
        return started.wait(progress) if wait else started
