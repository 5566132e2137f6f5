"""Tiny real runs and evaluations, worked off in this process instead of one of their own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import selections
from sept_core.services.project import projects
from sept_core.services.train import evaluations, pretraining
from sept_core.storage import atomic

TINY = {
    "steps": 6,
    "batch_size": 4,
    "image_size": 16,
    "cache_size": 16,
    "embed_size": 16,
    "queue": 4,
    "threads": 1,
    "log_every": 2,
    "probe_every": 3,
}
RECIPE = ("moco", "resnet10-narrow", TINY)
RUN = "tiny"


def hold(patch: pytest.MonkeyPatch) -> None:
    """Launch jobs without their processes: they wait until `work_off`."""
    patch.setattr(launcher, "_start", lambda job, kind: None)
    patch.setattr(launcher, "_alive", lambda job: job.status()["state"] == "queued")


def work_off(job: JobFolder, main: Callable[[JobFolder], dict[str, Any]]) -> dict[str, Any]:
    """Do the work of the job's process."""
    result = main(job)
    atomic.write_json(job.path / "result.json", result)
    job.update_status(state="done", ended_at=2e9)
    return result


def select(project: projects.Project, budget: int = 16) -> str:
    request = selections.Request(("toys",), SelectionSettings(budget=budget))
    return str(selections.select(project, request)["id"])


def train(project: projects.Project, selection: str, run: str = RUN, **changes: Any) -> JobFolder:
    """A finished run; the caller holds the jobs."""
    from sept_core.pretrain import worker

    job = begin(project, selection, run, **changes)
    work_off(job, worker.main)
    return job


def begin(project: projects.Project, selection: str, run: str = RUN, **changes: Any) -> JobFolder:
    """A run that waits; the caller holds the jobs."""
    method, backbone, tiny = RECIPE
    return pretraining.start_selection(
        project, selection, run, method, backbone, {**tiny, **changes}
    )


def evaluate(project: projects.Project, **changes: Any) -> JobFolder:
    """A finished evaluation of `RUN`; the caller holds the jobs."""
    from sept_core.evaluation import worker

    chosen = {"target": "toys", "runs": (RUN,), "readouts": ("knn", "linear"), "seeds": 2}
    job = evaluations.start(project, evaluations.Request(**{**chosen, **changes}))
    work_off(job, worker.main)
    return job


def prepare(folder: Path) -> None:
    """A selection, a run of it and an evaluation of that run."""
    with pytest.MonkeyPatch.context() as patch, projects.opened(folder) as project:
        hold(patch)
        train(project, select(project))
        evaluate(project)
