"""Cost of trainings on this machine, estimated before they start.

In: settings of a run, or a study. Out: seconds, and what they were estimated from: a dry run of the
same settings, an earlier run of this project, or the operations of the network.
"""

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sept_core import errors
from sept_core.pretrain.settings import PretrainSettings
from sept_core.selection.strategies import STRATEGIES
from sept_core.services.train import machine, pretraining, studies
from sept_core.services.train.evaluations import Task
from sept_core.services.train.machine import Machine
from sept_core.services.train.pretraining import Subset
from sept_core.services.train.studies import Study
from sept_core.storage import atomic, project_paths

FORWARD = {
    "resnet10-tiny": 7_900.0,
    "resnet10-narrow": 31_200.0,
    "resnet18": 72_300.0,
    "resnet50": 163_000.0,
    "vit_tiny_patch16_224": 50_000.0,
    "vit_small_patch16_224": 183_000.0,
    "tf_efficientnet_lite0": 15_300.0,
}
"""Operations of a forward pass per pixel, as `pretrain.flops` counts them."""

SMALL_STEM = 15.0
"""Factor of a ResNet without stride and pooling in its first layers."""

PASSES = {"moco": 8.0, "byol": 9.5, "dino": 11.0, "mae": 1.2, "simsiam": 7.0,
          "barlow-twins": 7.0, "vicreg": 7.0}  # fmt: skip
"""Cost of an image of a training step in forward passes: views, backward passes, heads; else 6."""

TUNING_EPOCHS, TUNING_LEAST, TUNING_BATCH = 20, 200, 64
"""Length of fine-tuning, see `evaluation.readouts.FineTuning`, which imports torch."""

DRY, EARLIER, COUNTED = "a dry run", "an earlier run", "the size of the network"


@dataclass(frozen=True)
class Estimate:
    """Estimated time of one run.

    Attributes:
        seconds: whole run, without kNN probes.
        per_step: seconds per optimiser step.
        source: `DRY`, `EARLIER` or `COUNTED`; the last may be off by a factor of two or three.
    """

    seconds: float
    per_step: float
    source: str


@dataclass(frozen=True)
class StudyCost:
    """Estimated time of a study if none of its runs exists.

    Attributes:
        arms: trained arms.
        runs: trainings: arms × seeds.
        training, evaluation: seconds; None if the network's speed is unknown.
        source: see `Estimate`.
    """

    arms: int
    runs: int
    steps: int
    training: float | None
    evaluation: float | None
    source: str

    @property
    def seconds(self) -> float | None:
        """Time of the whole study."""
        return None if self.training is None else self.training + (self.evaluation or 0.0)


def of_run(
    paths: project_paths.ProjectPaths,
    subset: Subset,
    chosen: PretrainSettings,
    on: Machine | None = None,
) -> Estimate | None:
    """Estimate a run; None for a network of unknown size that was never timed here."""
    steps = chosen.total_steps(subset.images)
    if found := pretraining.estimated(paths, subset, chosen):
        return Estimate(found["seconds"], found["seconds_per_step"], DRY)
    per_step, source = _per_step(paths, chosen, on or machine.here())
    return None if per_step is None else Estimate(per_step * steps, per_step, source)


def _per_step(
    paths: project_paths.ProjectPaths, chosen: PretrainSettings, on: Machine
) -> tuple[float | None, str]:
    if (timed := _timed(paths, chosen)) is not None:
        return timed, EARLIER
    forward = forward_flops(chosen.backbone, chosen.stem, chosen.image_size)
    if forward is None:
        return None, COUNTED
    return chosen.batch_size * forward * PASSES.get(chosen.method, 6.0) / on.flops, COUNTED


SPEED = ("method", "backbone", "stem", "image_size", "batch_size", "accumulate", "precision")
"""Settings that two runs of equal speed share."""


