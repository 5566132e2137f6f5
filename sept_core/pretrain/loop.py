"""The training loop, from the last checkpoint to the last step.

In: images, a backbone and settings. Out: the trained `State`, with `checkpoint.pt` and
`metrics.jsonl` in the run folder along the way. Processes that train together (`group`) each take
their share of every batch; the first of them writes. A run that was killed and resumed ends with
exactly the weights of an uninterrupted one: each step depends only on the state and on numbers
derived from (seed, step).
"""

import contextlib
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sept_core import errors
from sept_core.encoders import numerics
from sept_core.jobs import job_folder
from sept_core.pretrain import augment, data, loggers, meter
from sept_core.pretrain import probe as probing
from sept_core.pretrain import state as states
from sept_core.pretrain.group import ALONE, Group
from sept_core.pretrain.settings import COLLAPSED_STD, PretrainSettings
from sept_core.pretrain.teachers import Teacher

log = logging.getLogger("sept")

CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.jsonl"
EARLY = "early"
"""Folder in the run folder: a checkpoint for each of `early_steps`, named by its step."""
BEST = "best"
"""Folder in the run folder, while a run with `patience` trains: the backbone of its best probe."""

SHOWN = 8
"""Images whose views a logger shows."""

Keep = Callable[[nn.Module, Path], None]
"""Writes a backbone into a folder."""

_AUTOCAST = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_precision(precision: str, device: torch.device) -> str:
    """Return the precision that settings name; "auto" is the fastest one of the device."""
    return numerics.fastest_type(device) if precision == "auto" else precision


def learning_rate(settings: PretrainSettings, step: int, total: int) -> float:
    """Compute a linear warm-up, then half a cosine down to 0; `step` counts from 0."""
    warm = math.ceil(settings.warmup * total)
    if step < warm:
        return settings.lr * (step + 1) / warm
    return settings.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


def train(
    folder: Path,
    images: data.ImageSet,
    count: int,
    backbone: nn.Module,
    settings: PretrainSettings,
    job: job_folder.JobFolder,
    probe: probing.Probe | None = None,
    group: Group = ALONE,
    keep: Keep | None = None,
    teacher: Teacher | None = None,
    facts: Mapping[str, Any] | None = None,
) -> states.State:
    """Train to the last step, from the checkpoint in `folder` if there is one.

    With `patience`, a run whose probe no longer improves ends before.

    Args:
        folder: the run folder.
        images: the subset, rows 0 to count − 1.
        count: its size.
        backbone: newly built; a checkpoint replaces its weights.
        settings: validated settings.
        job: receives the progress; checked for cancellation at every step.
        probe: labelled training images of the target.
        group: the processes that train together, on one GPU each or on CPUs.
        keep: writes the backbones of `EARLY` and `BEST`.
        teacher: of a distillation.
        facts: settings and manifest, for the loggers.

    Raises:
        Cancelled: after writing a checkpoint, so that nothing is lost.
        JobError: the loss is not finite, or the features collapsed.
    """
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    device = numerics.choose_device("auto")
    precision = choose_precision(settings.precision, device)
    total = settings.total_steps(count)
    run = states.create(backbone, settings, device, precision, group, teacher)
    if (folder / CHECKPOINT).exists():
        states.restore(folder / CHECKPOINT, run, device)
    shown = settings.log if group.leads else ""
    batches = _batches(images, count, settings, run.step, group)
    run.method.train()
    job.new_phase()
    opened = loggers.Loggers(shown, loggers.Run(folder, facts or {}, run.step))
    with contextlib.closing(opened) as logs, _stop_requests() as stop:
        if logs and run.step == 0:
            logs.picture(0, "views", sample_views(images, count, settings, run.method.views))
        report = _Report(settings, total, count, folder / METRICS, device, run.step, group, logs)
        marks = _Marks(folder, report, probe, keep)
        stalled = group.any(report.stalled())
        try:
            while run.step < total and not stalled:
                report.clock.start(run.step)
                batch = next(batches)
                report.clock.lap("loading")
                rate = learning_rate(settings, run.step, total)
                run.frozen = run.step < settings.freeze * total
                features = train_step(run, batch, settings, rate, precision, report.clock, group)
                report.after_step(run, features, rate)
                stalled = marks.after_step(run)
                group.first(lambda: _report_progress(job, run.step, total, stop))
        except job_folder.Cancelled:
            marks.save(run)
            raise
    return run


