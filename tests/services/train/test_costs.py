"""Costs before a start: counted operations, earlier runs, the arms of a study; presets."""

from dataclasses import replace
from pathlib import Path

import pytest
import small_runs

from sept_core import errors
from sept_core.pretrain import flops, worker
from sept_core.pretrain import settings as pretrain_settings
from sept_core.services.project import projects
from sept_core.services.train import costs, presets, pretraining
from sept_core.services.train.evaluations import Task
from sept_core.services.train.machine import Machine
from sept_core.services.train.pretraining import Subset
from sept_core.services.train.studies import Study
from sept_core.storage.project_paths import ProjectPaths

CPU, GPU = Machine(gpu=False, cores=2), Machine(gpu=True, cores=8)
SUBSET = Subset("some", 400, 128)
TASK = Task(classes=5, train=60, test=75, smallest=12, problem=None)


@pytest.mark.parametrize("method", ["simclr", "moco"])
def test_the_table_agrees_with_counted_operations(method: str) -> None:
    chosen = pretrain_settings.defaults(method, "resnet10-tiny", 400, image_size=32)
    counted = flops.per_image(worker.build_backbone(chosen), chosen)
    forward = costs.forward_flops("resnet10-tiny", chosen.stem, 32)
    assert forward and forward * costs.PASSES.get(method, 6.0) == pytest.approx(counted, rel=0.1)


def test_time_grows_with_steps_and_image_size(tmp_path: Path) -> None:
    paths = ProjectPaths(tmp_path)
    found = [
        costs.of_run(paths, SUBSET, pretraining.plan(SUBSET, "simclr", "resnet18", changes), CPU)
        for changes in ({"steps": 10, "image_size": 64}, {"steps": 20, "image_size": 64},
                        {"steps": 10, "image_size": 32})
    ]  # fmt: skip
    base, longer, smaller = found
    assert base and longer and smaller and base.source == costs.COUNTED
    assert longer.seconds == pytest.approx(2 * base.seconds)
    assert smaller.seconds == pytest.approx(base.seconds / 4)


def test_an_unknown_network_has_no_estimate(tmp_path: Path) -> None:
    chosen = pretraining.plan(SUBSET, "simclr", "resnet34", {"steps": 10})
    assert costs.of_run(ProjectPaths(tmp_path), SUBSET, chosen, CPU) is None


def test_an_earlier_run_gives_the_speed(trained_once: Path) -> None:
    paths = projects.paths_of(trained_once)
    method, backbone, tiny = small_runs.RECIPE
    chosen = pretraining.plan(SUBSET, method, backbone, {**tiny, "steps": 600})
    found = costs.of_run(paths, SUBSET, chosen, CPU)
    assert found and found.source == costs.EARLIER
    assert found.seconds == pytest.approx(600 * found.per_step)


@pytest.mark.parametrize(
    ("arms", "more", "runs", "steps"),
    [
        (("random", "instance-search"), {}, 6, 600),
        (("random", "encoder", "frozen=timm:resnet18@/x"), {}, 3, 300),
        (("whole-pool", "instance-search"), {"equal_epochs": True}, 9, 3600),
        (("random", "instance-search"), {"without_decisions": True}, 9, 900),
        (("continue=timm:resnet18@/x:random", "instance-search+target"), {}, 6, 600),
        (("metadata=year > 2020",), {"budgets": (400, 800)}, 6, 600),
        (("random-10x",), {"equal_epochs": True}, 6, 3300),
        (("mine=group:birds",), {"budgets": (400, 800)}, 3, 300),
        (("instance-search",), {"budgets": (400, 800)}, 6, 600),
    ],
)
def test_a_study_counts_its_runs(
    tmp_path: Path, arms: tuple[str, ...], more: dict[str, object], runs: int, steps: int
) -> None:
    changes = {"steps": 100, "image_size": 32}
    study = replace(Study("t", arms, (400,), "simclr", "resnet10-tiny", changes), **more)  # type: ignore[arg-type]
    found = costs.of_study(ProjectPaths(tmp_path), study, TASK, 4000, CPU)
    assert (found.runs, found.steps) == (runs, steps)
    assert found.seconds and found.training and found.seconds > found.training


def test_a_study_without_budgets_is_refused(tmp_path: Path) -> None:
    study = Study("t", ("random",), (), "simclr", "resnet10-tiny")
    with pytest.raises(errors.InputError, match="budget"):
        costs.of_study(ProjectPaths(tmp_path), study, TASK, 4000, CPU)


@pytest.mark.parametrize("name", presets.PRESETS)
@pytest.mark.parametrize("machine", [CPU, GPU])
def test_every_preset_is_valid(name: str, machine: Machine) -> None:
    recipe = presets.find(name).recipe(machine)
    subset = Subset("some", 5000, 224)
    chosen = pretraining.plan(subset, recipe.method, recipe.backbone, recipe.changes())
    pretraining.check(subset, chosen)


def test_an_unknown_preset_is_an_error() -> None:
    with pytest.raises(errors.InputError, match="standard, quick, continue"):
        presets.find("slow")