def _timed(paths: project_paths.ProjectPaths, chosen: PretrainSettings) -> float | None:
    """Return the median seconds per step of finished runs with the same network and batch."""
    wanted = dataclasses.asdict(chosen)
    found = []
    for path in paths.runs.glob(f"*/{project_paths.RUN_HEADER}"):
        header: dict[str, Any] = atomic.read_json(path)
        held = header["settings"]
        same = all(held.get(name) == wanted[name] for name in SPEED)
        if same and header.get("seconds") and header.get("steps"):
            found.append(header["seconds"] / header["steps"])
    return sorted(found)[len(found) // 2] if found else None


def forward_flops(backbone: str, stem: str, side: int) -> float | None:
    """Return the operations of one forward pass of an image; None for an unknown network."""
    per_pixel = FORWARD.get(backbone)
    if per_pixel is None:
        return None
    small = stem == "small" and backbone in ("resnet18", "resnet50")
    return per_pixel * side**2 * (SMALL_STEM if small else 1.0)


def of_study(
    paths: project_paths.ProjectPaths,
    study: Study,
    task: Task,
    pool: int,
    on: Machine | None = None,
) -> StudyCost:
    """Estimate a study before its arms are selected.

    Args:
        paths: of the project, for earlier runs.
        study: the planned study.
        task: the target set to evaluate on.
        pool: number of pool images.
        on: the machine; this one by default.

    Raises:
        InputError: the study has no budget, or a setting is unknown.
    """
    if not study.budgets:
        raise errors.InputError("Give at least one budget.")
    on = on or machine.here()
    subset = Subset("", study.budgets[0], 224)
    base = pretraining.plan(subset, study.method, study.backbone, study.changes)
    steps = base.total_steps(study.budgets[0])
    lengths = [steps * factor for factor in _lengths(study, pool)]
    total = round(sum(lengths) * study.seeds)
    per_step, source = _per_step(paths, base, on)
    evaluation = _evaluation(study, base, task, len(lengths) + 1, on)
    training = None if per_step is None else per_step * total
    return StudyCost(len(lengths), len(lengths) * study.seeds, total, training, evaluation, source)


def _lengths(study: Study, pool: int) -> Iterator[float]:
    """Yield the length of each trained arm, as a multiple of the study's steps."""
    for word in study.arms:
        yield from _arm_lengths(study, word, pool)


def _arm_lengths(study: Study, word: str, pool: int) -> Iterator[float]:
    name, given, value = word.partition("=")
    if name == studies.CONTINUE:
        yield from _arm_lengths(study, value.rpartition(":")[2], pool)
    elif name == studies.METADATA:
        yield from [1.0] * len(study.budgets)
    elif word == studies.ENCODER or (given and _is_encoder(value)):
        return
    elif word in studies.UNSIZED:
        yield 1.0
        if study.equal_epochs:
            yield max(1.0, pool / study.budgets[0])
    elif word in studies.WORDS or word.endswith(studies.WITH_TARGET):
        yield from _sized_lengths(study, word)
    else:
        yield 1.0


def _sized_lengths(study: Study, word: str) -> Iterator[float]:
    for _ in study.budgets:
        yield 1.0
        if word == studies.LARGER and study.equal_epochs:
            yield 10.0
        if word in STRATEGIES and word not in studies.SHARED and study.without_decisions:
            yield 1.0


def _is_encoder(value: str) -> bool:
    """Return True for an encoder's spec such as `timm:resnet18`, not `group:NAME` or an id."""
    return ":" in value and not value.startswith("group:")


def _evaluation(
    study: Study, base: PretrainSettings, task: Task, arms: int, on: Machine
) -> float | None:
    """Return the seconds of embedding and fine-tuning for all arms, seeds and label counts."""
    forward = forward_flops(base.backbone, base.stem, base.embed_size)
    if forward is None:
        return None
    images = task.train + task.test
    flops = images * forward
    if "finetune" in study.readouts:
        epochs = TUNING_EPOCHS * math.ceil(task.train / TUNING_BATCH)
        steps = max(TUNING_LEAST, epochs)
        flops += len(study.labels) * (steps * TUNING_BATCH * 3 + task.test) * forward
    return arms * study.seeds * (1 + len(study.controls)) * flops / on.flops
