"""`sept pretrain` as it starts a run: presets, settings by name, what goes first."""

import json
from pathlib import Path
from typing import Any

import in_process
import pytest
import small_runs

from sept_core import errors
from sept_core.services.project import projects
from sept_core.services.train import machine
from sept_core.services.train.machine import Machine
from sept_core.storage import atomic


@pytest.fixture(autouse=True)
def held(monkeypatch: pytest.MonkeyPatch) -> None:
    small_runs.hold(monkeypatch)
    monkeypatch.setattr(machine, "here", lambda: Machine(False, 2))


def _settings(project: Path, *words: object) -> dict[str, Any]:
    """The settings of the run that a command starts."""
    with projects.opened(project) as opened:
        selection = small_runs.select(opened)
    told = in_process.said(
        "pretrain", project, selection, "--batch-size", 4, *words, "--no-wait", "--json"
    )
    paths = projects.paths_of(project)
    job = atomic.read_json(paths.job(json.loads(told)["job"]) / "settings.json")
    return dict(job["pretrain"])


def test_a_preset_sets_what_the_options_leave_open(project: Path) -> None:
    found = _settings(project, "--preset", "quick", "--seed", 3)
    assert (found["method"], found["backbone"]) == ("simclr", "resnet10-tiny")
    assert (found["steps"], found["epochs"], found["batch_size"]) == (200, None, 4)
    assert found["seed"] == 3


def test_options_and_settings_go_before_the_preset(project: Path) -> None:
    found = _settings(
        project, "--preset", "distil", "--teacher", "bundled", "--epochs", 2, "--set",
        "augment.jitter=0.1", "--set", "layer_decay=0.5", "--patience", 4,
    )  # fmt: skip
    assert (found["method"], found["teacher"], found["temperature"]) == ("distil", "bundled", 0.07)
    assert (found["steps"], found["epochs"], found["patience"]) == (None, 2, 4)
    assert found["layer_decay"] == 0.5 and found["augment"]["jitter"] == 0.1


def test_without_a_preset_nothing_changes(project: Path) -> None:
    found = _settings(project, "--steps", 5)
    assert (found["method"], found["backbone"], found["steps"]) == ("moco", "resnet18", 5)


def test_a_logger_that_does_not_exist_is_named(project: Path) -> None:
    with projects.opened(project) as opened:
        selection = small_runs.select(opened)
    words = ("--batch-size", 4, "--log", "tensorbord", "--no-wait")
    done = in_process.run("pretrain", project, selection, *words)
    assert isinstance(done.exception, errors.InputError)
    assert "use tensorboard, wandb, wandb-offline" in str(done.exception)
