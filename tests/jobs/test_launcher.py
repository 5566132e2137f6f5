"""Jobs as their launcher sees them, with real worker processes."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sept_core import errors
from sept_core.jobs import job_folder, launcher
from sept_core.storage import atomic, project_paths

WORKER = """
import json, sys, time
from pathlib import Path
from sept_core import errors
from sept_core.jobs import job_folder

def main(job):
    wish = job.settings()
    job.progress(0, 10, "steps")
    marker = Path(wish["marker"])
    if wish["do"] == "fail":
        raise errors.InputError("The spoon is bent; straighten it.")
    if wish["do"] == "crash":
        raise ZeroDivisionError("by zero")
    while wish["do"] == "wait" and not marker.exists():
        job.check_cancelled()
        time.sleep(0.01)
    job.progress(10, 10, "steps")
    return {"answer": 42}

job_folder.run(main)
"""


@pytest.fixture
def launch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., launcher.JobFolder]]:
    module = tmp_path / "toy_worker.py"
    module.write_text(WORKER)
    real = sys.executable
    # `python -m MODULE` finds the toy through a small wrapper, so that jobs.py stays as it is.
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nshift 2\nexec "{real}" "{module}" "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(wrapper))
    paths = project_paths.ProjectPaths(tmp_path / "project")
    started: list[launcher.JobFolder] = []

    def start(do: str, kind: str = "embed") -> launcher.JobFolder:
        job = launcher.launch(paths, kind, {"do": do, "marker": str(tmp_path / "go")}, f"Toy {do}")
        started.append(job)
        return job

    yield start
    for job in started:
        if not launcher.status(paths, job.id).ended:
            launcher.cancel(paths, job.id)


def paths_of(job: launcher.JobFolder) -> project_paths.ProjectPaths:
    return project_paths.ProjectPaths(job.path.parent.parent)


def wait_for(job: launcher.JobFolder, state: str) -> launcher.JobStatus:
    for status in launcher.follow(paths_of(job), job.id, poll=0.02):
        if status.state == state:
            return status
    raise AssertionError(f"ended as {status.state}: {status.reason}")


def test_finished_job_gives_its_result(launch: Callable[..., launcher.JobFolder]) -> None:
    job = launch("work")
    status = wait_for(job, "done")
    assert launcher.finish(paths_of(job), job.id) == {"answer": 42}
    assert status.progress is not None and status.progress["done"] == 10


def test_failure_carries_the_one_sentence(launch: Callable[..., launcher.JobFolder]) -> None:
    job = launch("fail")
    wait_for(job, "failed")
    with pytest.raises(errors.JobError, match=r"Toy fail failed: The spoon is bent"):
        launcher.finish(paths_of(job), job.id)


def test_crash_leaves_a_traceback_in_the_log(launch: Callable[..., launcher.JobFolder]) -> None:
    job = launch("crash")
    wait_for(job, "failed")
    assert "ZeroDivisionError: by zero" in launcher.tail(paths_of(job), job.id)


def test_cancel_stops_a_running_job(launch: Callable[..., launcher.JobFolder]) -> None:
    job = launch("wait")
    wait_for(job, "running")
    assert launcher.cancel(paths_of(job), job.id).state == "cancelled"
    assert launcher.cancel(paths_of(job), job.id).state == "cancelled"


def test_killed_worker_is_lost_not_running(launch: Callable[..., launcher.JobFolder]) -> None:
    job = launch("wait")
    wait_for(job, "running")
    os.killpg(atomic.read_json(job.path / "process.json")["pid"], signal.SIGKILL)
    status = wait_for(job, "lost")
    assert status.reason is not None and "exited unexpectedly" in status.reason


def test_lost_job_starts_again_in_its_folder(
    launch: Callable[..., launcher.JobFolder], tmp_path: Path
) -> None:
    job = launch("wait")
    wait_for(job, "running")
    with pytest.raises(errors.JobError, match="only an interrupted job can be resumed"):
        launcher.relaunch(paths_of(job), job.id)
    os.killpg(atomic.read_json(job.path / "process.json")["pid"], signal.SIGKILL)
    wait_for(job, "lost")
    (tmp_path / "go").touch()
    launcher.relaunch(paths_of(job), job.id)
    wait_for(job, "done")


def test_second_job_waits_its_turn(
    launch: Callable[..., launcher.JobFolder], tmp_path: Path
) -> None:
    first = launch("wait")
    wait_for(first, "running")
    second = launch("work")
    # The second worker announces itself as queued; it cannot be past the lock that the first holds.
    while "pid" not in second.status():
        assert not launcher.status(paths_of(second), second.id).ended
    assert launcher.status(paths_of(second), second.id).state == "queued"
    (tmp_path / "go").touch()
    wait_for(first, "done")
    wait_for(second, "done")
    assert first.status()["ended_at"] <= second.status()["started_at"]


def wait_until_queued(job: launcher.JobFolder) -> None:
    while not (job.path / job_folder.TICKET).exists():
        assert not launcher.status(paths_of(job), job.id).ended


def test_other_work_does_not_wait_behind_a_training(
    launch: Callable[..., launcher.JobFolder],
) -> None:
    training = launch("wait", "pretrain")
    wait_for(training, "running")
    wait_for(launch("work", "export"), "done")
    assert launcher.status(paths_of(training), training.id).state == "running"


def test_a_waiting_job_can_be_moved_before_another(
    launch: Callable[..., launcher.JobFolder], tmp_path: Path
) -> None:
    first = launch("wait")
    wait_for(first, "running")
    paths, rest = paths_of(first), [launch("work") for _ in range(3)]
    for job in rest:
        wait_until_queued(job)
    assert [job.id for job in launcher.waiting(paths, first.id)] == [job.id for job in rest]
    moved = launcher.move_to(paths, rest[2].id, 1)
    order = [rest[2], rest[0], rest[1]]
    assert [job.id for job in moved] == [job.id for job in order]
    with pytest.raises(errors.JobError, match="only a waiting job"):
        launcher.move_to(paths, first.id, 1)
    (tmp_path / "go").touch()
    for job in order:
        wait_for(job, "done")
    started = [job.status()["started_at"] for job in order]
    assert started == sorted(started)


def test_unknown_job_lists_the_latest(launch: Callable[..., launcher.JobFolder]) -> None:
    job = launch("work")
    with pytest.raises(errors.NotFoundError, match=job.id):
        launcher.status(paths_of(job), "nonsense")