def _batches(
    images: data.ImageSet, count: int, settings: PretrainSettings, first_step: int, group: Group
) -> Iterator[data.Batch]:
    """Return this process's share of each batch, from a step on."""
    total = settings.total_steps(count)
    rows = data.row_batches(count, settings.batch_size, settings.seed, first_step, total)
    own = group.share(settings.batch_size, settings.accumulate)
    return images.batches(chosen[own] for chosen in rows)


def _report_progress(
    job: job_folder.JobFolder, step: int, total: int, stop: threading.Event
) -> None:
    """Report the number of steps done, unless the job has been asked to stop.

    Raises:
        Cancelled: it has.
    """
    if stop.is_set():
        raise job_folder.Cancelled
    job.progress(step, total, "steps")


def sample_views(
    images: data.ImageSet, count: int, settings: PretrainSettings, views: int
) -> np.ndarray:
    """Draw a picture (H, W, 3) uint8 of the views of a few images: a row for each view.

    The random numbers are their own, so that looking changes nothing.
    """
    rows = torch.arange(min(SHOWN, count))
    batch = next(iter(images.batches([rows])))
    numbers = augment.generator(settings.seed, "shown", 0)
    draws = [augment.draw(settings.augment, batch.aspect, numbers) for _ in range(views)]
    pixels = batch.images.float()
    shown = []
    for draw in draws:
        view = augment.apply(pixels, draw.part(rows, pixels.device), settings.image_size)
        shown.append(torch.cat([*augment.pixels(view)], 2))
    picture = torch.cat(shown, 1).round().to(torch.uint8)
    return picture.permute(1, 2, 0).cpu().numpy()


def _due(step: int, every: int, total: int) -> bool:
    return step % every == 0 or step == total


def train_step(
    run: states.State,
    batch: data.Batch,
    settings: PretrainSettings,
    rate: float,
    precision: str,
    clock: meter.Clock,
    group: Group = ALONE,
) -> Tensor:
    """One optimiser step on this process's share of a batch.

    Random numbers are drawn for the whole batch, so that views do not depend on the division of the
    work. Returns the features (b, D) of the first micro-batch.
    """
    device, dtype = batch.images.device, _AUTOCAST[precision]
    numbers = augment.generator(settings.seed, "step", run.step)
    # for dropout and similar layers of the network
    torch.manual_seed(numbers.initial_seed() ^ group.rank)
    own = group.share(settings.batch_size, settings.accumulate)
    aspect = torch.ones(settings.batch_size)
    aspect[own] = batch.aspect
    draws = [augment.draw(settings.augment, aspect, numbers) for _ in range(run.method.views)]
    for tuned in run.optimizer.param_groups:
        frozen = run.frozen and tuned.get("in_backbone", False)
        tuned["lr"] = 0.0 if frozen else rate * tuned.get("scale", 1.0)
    parts = own.chunk(settings.accumulate)
    first: Tensor | None = None
    for rows, pixels in zip(parts, batch.images.chunk(len(parts)), strict=True):
        views = [
            augment.apply(pixels.float(), draw.part(rows, device), settings.image_size)
            for draw in draws
        ]
        clock.lap("augment")
        with contextlib.nullcontext() if rows is parts[-1] else group.unaveraged(run.network):
            with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
                loss, features = run.network(views)
            clock.lap("forward")
            run.scaler.scale(loss / settings.accumulate).backward()
        run.loss_sum += loss.detach() / settings.accumulate
        first = features.detach() if first is None else first
        clock.lap("backward")
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    run.method.after_step()
    run.loss_count += 1
    run.step += 1
    clock.lap("backward")
    assert first is not None
    return first


