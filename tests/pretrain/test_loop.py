"""The loop on a network of a few weights: resuming, schedules, and when it gives up."""

import dataclasses
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import group_steps
import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from sept_core import errors
from sept_core.jobs import job_folder
from sept_core.pretrain import augment, data, loop, meter, probe, state
from sept_core.pretrain.settings import Augment, PretrainSettings

CPU = torch.device("cpu")
COUNT = 40
SETTINGS = PretrainSettings(
    method="moco",
    image_size=8,
    cache_size=12,
    embed_size=8,
    steps=12,
    epochs=None,
    batch_size=8,
    queue=8,
    optimizer="adamw",
    lr=1e-3,
    threads=1,
    log_every=3,
    checkpoint_every=5,
    probe_every=6,
)


def _backbone() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.1),  # its random numbers must not depend on what ran before
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def _transformer() -> nn.Module:
    torch.manual_seed(0)
    return VisionTransformer(8, 4, embed_dim=16, depth=2, num_heads=2, num_classes=0)


def _images() -> data.PackedImages:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (COUNT, 3, 3, 3), np.uint8)
    return data.PackedImages(base.repeat(4, 1).repeat(4, 2), np.ones(COUNT, np.float32), CPU)


class _StopsAt(job_folder.JobFolder):
    """A job whose user cancels it after so many steps."""

    def __init__(self, path: Path, step: int | None = None) -> None:
        super().__init__(path)
        self.step = step

    def progress(self, done: int, total: int, unit: str, note: str = "") -> None:
        if done == self.step:
            raise job_folder.Cancelled


def _train(
    folder: Path, settings: PretrainSettings = SETTINGS, stop: int | None = None, **extra: object
) -> state.State:
    folder.mkdir(exist_ok=True)
    job = _StopsAt(folder, stop)
    images = extra.pop("images", _images())
    backbone = _transformer() if settings.method == "dinov2" else _backbone()
    extra.setdefault("teacher", group_steps.TEACHER)
    return loop.train(folder, images, COUNT, backbone, settings, job, **extra)  # type: ignore[arg-type]


def _tensors(run: state.State) -> list[Tensor]:
    """Weights, running means and MoCo's queue, which a `state_dict` leaves out."""
    bank = getattr(getattr(run.method, "criterion", None), "memory_bank", None)
    queue = [bank.bank, bank.bank_ptr] if bank is not None and len(bank.bank) else []
    return [*run.method.state_dict().values(), *queue]


def _same(one: state.State, other: state.State) -> bool:
    pairs = zip(_tensors(one), _tensors(other), strict=True)
    return one.step == other.step and all(torch.equal(a, b) for a, b in pairs)


def _losses(folder: Path) -> list[tuple[int, float]]:
    lines = meter.MetricsFile(folder / loop.METRICS).lines()
    return [(line["step"], line["loss"]) for line in lines if "loss" in line]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("method", ["moco", "simclr", "lejepa", "dinov2", "distil"])
def test_a_run_cancelled_twice_ends_like_one_that_was_not(
    tmp_path: Path, method: str, optimizer: str
) -> None:
    settings = dataclasses.replace(SETTINGS, method=method, optimizer=optimizer, accumulate=2)
    whole = _train(tmp_path / "whole", settings)
    for stop in (4, 7):
        with pytest.raises(job_folder.Cancelled):
            _train(tmp_path / "cut", settings, stop)
    resumed = _train(tmp_path / "cut", settings)
    assert _same(whole, resumed)
    assert _losses(tmp_path / "whole") == _losses(tmp_path / "cut")


def test_a_termination_signal_waits_for_a_checkpoint(tmp_path: Path) -> None:
    class Signalled(data.PackedImages):
        def batches(self, rows: Iterable[Tensor]) -> Iterator[data.Batch]:
            for number, batch in enumerate(super().batches(rows)):
                if number == 2:
                    os.kill(os.getpid(), signal.SIGTERM)
                yield batch

    images = _images()
    signalled = Signalled(images.pixels.numpy(), images.aspect.numpy(), CPU)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(job_folder.Cancelled):
        _train(tmp_path / "cut", images=signalled)
    assert signal.getsignal(signal.SIGTERM) == before
    saved = torch.load(tmp_path / "cut" / loop.CHECKPOINT, weights_only=True)
    assert saved["step"] == 3
    assert _same(_train(tmp_path / "cut"), _train(tmp_path / "whole"))


def test_other_seeds_give_other_weights(tmp_path: Path) -> None:
    other = dataclasses.replace(SETTINGS, seed=1)
    assert not _same(_train(tmp_path / "a"), _train(tmp_path / "b", other))


