"""A worker's view of its folder: progress, cancelling, outcomes, the queue."""

import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sept_core import errors
from sept_core.jobs import job_folder
from sept_core.storage import atomic


def make_job(folder: Path, **settings: Any) -> job_folder.JobFolder:
    folder.mkdir(parents=True)
    atomic.write_json(folder / "settings.json", settings)
    atomic.write_json(folder / "status.json", {"state": "queued"})
    return job_folder.JobFolder(folder)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`job_folder.run` on a job, as `python -m` would call it; gives the exit code."""
    before = signal.getsignal(signal.SIGTERM)

    def run_main(job: job_folder.JobFolder, main: Callable[..., dict[str, Any]]) -> int:
        monkeypatch.setattr(sys, "argv", ["worker", str(job.path)])
        try:
            job_folder.run(main)
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    yield run_main
    signal.signal(signal.SIGTERM, before)


def test_a_finished_job_leaves_result_and_times(tmp_path: Path, run: Any) -> None:
    job = make_job(tmp_path / "jobs" / "j1", answer=42)
    assert run(job, lambda job: {"answer": job.settings()["answer"]}) == 0
    status = job.status()
    assert job.id == "j1"
    assert status["state"] == "done"
    assert status["pid"] == os.getpid()
    assert status["started_at"] <= status["ended_at"]
    assert job.result() == {"answer": 42}


def test_a_user_error_is_the_reason_as_it_stands(tmp_path: Path, run: Any) -> None:
    def main(job: job_folder.JobFolder) -> dict[str, Any]:
        raise errors.EncoderError("No weights at x; put them there.")

    job = make_job(tmp_path / "j")
    assert run(job, main) == 1
    assert job.status()["state"] == "failed"
    assert job.status()["reason"] == "No weights at x; put them there."
    with pytest.raises(errors.NotFoundError):
        job.result()


def test_an_unexpected_error_leaves_type_and_traceback(
    tmp_path: Path, run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    job = make_job(tmp_path / "j")
    assert run(job, lambda job: {"value": 1 // 0}) == 1
    assert job.status()["reason"].startswith("ZeroDivisionError: ")
    assert "Traceback" in capsys.readouterr().err


def test_a_cancel_file_stops_at_the_next_progress(tmp_path: Path, run: Any) -> None:
    steps = []

    def main(job: job_folder.JobFolder) -> dict[str, Any]:
        for step in range(5):
            steps.append(step)
            if step == 2:
                (job.path / "cancel").touch()
            job.progress(step, 5, "steps")
        return {}

    job = make_job(tmp_path / "j")
    assert run(job, main) == 3
    assert steps == [0, 1, 2]
    assert job.status()["state"] == "cancelled"


def test_sigterm_cancels(tmp_path: Path, run: Any) -> None:
    def main(job: job_folder.JobFolder) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGTERM)
        return {"never": "returned"}

    job = make_job(tmp_path / "j")
    assert run(job, main) == 3
    assert job.status()["state"] == "cancelled"


class Clock:
    """Stands in for `time.monotonic`; advanced by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(job_folder.time, "monotonic", clock)
    return clock


def progress_of(job: job_folder.JobFolder) -> dict[str, Any]:
    progress: dict[str, Any] = atomic.read_json(job.path / "progress.json")
    return progress


def test_rate_counts_from_the_first_call(tmp_path: Path, clock: Clock) -> None:
    """A resumed job that begins at 900 of 1000 must not claim the 900."""
    job = make_job(tmp_path / "j")
    job.progress(900, 1000, "images")
    clock.now += 10
    job.progress(950, 1000, "images", note="reading")
    progress = progress_of(job)
    assert (progress["done"], progress["total"], progress["unit"]) == (950, 1000, "images")
    assert progress["note"] == "reading"
    assert progress["rate"] == 5
    assert progress["seconds_left"] == 10


def test_progress_is_written_seldom_but_the_last_always(tmp_path: Path, clock: Clock) -> None:
    job = make_job(tmp_path / "j")
    job.progress(0, 3, "images")
    job.progress(1, 3, "images")
    assert progress_of(job)["done"] == 0
    clock.now += job_folder.PROGRESS_SECONDS
    job.progress(2, 3, "images")
    assert progress_of(job)["done"] == 2
    job.progress(3, 3, "images")
    assert progress_of(job)["done"] == 3


def test_a_new_phase_starts_its_rate_afresh(tmp_path: Path, clock: Clock) -> None:
    job = make_job(tmp_path / "j")
    job.progress(0, 10, "steps")
    clock.now += 100
    job.new_phase()
    job.progress(0, 50, "images")
    assert progress_of(job)["seconds_left"] is None
    clock.now += 1
    job.progress(10, 50, "images")
    assert progress_of(job)["rate"] == 10


def test_update_status_merges(tmp_path: Path) -> None:
    job = make_job(tmp_path / "j")
    job.update_status(state="running", pid=7)
    job.update_status(note="x")
    assert job.status() == {"state": "running", "pid": 7, "note": "x"}


def _queue_is_free(path: str, answer: Any) -> None:
    with Path(path).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            answer.put(True)
        except BlockingIOError:
            answer.put(False)


def queue_is_free(jobs: Path) -> bool:
    """Asked from another process, as the next worker would."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=_queue_is_free, args=(str(jobs / "queue.lock"), answer))
    process.start()
    free = bool(answer.get())
    process.join()
    return free


def test_the_queue_is_held_while_a_job_works_and_freed_after(tmp_path: Path, run: Any) -> None:
    job = make_job(tmp_path / "jobs" / "j")
    assert run(job, lambda job: {"free": queue_is_free(tmp_path / "jobs")}) == 0
    assert job.result() == {"free": False}
    assert queue_is_free(tmp_path / "jobs")


def test_a_waiting_job_can_be_cancelled(tmp_path: Path, run: Any) -> None:
    job = make_job(tmp_path / "jobs" / "j")
    (job.path / "cancel").touch()
    with (tmp_path / "jobs" / "queue.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run(job, lambda job: {}) == 3
    assert job.status()["state"] == "cancelled"


def test_the_job_that_was_launched_first_has_its_turn_first(tmp_path: Path, run: Any) -> None:
    earlier, later = (make_job(tmp_path / "jobs" / name) for name in ("z", "a"))
    earlier.update_status(launched_at=1.0)
    later.update_status(launched_at=2.0)
    with (earlier.path / job_folder.TICKET).open("w") as waiting:
        fcntl.flock(waiting, fcntl.LOCK_EX)
        (later.path / "cancel").touch()
        assert run(later, lambda job: {}) == 3, "it waits though the queue's lock is free"
    (later.path / "cancel").unlink()
    assert run(later, lambda job: {}) == 0, "a waiting job that died holds nobody up"


def test_a_killed_worker_frees_the_queue_and_the_next_one_advances(tmp_path: Path) -> None:
    """The kernel drops the lock of a process that died by SIGKILL."""
    holder = (
        "import sys; from pathlib import Path; from sept_core.jobs import job_folder\n"
        "with job_folder.queue_turn(job_folder.JobFolder(Path(sys.argv[1]))):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    first, second = make_job(tmp_path / "jobs" / "a"), make_job(tmp_path / "jobs" / "b")
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(first.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert not queue_is_free(tmp_path / "jobs")
        process.kill()
        with job_folder.queue_turn(second):
            assert not queue_is_free(tmp_path / "jobs")
