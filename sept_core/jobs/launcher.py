"""Background jobs: launch, follow, cancel, and detect dead workers.

In: a kind, JSON settings and the project's paths. Out: a folder under `jobs/` that a worker
process fills. A job outlives the process that launched it; the queue is a file lock that workers
wait on, so it advances even when all launchers are closed.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.jobs import job_folder
from sept_core.jobs.job_folder import JobFolder
from sept_core.storage import atomic, project_paths

WORKERS = {
    "demo": "sept_core.demo",
    "embed": "sept_core.features",
    "speed": "sept_core.features.speed",
    "graph": "sept_core.index.graph",
    "index": "sept_core.index.ivf",
    "calibrate": "sept_core.dedup.calibration",
    "duplicates": "sept_core.dedup.near_duplicates",
    "map": "sept_core.projection.umap_layout",
    "export": "sept_core.export.run",
    "dryrun": "sept_core.pretrain.estimate",
    "pretrain": "sept_core.pretrain.launch",
    "evaluate": "sept_core.evaluation.worker",
    "study": "sept_core.evaluation.study",
}
"""Job kind → module run as `python -m MODULE JOB_FOLDER`."""

ENDED = {"done", "failed", "cancelled", "lost"}
CANCEL_GRACE = 10.0
"""Seconds between asking a worker to stop and ending its process group."""


@dataclass(frozen=True)
class JobStatus:
    """Current state of one job.

    `state` is queued, running, done, failed, cancelled or lost (its process exited unexpectedly:
    killed, or the machine restarted). Waiting jobs of a lane run in the order of `place`.
    """

    id: str
    kind: str
    title: str
    state: str
    reason: str | None
    launched_at: float
    ended_at: float | None
    progress: dict[str, Any] | None
    place: float = 0.0

    @property
    def ended(self) -> bool:
        return self.state in ENDED


def launch(
    paths: project_paths.ProjectPaths, kind: str, settings: dict[str, Any], title: str
) -> JobFolder:
    """Start a worker in its own session and return its folder immediately."""
    started = time.time()
    # To the millisecond, so that ids sort by launch.
    stamp = (
        time.strftime("%Y%m%d-%H%M%S", time.gmtime(started)) + f"{int(started * 1000) % 1000:03d}"
    )
    job = JobFolder(paths.job(f"{stamp}-{kind}-{secrets.token_hex(3)}"))
    with atomic.told_as_storage(job.path):
        job.path.mkdir(parents=True)
    atomic.write_json(job.path / job_folder.SETTINGS, settings)
    status = {"kind": kind, "title": title, "state": "queued", "launched_at": started}
    atomic.write_json(job.path / job_folder.STATUS, status)
    _start(job, kind)
    return job


def relaunch(paths: project_paths.ProjectPaths, job_id: str) -> JobFolder:
    """Restart an ended job in the same folder; its worker continues the existing work.

    Raises:
        NotFoundError: no such job.
        JobError: it is still running, or it finished.
    """
    before = status(paths, job_id)
    if not before.ended or before.state == "done":
        raise errors.JobError(
            f"Job {job_id} is {before.state}; only an interrupted job can be resumed."
        )
    job = JobFolder(paths.job(job_id))
    (job.path / "cancel").unlink(missing_ok=True)
    job.update_status(state="queued", reason=None, ended_at=None, launched_at=time.time())
    _start(job, before.kind)
    return job


def _start(job: JobFolder, kind: str) -> None:
    _reap()
    with (job.path / job_folder.LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", WORKERS[kind], str(job.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=job.path,
            env=_environment(),
        )
    identity = {"pid": process.pid, "process_started": _start_time(process.pid)}
    atomic.write_json(job.path / job_folder.PROCESS, identity)
    _children[process.pid] = process


def _environment() -> dict[str, str]:
    """Return the worker's environment: the launcher's, with additions."""
    # Spinning threads make work two to four times slower if the app, a browser or another job
    # shares the cores.
    sharing = {"OMP_WAIT_POLICY": "passive"}
    # The worker must import this checkout from any working folder.
    return sharing | os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


# Popen objects are kept so that finished workers are reaped instead of left as zombies.
_children: dict[int, subprocess.Popen[bytes]] = {}


def _reap() -> None:
    """Reap all finished workers of this process."""
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            _children.pop(pid, None)


def _start_time(pid: int) -> str | None:
    """Return the kernel's start time of a process: with the pid, a unique identity."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    zombie = fields[0] == "Z"
    return None if zombie else fields[19]


def _alive(job: JobFolder) -> bool:
    try:
        identity = atomic.read_json(job.path / job_folder.PROCESS)
    except errors.NotFoundError:
        # The launcher has created the folder and is about to start the worker.
        return bool(time.time() - job.status()["launched_at"] < CANCEL_GRACE)
    _reap()
    started = _start_time(identity["pid"])
    return started is not None and bool(started == identity["process_started"])