def test_learning_rate_climbs_then_falls_to_zero() -> None:
    settings = dataclasses.replace(SETTINGS, lr=1.0, warmup=0.2)
    rates = [loop.learning_rate(settings, step, 10) for step in range(10)]
    assert rates[:3] == pytest.approx([0.5, 1.0, 1.0])
    assert rates[6] == pytest.approx(0.5)
    assert rates[2:] == sorted(rates[2:], reverse=True) and 0 < rates[-1] < 0.05


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    settings = dataclasses.replace(
        SETTINGS, method="simclr", steps=60, lr=1e-2, log_every=20, augment=Augment(jitter=0.0)
    )
    _train(tmp_path, settings)
    losses = [loss for _, loss in _losses(tmp_path)]
    assert losses[-1] < losses[0] - 0.1


def test_accumulated_gradients_are_the_mean_of_the_parts(tmp_path: Path) -> None:
    settings = dataclasses.replace(
        SETTINGS, method="simclr", steps=1, optimizer="sgd", warmup=0.0, weight_decay=0.0
    )
    settings = dataclasses.replace(settings, accumulate=2, precision="fp32")
    by_hand = state.create(_backbone(), settings, CPU, "fp32").method.train()
    batch = next(_images().batches(data.row_batches(COUNT, 8, settings.seed, 0, 1)))
    numbers = augment.generator(settings.seed, "step", 0)
    torch.manual_seed(numbers.initial_seed())
    draws = [augment.draw(settings.augment, batch.aspect, numbers) for _ in range(2)]
    for rows in (slice(0, 4), slice(4, 8)):
        pixels = batch.images[rows].float()
        parts = [draw.part(torch.arange(rows.start, rows.stop), CPU) for draw in draws]
        (by_hand([augment.apply(pixels, part, 8) for part in parts])[0] / 2).backward()
    trained = _train(tmp_path, settings).method
    for ours, theirs in zip(trained.parameters(), by_hand.parameters(), strict=True):
        assert theirs.grad is not None
        torch.testing.assert_close(ours, theirs - settings.lr * theirs.grad)


def test_lines_of_metrics(tmp_path: Path) -> None:
    pixels = torch.randint(0, 256, (30, 3, 8, 8), dtype=torch.uint8)
    target = probe.Probe(pixels, torch.arange(30) % 3)
    _train(tmp_path, probe=target)
    lines = meter.MetricsFile(tmp_path / loop.METRICS).lines()
    assert [line["step"] for line in lines if "probe_knn" in line] == [6, 12]
    last = [line for line in lines if "loss" in line][-1]
    assert (last["step"], last["images"], last["epoch"]) == (12, 96, 2.4)
    assert last["seconds_left"] == 0 and last["images_per_second"] > 0
    assert sum(last["shares"].values()) == pytest.approx(1, abs=0.01)
    assert 1 <= last["effective_rank"] <= 7 and last["feature_std"] > 0


def test_a_probe_leaves_no_trace_in_the_training(tmp_path: Path) -> None:
    target = probe.Probe(torch.zeros(8, 3, 8, 8, dtype=torch.uint8), torch.arange(8) % 2)
    assert _same(_train(tmp_path / "a", probe=target), _train(tmp_path / "b"))


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, lr=1e30, optimizer="sgd", warmup=0.0)
    with pytest.raises(errors.JobError, match="lower learning rate"):
        _train(tmp_path, settings)


def test_a_collapse_stops_the_run(tmp_path: Path) -> None:
    same = data.PackedImages(
        np.full((COUNT, 12, 12, 3), 90, np.uint8), np.ones(COUNT, np.float32), CPU
    )
    settings = dataclasses.replace(
        SETTINGS, method="simclr", augment=Augment(jitter=0.0, grayscale=0.0)
    )
    backbone = _backbone()
    backbone[3] = nn.Identity()
    with pytest.raises(errors.JobError, match="collapsed"):
        loop.train(tmp_path, same, COUNT, backbone, settings, _StopsAt(tmp_path))


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / loop.CHECKPOINT).write_bytes(b"half a check")
    with pytest.raises(errors.IntegrityError, match="remove it"):
        _train(tmp_path)


def test_a_checkpoint_of_another_method_is_refused(tmp_path: Path) -> None:
    with pytest.raises(job_folder.Cancelled):
        _train(tmp_path, dataclasses.replace(SETTINGS, method="simclr"), 3)
    with pytest.raises(errors.IntegrityError):
        _train(tmp_path)


def test_precision_by_device() -> None:
    assert loop.choose_precision("fp16", CPU) == "fp16"
    assert loop.choose_precision("auto", CPU) in ("fp32", "bf16")


def test_leave_one_out_ignores_the_image_itself() -> None:
    features = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), dim=1)
    assert probe.leave_one_out(features, torch.tensor([0, 1])) == 0.0
    twice = features.repeat_interleave(25, 0)
    assert probe.leave_one_out(twice, torch.arange(2).repeat_interleave(25)) == 1.0
