"""`sept embed` while the embedding already runs: it is followed, or named."""

import fcntl
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import small_runs

from sept_core import errors
from sept_core.jobs import launcher
from sept_core.services.data import embedding, underway
from sept_core.services.data.embedding import EmbedSettings
from sept_core.services.project import projects
from sept_core.storage import atomic

CHOSEN = EmbedSettings("classic")


def test_the_same_work_is_found_and_other_work_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_runs.hold(monkeypatch)
    paths = projects.paths_of(project)
    assert underway.embedding(paths, CHOSEN) is None
    with projects.opened(project) as opened:
        job = embedding.start(opened, CHOSEN)
    assert underway.embedding(paths, CHOSEN) == job.id
    for other, said in (
        (replace(CHOSEN, encoder="bundled"), r"encoder classic \(wanted: bundled\)"),
        (replace(CHOSEN, precision="fp32"), r"precision auto \(wanted: fp32\)"),
    ):
        with pytest.raises(errors.BusyError, match=f"{job.id} with {said}.*sept job cancel"):
            underway.embedding(paths, other)
    asked = job.settings()
    atomic.write_json(job.path / "settings.json", asked | {"renew": "classic-12345678"})
    with pytest.raises(errors.BusyError, match="renews features of an older decoder"):
        underway.embedding(paths, CHOSEN)
    job.update_status(state="done")
    assert underway.embedding(paths, CHOSEN) is None


def test_the_command_follows_the_embedding_that_runs(project: Path) -> None:
    paths = projects.paths_of(project)
    with (paths.jobs / "queue.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the job waits for its turn until the command follows it
        with projects.opened(project) as opened:
            job = embedding.start(opened, CHOSEN)
        words = ["embed", str(project), "--encoder", "classic"]
        with subprocess.Popen(
            [sys.executable, "-m", "sept_core", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        ) as command:
            assert command.stderr and command.stdout
            assert f"is already running as job {job.id}; following it" in command.stderr.readline()
            fcntl.flock(lock, fcntl.LOCK_UN)
            assert "Embedded with classic" in command.stdout.read()
            assert command.wait() == 0
    started = [status for status in launcher.all_jobs(paths) if status.kind == "embed"]
    assert len(started) == 2, "the one that made the project, and the one that was followed"
    with projects.opened(project) as opened:
        assert projects.find_encoder(opened, None).startswith("classic")
        assert not underway.is_left(opened)
