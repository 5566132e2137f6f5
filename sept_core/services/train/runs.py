"""The pre-training runs of a project: progress, results and deletion.

In: the run folders and the jobs that fill them. Out: `Run`s, metrics, downloads; needs no
catalogue.
"""

import dataclasses
import io
import json
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.jobs.launcher import JobStatus
from sept_core.pretrain import settings as pretrain_settings
from sept_core.pretrain.settings import PretrainSettings
from sept_core.services.data.embedding import EmbedSettings
from sept_core.storage import atomic, project_paths

CHECKPOINT = ("backbone.safetensors", "card.json", "load.py")
"""Files of a finished run for download: weights, card, and a script that loads them."""
MOST_LINES = 1000
"""Maximum number of metrics lines shown of a long run: evenly spaced, with the last one."""


@dataclass(frozen=True)
class Run:
    """Current state of one run.

    Attributes:
        state: done, or that of its latest job (`jobs.JobStatus`); lost if it has none.
        settings: the requested settings.
        images: number of images of its subset, once the run has begun.
        steps, total: optimiser steps taken and planned; `total` is 0 before the run has begun.
        last: the latest value of each metric.
        job: its latest job.
    """

    name: str
    state: str
    settings: PretrainSettings
    steps: int
    total: int
    last: dict[str, Any]
    job: JobStatus | None

    @property
    def active(self) -> bool:
        return self.job is not None and not self.job.ended

    @property
    def near_collapse(self) -> bool:
        """Return True if the features are about to collapse, which ends a run."""
        spread = self.last.get("feature_std")
        return spread is not None and spread < 2 * pretrain_settings.COLLAPSED_STD

    @property
    def done(self) -> bool:
        return self.state == "done"


def every(paths: project_paths.ProjectPaths) -> list[Run]:
    """List all runs, latest first; those without a job last."""
    found: dict[str, Run] = {}
    for job in launcher.all_jobs(paths):
        for asked in _training_settings(paths, job):
            folder = _folder(paths, asked)
            if folder.exists() and folder.name not in found:
                found[folder.name] = _run(folder, asked["pretrain"], job)
    for path in paths.run_settings():
        if path.parent.name not in found:
            found[path.parent.name] = _run(path.parent, atomic.read_json(path)["pretrain"], None)
    return list(found.values())


def latest(paths: project_paths.ProjectPaths) -> Run | None:
    """Return the run that was launched last; only its own files are read."""
    for job in launcher.all_jobs(paths):
        for asked in _training_settings(paths, job)[::-1]:
            folder = _folder(paths, asked)
            if folder.exists():
                return _run(folder, asked["pretrain"], job)
    return next(iter(every(paths)), None)


def _training_settings(paths: project_paths.ProjectPaths, job: JobStatus) -> list[dict[str, Any]]:
    """Return the training settings of a job, by run."""
    if job.kind not in ("pretrain", "study"):
        return []
    asked = JobFolder(paths.job(job.id)).settings()
    found: list[dict[str, Any]] = asked["runs"] if job.kind == "study" else [asked]
    return found


def find(paths: project_paths.ProjectPaths, name: str) -> Run:
    """Return one run.

    Raises:
        NotFoundError: the name is unknown.
    """
    for run in every(paths):
        if run.name == name:
            return run
    raise errors.NotFoundError(f"This project has no run named {name!r}.")


def _folder(paths: project_paths.ProjectPaths, asked: dict[str, Any]) -> Path:
    """Return a job's run folder by name, because the project may have moved since the launch."""
    return paths.run(Path(asked["run"]).name)


def _run(folder: Path, settings: dict[str, Any], job: JobStatus | None) -> Run:
    last: dict[str, Any] = {}
    for line in metrics(folder):
        last |= line
    progress = job.progress if job else None
    counted = progress if progress and progress["unit"] == "steps" else {"done": 0, "total": 0}
    done = (folder / project_paths.RUN_HEADER).exists()
    steps = last.get("step", 0)
    return Run(
        name=folder.name,
        state="done" if done else job.state if job else "lost",
        settings=pretrain_settings.from_dict(settings),
        steps=steps if done else max(steps, counted["done"]),
        total=steps if done else counted["total"],
        last=last,
        job=job,
    )


def differing(compared: Sequence[Run]) -> dict[str, list[Any]]:
    """Return the settings that are not equal in all runs: name → the value of each run."""
    flat = []
    for run in compared:
        values = dataclasses.asdict(run.settings)
        flat.append(values | {f"augment.{k}": v for k, v in values.pop("augment").items()})
    names = list(dict.fromkeys(name for values in flat for name in values if name != "augment"))
    columns = {name: [values.get(name) for values in flat] for name in names}
    return {name: held for name, held in columns.items() if any(v != held[0] for v in held)}


def queue(paths: project_paths.ProjectPaths) -> list[JobStatus]:
    """Return running and waiting jobs, in queue order."""
    waiting = [job for job in launcher.all_jobs(paths) if not job.ended]
    return sorted(waiting, key=lambda job: (job.state != "running", job.launched_at, job.id))


def metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of `metrics.jsonl`, at most `MOST_LINES` of them."""
    path = folder / "metrics.jsonl"
    if not path.exists():
        return []
    whole = path.read_text().rpartition("\n")[0].splitlines()
    stride = -(-len(whole) // MOST_LINES) or 1
    kept = whole[::-1][::stride][::-1]
    return [json.loads(line) for line in kept]


def finished(paths: project_paths.ProjectPaths, name: str) -> Path:
    """Return the folder of a run with a checkpoint.

    Raises:
        NotFoundError: there is no finished run of that name; the message lists the existing ones.
    """
    folder = paths.run(name)
    if not (folder / project_paths.RUN_HEADER).exists():
        done = ", ".join(
            sorted(p.parent.name for p in paths.runs.glob(f"*/{project_paths.RUN_HEADER}"))
        )
        raise errors.NotFoundError(
            f"No finished run named {name!r}; this project has: {done or 'none yet'}."
        )
    return folder


def archive(paths: project_paths.ProjectPaths, name: str) -> bytes:
    """Return a zip of the checkpoint (weights, card, `load.py`), in a folder named like the run."""
    folder = finished(paths, name)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # weights do not compress
        for part in CHECKPOINT:
            archive.write(folder / part, f"{name}/{part}")
    return out.getvalue()


def snippet(paths: project_paths.ProjectPaths, name: str) -> str:
    """Return Python code that loads the checkpoint with only torch, timm and safetensors."""
    return (finished(paths, name) / "load.py").read_text()


def embedding(paths: project_paths.ProjectPaths, name: str) -> EmbedSettings:
    """Return the settings of an embedding with a run's checkpoint."""
    return EmbedSettings(encoder=f"checkpoint:{finished(paths, name)}")


def size(paths: project_paths.ProjectPaths, name: str) -> int:
    """Return the size on disk in bytes."""
    return atomic.folder_size(paths.run(name))


def delete(paths: project_paths.ProjectPaths, name: str) -> None:
    """Delete a run's folder and its jobs; evaluations of it keep their results.

    Raises:
        NotFoundError: the name is unknown.
        BusyError: it is still running.
    """
    if find(paths, name).active:
        raise errors.BusyError(f"{name} is still running or waiting; cancel it first.")
    for job in launcher.all_jobs(paths):
        folder = JobFolder(paths.job(job.id))
        if job.kind == "pretrain" and _folder(paths, folder.settings()) == paths.run(name):
            shutil.rmtree(folder.path)
    shutil.rmtree(paths.run(name))
