"""Runs that several processes share, started by torchrun, by Slurm's stand-in and by Ray."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import small_manifest

from sept_core import errors
from sept_core.encoders import checkpoint
from sept_core.jobs import job_folder
from sept_core.pretrain import launch, rendezvous
from sept_core.storage import atomic

TWO = launch.Launch(processes=2)
PATIENCE = 300.0


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_manifest.make(tmp_path_factory.mktemp("pool"))


def _job(folder: Path, pool: Path, where: launch.Launch, **changes: Any) -> job_folder.JobFolder:
    return small_manifest.job(folder, pool, {"launch": dataclasses.asdict(where)}, **changes)


def _weights(job: job_folder.JobFolder) -> bytes:
    return (job.path / "run" / checkpoint.WEIGHTS).read_bytes()


def _members(job: job_folder.JobFolder) -> Path:
    return job.path / "run" / rendezvous.MEMBERS


@contextlib.contextmanager
def _launched(job: job_folder.JobFolder) -> Any:
    """The job's process, once its members have left a checkpoint."""
    command = [sys.executable, "-m", "sept_core.pretrain.launch", str(job.path)]
    environment = os.environ | {"PYTHONPATH": str(Path(launch.__file__).parents[2])}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + PATIENCE
        while not (job.path / "run" / "checkpoint.pt").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        yield process


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, pool: Path) -> job_folder.JobFolder:
    """A run of two processes that nothing interrupted."""
    job = _job(tmp_path_factory.mktemp("whole"), pool, TWO, checkpoint_every=1, steps=60)
    result = launch.main(job)
    assert (result["processes"], result["steps"], result["images_seen"]) == (2, 60, 240)
    assert launch.main(job) == result, "a run that is complete is not run again"
    return job


def test_members_end_with_a_killed_launcher_and_a_new_one_goes_on(
    tmp_path: Path, pool: Path, whole: job_folder.JobFolder
) -> None:
    job = _job(tmp_path, pool, TWO, checkpoint_every=1, steps=60)
    with _launched(job) as process:
        process.send_signal(signal.SIGKILL)
    with job_folder.locked(_members(job) / rendezvous.WORKING):  # they have noticed
        assert atomic.read_json(_members(job) / "status.json")["state"] == "cancelled"
    assert launch.main(job)["steps"] == 60
    assert _weights(job) == _weights(whole)


def test_a_cancelled_job_ends_its_members(tmp_path: Path, pool: Path) -> None:
    job = _job(tmp_path, pool, TWO, checkpoint_every=1, steps=60)
    with _launched(job) as process:
        (job.path / "cancel").touch()
    assert process.returncode == 3 and job.status()["state"] == "cancelled"
    assert not job_folder.is_locked(_members(job) / rendezvous.WORKING)


def test_why_members_failed_is_the_jobs_reason(tmp_path: Path, pool: Path) -> None:
    with pytest.raises(errors.JobError, match=r"batch_size 3 must be a multiple of 2 .* processes"):
        launch.main(_job(tmp_path, pool, TWO, batch_size=3, queue=3))


def test_a_failure_of_the_first_member_ends_the_others(tmp_path: Path, pool: Path) -> None:
    """It alone claims the folder; the others wait for it."""
    job = _job(tmp_path, pool, TWO)
    (tmp_path / "run").mkdir()
    asked = job.settings()["pretrain"] | {"seed": 5}
    atomic.write_json(tmp_path / "run" / "settings.json", {"pretrain": asked, "manifest": "none"})
    with pytest.raises(errors.JobError, match="holds a run with a different seed"):
        launch.main(job)


def test_slurm_tasks_train_together(
    tmp_path: Path, pool: Path, whole: job_folder.JobFolder
) -> None:
    """submitit's own stand-in for Slurm: processes on this machine, started by its code."""
    options = {"cluster": "local", "gpus_per_node": 0}
    where = launch.Launch("slurm", 2, options=options)
    job = _job(tmp_path, pool, where, checkpoint_every=1, steps=60)
    assert launch.main(job)["processes"] == 2
    assert _weights(job) == _weights(whole)


def test_an_option_that_slurm_does_not_know(tmp_path: Path, pool: Path) -> None:
    where = launch.Launch("slurm", 2, options={"cluster": "local", "partitoin": "x"})
    with pytest.raises(errors.InputError, match="partitoin"):
        launch.main(_job(tmp_path, pool, where))


def test_ray_workers_train_together(
    tmp_path: Path, pool: Path, whole: job_folder.JobFolder
) -> None:
    """In a process of its own, as jobs are: Ray leaves threads and handlers behind."""
    job = _job(
        tmp_path, pool, launch.Launch("ray", 2, options={"gpu": 0}), checkpoint_every=1, steps=60
    )
    with _launched(job) as process:
        pass
    assert process.returncode == 0, (job.path / "status.json").read_text()
    assert _weights(job) == _weights(whole)


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (launch.Launch("mars"), "not on 'mars'"),
        (launch.Launch(processes=0), "one process and one node"),
        (launch.Launch(nodes=2), "one node"),
        (launch.Launch(options={"address": "x"}), "no option 'address'"),
    ],
)
def test_launches_that_cannot_work(where: launch.Launch, sentence: str) -> None:
    with pytest.raises(errors.InputError, match=sentence):
        launch.validate(where)