class _Report:
    """Writer of metrics lines, and timer of the training."""

    def __init__(
        self,
        settings: PretrainSettings,
        total: int,
        count: int,
        path: Path,
        device: torch.device,
        first_step: int,
        group: Group,
        logs: loggers.Loggers,
    ) -> None:
        self.group, self.logs = group, logs
        self.settings, self.total, self.count = settings, total, count
        self.metrics, self.clock = meter.MetricsFile(path), meter.Clock(device)
        if group.leads:
            self.metrics.rewind(first_step)
        self._lined_step = first_step
        self._booked = self._lined = time.perf_counter()

    def book_time(self, run: states.State) -> None:
        """Add the time since the last call to the run's seconds."""
        now = time.perf_counter()
        run.seconds, self._booked = run.seconds + now - self._booked, now

    def after_step(self, run: states.State, features: Tensor, rate: float) -> None:
        """Write a line when one is due; raise if the training has failed."""
        if not _due(run.step, self.settings.log_every, self.total):
            return
        run.loss_sum.copy_(self.group.mean(run.loss_sum))
        if not math.isfinite(float(run.loss_sum)):
            raise errors.JobError(
                f"The loss is not finite at step {run.step}; "
                f"restart with a lower learning rate than {self.settings.lr:g}."
            )
        line = self._line(run, self.group.gather(features), rate)
        if self.group.leads:
            self._append(line)
            log.info("step %(step)d loss %(loss).4f effective rank %(effective_rank).1f", line)
        warmed_up = run.step > self.settings.warmup * self.total
        if line["feature_std"] < COLLAPSED_STD and warmed_up:
            raise errors.JobError(
                f"The features collapsed at step {run.step}: all images look alike to the "
                f"network (spread {line['feature_std']:.4f}); lower the learning rate, or use a "
                "larger batch or stronger augmentation."
            )

    def probe(self, run: states.State, probe: probing.Probe) -> bool:
        """Write the kNN accuracy on the target's training images, outside the step's time.

        Return True if a run with `patience` has to keep this backbone.
        """
        start = time.perf_counter()
        size = self.settings.embed_size
        accuracy = probing.accuracy(run.method.backbone, probe, size, self.clock.device)
        self._append({"step": run.step, "probe_knn": round(accuracy, 5)})
        log.info("step %d kNN on the target's training images %.3f", run.step, accuracy)
        self._lined += time.perf_counter() - start
        best = self.metrics.best_probe()
        return self.settings.patience > 0 and best is not None and best.step == run.step

    def _append(self, line: dict[str, Any]) -> None:
        self.metrics.append(line)
        self.logs.line(line)

    def stalled(self) -> bool:
        """Return True if the probe has not improved for `patience` probes."""
        best = self.metrics.best_probe() if self.settings.patience and self.group.leads else None
        return best is not None and best.since >= self.settings.patience

    def _line(self, run: states.State, features: Tensor, rate: float) -> dict[str, Any]:
        now = time.perf_counter()
        per_step = (now - self._lined) / (run.step - self._lined_step)
        self._lined, self._lined_step = now, run.step
        batch = self.settings.batch_size
        line = {
            "step": run.step,
            "epoch": round(run.step / (self.count // batch), 3),
            "images": run.step * batch,
            "loss": float(run.loss_sum) / run.loss_count,
            "lr": rate,
            "feature_std": round(meter.feature_std(features), 5),
            "effective_rank": round(meter.effective_rank(features), 3),
            "images_per_second": round(batch / per_step, 1),
            "seconds_left": round((self.total - run.step) * per_step, 1),
            "shares": self.clock.shares(),
        }
        run.loss_sum.zero_()
        run.loss_count = 0
        return line


class _Marks:
    """Writer of what a run leaves behind along the way: probes, kept backbones, checkpoints.

    Args:
        folder: the run folder.
        report: of the run.
        probe: labelled training images of the target.
        keep: writes the backbones of `EARLY` and `BEST`.
    """

    def __init__(
        self, folder: Path, report: _Report, probe: probing.Probe | None, keep: Keep | None
    ) -> None:
        self._folder, self._report, self._probe, self._keep = folder, report, probe, keep
        self._early = report.settings.early_steps(report.total)

    def after_step(self, run: states.State) -> bool:
        """Write what is due; return True if the run ends early."""
        report, settings = self._report, self._report.settings
        probed = self._probe is not None and _due(run.step, settings.probe_every, report.total)
        if report.group.leads:
            if self._probe is not None and probed and report.probe(run, self._probe) and self._keep:
                self._keep(run.method.backbone, self._folder / BEST)
            if run.step in self._early and self._keep:
                self._keep(run.method.backbone, self._folder / EARLY / str(run.step))
            if _due(run.step, settings.checkpoint_every, report.total):
                self.save(run)
        return probed and report.group.any(report.stalled())

    def save(self, run: states.State) -> None:
        """Write a checkpoint; the other processes of a group write none."""
        if self._report.group.leads:
            self._report.book_time(run)
            states.save(self._folder / CHECKPOINT, run)


@contextlib.contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """Turn SIGTERM into a stop request, which the loop obeys between steps, after a checkpoint."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread handles signals; the job's cancel file still works
        return

    def request(signum: int, frame: FrameType | None) -> None:
        stop.set()

    before = signal.signal(signal.SIGTERM, request)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)