def status(paths: project_paths.ProjectPaths, job_id: str) -> JobStatus:
    """Return the state of one job; a job whose worker has died is lost.

    Raises:
        NotFoundError: no such job; the message lists the latest ones.
    """
    job = JobFolder(paths.job(job_id))
    if not (job.path / job_folder.STATUS).exists():
        known = ", ".join(path.name for path in _folders(paths)[:5]) or "none yet"
        raise errors.NotFoundError(f"No job {job_id!r} in this project; the latest are: {known}.")
    try:
        alive = _alive(job)  # before the status is read: a worker writes its end, then exits
        stored = job.status()
    except errors.IntegrityError as problem:
        return JobStatus(job_id, "unknown", job_id, "lost", str(problem), 0.0, None, None)
    state, reason = stored["state"], stored.get("reason")
    if state not in ENDED and not alive:
        state = "lost"
        reason = "its process exited unexpectedly (killed, or the machine restarted)"
    progress = job.path / job_folder.PROGRESS
    return JobStatus(
        id=job_id,
        kind=stored["kind"],
        title=stored["title"],
        state=state,
        reason=reason,
        launched_at=stored["launched_at"],
        ended_at=stored.get("ended_at"),
        progress=atomic.read_json(progress) if progress.exists() else None,
        place=job_folder.place(job)[0],
    )


def _folders(paths: project_paths.ProjectPaths) -> list[Path]:
    """List job folders, latest first."""
    return sorted((p.parent for p in paths.jobs.glob(f"*/{job_folder.STATUS}")), reverse=True)


def all_jobs(paths: project_paths.ProjectPaths) -> list[JobStatus]:
    """List every job of the project, latest first."""
    return [status(paths, folder.name) for folder in _folders(paths)]


def waiting(paths: project_paths.ProjectPaths, job_id: str) -> list[JobStatus]:
    """Return the waiting jobs of a job's lane, in the order in which they will run.

    Raises:
        NotFoundError: no such job.
    """
    status(paths, job_id)
    lane = job_folder.lane_lock(JobFolder(paths.job(job_id)))
    found = [JobFolder(folder) for folder in _folders(paths)]
    found = sorted(
        (job for job in found if job_folder.lane_lock(job) == lane), key=job_folder.place
    )
    known = [status(paths, job.id) for job in found]
    return [job for job in known if job.state == "queued"]


def move_to(paths: project_paths.ProjectPaths, job_id: str, place: int) -> list[JobStatus]:
    """Move a waiting job to another place in its lane; return the lane's waiting jobs in order.

    Args:
        paths: paths of the project.
        job_id: id of the job.
        place: counted from 1, the next to run; larger places than the last mean the last.

    Raises:
        NotFoundError: no such job.
        JobError: it is not waiting.
    """
    order = [job.id for job in waiting(paths, job_id)]
    if job_id not in order:
        state = status(paths, job_id).state
        raise errors.JobError(f"Job {job_id} is {state}; only a waiting job can be moved.")
    order.remove(job_id)
    order.insert(max(0, place - 1), job_id)
    places = sorted(job_folder.place(JobFolder(paths.job(one)))[0] for one in order)
    for one, value in zip(order, places, strict=True):
        atomic.write_json(paths.job(one) / job_folder.PLACE, value)
    return waiting(paths, job_id)


def cancel(paths: project_paths.ProjectPaths, job_id: str) -> JobStatus:
    """Ask a job to stop at its next safe point; kill its process group if it does not.

    Raises:
        NotFoundError: no such job.
    """
    job = JobFolder(paths.job(job_id))
    if status(paths, job_id).ended:
        return status(paths, job_id)
    (job.path / "cancel").touch()
    deadline = time.monotonic() + CANCEL_GRACE
    while time.monotonic() < deadline:
        if status(paths, job_id).ended:
            return status(paths, job_id)
        time.sleep(0.1)
    identity = atomic.read_json(job.path / job_folder.PROCESS)
    if _alive(job):  # the pid still belongs to the process that was started
        with contextlib.suppress(ProcessLookupError):
            os.killpg(identity["pid"], signal.SIGKILL)
    job.update_status(
        state="cancelled", ended_at=time.time(), reason="killed after it did not stop"
    )
    return status(paths, job_id)


def follow(
    paths: project_paths.ProjectPaths, job_id: str, poll: float = 0.2
) -> Iterator[JobStatus]:
    """Yield the job's status until it ends; the last one yielded is final."""
    while True:
        current = status(paths, job_id)
        yield current
        if current.ended:
            return
        time.sleep(poll)


def finish(paths: project_paths.ProjectPaths, job_id: str) -> dict[str, Any]:
    """Return the result of an ended job.

    Raises:
        JobError: it failed, was cancelled or was lost; the message has the reason.
    """
    ended = status(paths, job_id)
    if ended.state != "done":
        raise errors.JobError(f"{ended.title} {ended.state}: {ended.reason} (job {job_id}).")
    return JobFolder(paths.job(job_id)).result()


def tail(paths: project_paths.ProjectPaths, job_id: str, lines: int = 50) -> str:
    """Return the last lines of a job's log."""
    log = paths.job(job_id) / job_folder.LOG
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""
