"""A job's folder, from the worker's side.

In: `settings.json`, written by `jobs.launch`. Out: `status.json` (state, pid, times),
`progress.json` (done, total, rate, time left), `result.json`, `log.txt`.
A worker and its launcher share only the folder.
"""

import contextlib
import fcntl
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from sept_core import errors
from sept_core.storage import atomic

log = logging.getLogger("sept")

PROGRESS_SECONDS = 0.5
"""Minimum seconds between two writes of the progress, so that they do not slow the work."""


TICKET = "ticket"
"""File of a job that is locked while the job waits in the queue."""

PLACE = "place.json"
"""File of a job with its place in the queue, if a user has moved it."""

TRAINING = frozenset(("dryrun", "pretrain", "evaluate", "study"))
"""Job kinds with a lane of their own, because one may run for hours."""


SETTINGS, STATUS, PROGRESS = "settings.json", "status.json", "progress.json"
RESULT, PROCESS, LOG = "result.json", "process.json", "log.txt"
"""Files of a job's folder; PROCESS identifies the worker process on this machine."""


class Cancelled(Exception):
    """Raised inside a worker when the user has cancelled the job."""


class JobFolder:
    """One job: its files, and a worker's operations on them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._started = time.monotonic()
        self._written = 0.0
        self._baseline: int | None = None

    @property
    def id(self) -> str:
        return self.path.name

    def settings(self) -> dict[str, Any]:
        """The settings from the launcher."""
        settings: dict[str, Any] = atomic.read_json(self.path / SETTINGS)
        return settings

    def status(self) -> dict[str, Any]:
        """Return the last state that the launcher or worker wrote."""
        status: dict[str, Any] = atomic.read_json(self.path / STATUS)
        return status

    def update_status(self, **changes: Any) -> None:
        """Merge `changes` into `status.json`."""
        atomic.write_json(self.path / STATUS, self.status() | changes)

    def cancel_requested(self) -> bool:
        return (self.path / "cancel").exists()

    def check_cancelled(self) -> None:
        """Raise `Cancelled` if the user has cancelled the job; call it between batches."""
        if self.cancel_requested():
            raise Cancelled

    def progress(self, done: int, total: int, unit: str, note: str = "") -> None:
        """Record the progress; also the worker's heartbeat and cancellation point.

        Rate and time left count from the first call, so that the parts that a resumed job skips do
        not inflate its speed.
        """
        self.check_cancelled()
        now = time.monotonic()
        if self._baseline is None:
            self._baseline, self._started = done, now
        if done < total and now - self._written < PROGRESS_SECONDS:
            return
        self._written = now
        seconds = now - self._started
        rate = (done - self._baseline) / seconds if seconds > 0 else 0.0
        atomic.write_json(
            self.path / PROGRESS,
            {
                "done": done,
                "total": total,
                "unit": unit,
                "note": note,
                "rate": float(f"{rate:.4g}"),  # slow steps have 0.003 a second
                "seconds_left": round((total - done) / rate, 1) if rate > 0 else None,
                "at": time.time(),
            },
        )

    def new_phase(self) -> None:
        """Reset rate and time left, before another kind of work is counted."""
        self._baseline, self._written = None, 0.0

    def result(self) -> dict[str, Any]:
        """Return the result of the finished worker.

        Raises:
            NotFoundError: the job is not finished.
        """
        result: dict[str, Any] = atomic.read_json(self.path / RESULT)
        return result


@contextlib.contextmanager
def queue_turn(job: JobFolder) -> Iterator[None]:
    """Hold the lock of the job's lane while it works; waiting jobs take turns by place.

    Trainings have a lane of their own, so that listing, embedding, preparing, maps and exports do
    not wait for hours. A waiting job holds a lock on its ticket. The kernel releases both locks if
    the process dies.
    """
    ticket = job.path / TICKET
    with lane_lock(job).open("w") as lock:
        with ticket.open("w") as waiting:
            _try_lock(waiting)
            while not (_is_first(job) and _try_lock(lock)):
                job.check_cancelled()
                time.sleep(0.2)
            ticket.unlink()
        yield


def lane_lock(job: JobFolder) -> Path:
    """Return the lock file of the job's lane."""
    training = job.status().get("kind") in TRAINING
    return job.path.parent / ("queue-training.lock" if training else "queue.lock")


def _is_first(job: JobFolder) -> bool:
    """Return whether no job of this lane with an earlier place is still waiting."""
    lane = lane_lock(job)
    for ticket in job.path.parent.glob(f"*/{TICKET}"):
        other = JobFolder(ticket.parent)
        if lane_lock(other) == lane and place(other) < place(job):
            with contextlib.suppress(FileNotFoundError), ticket.open() as waiting:
                if not _try_lock(waiting):
                    return False
    return True


def place(job: JobFolder) -> tuple[float, str]:
    """Return the sort key of the queue: the place given by a user, else the launch."""
    with contextlib.suppress(errors.NotFoundError):
        return float(atomic.read_json(job.path / PLACE)), job.id
    return job.status().get("launched_at", 0.0), job.id


@contextlib.contextmanager
def locked(path: Path, check: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold a lock that the kernel releases when this process ends.

    Args:
        path: the lock's file; created if missing.
        check: called repeatedly while another process holds it; may raise to give up.
    """
    with path.open("a") as file:
        while not _try_lock(file):
            check()
            time.sleep(0.1)
        yield


def is_locked(path: Path) -> bool:
    """Return True if a living process holds the lock of this file, which must exist."""
    with path.open("a") as file:
        return not _try_lock(file)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def run(main: Callable[[JobFolder], dict[str, Any]]) -> None:
    """Run a worker module's `__main__`: `python -m sept_core.MODULE JOB_FOLDER`.

    Always records the outcome in the folder and exits with 0 (done), 1 (failed) or 3 (cancelled).
    """
    job = JobFolder(Path(sys.argv[1]))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGTERM, _raise_cancelled)
    job.update_status(pid=os.getpid(), state="queued")
    try:
        with queue_turn(job):
            job.update_status(state="running", started_at=time.time())
            result = main(job)
            ended = time.time()  # before the next job of the queue may begin
        atomic.write_json(job.path / RESULT, result)
        job.update_status(state="done", ended_at=ended)
    except (Cancelled, KeyboardInterrupt):
        job.update_status(state="cancelled", ended_at=time.time(), reason="cancelled by the user")
        sys.exit(3)
    except errors.SeptError as problem:
        job.update_status(state="failed", ended_at=time.time(), reason=str(problem))
        log.error("%s", problem)
        sys.exit(1)
    except Exception as problem:  # last resort of the worker: the traceback goes to its log
        traceback.print_exc()
        reason = f"{type(problem).__name__}: {problem} (see {LOG} in {job.path})"
        job.update_status(state="failed", ended_at=time.time(), reason=reason)
        sys.exit(1)


def _raise_cancelled(signum: int, frame: object) -> None:
    raise Cancelled
