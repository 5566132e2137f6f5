"""The dry run, a job of a few steps: `python -m sept_core.pretrain.estimate JOB_FOLDER`.

In (job settings): `manifest`, `roots` and `pretrain` as the training job takes them. Out: its
result, the time and memory of the whole run, estimated from real steps on a sample of the subset.
The time excludes kNN probes.
"""

import itertools
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch

from sept_core import errors
from sept_core.encoders import numerics
from sept_core.jobs import job_folder
from sept_core.manifest import image_reader, manifest
from sept_core.pretrain import data, loop, meter, teachers, worker
from sept_core.pretrain import settings as pretrain_settings
from sept_core.pretrain import state as states
from sept_core.pretrain.settings import PretrainSettings

SAMPLE = 512
"""Number of images that are read, or two batches if that is more."""
WARM_UP = data.LOOKAHEAD + 2
"""Steps before timing starts: allocations, and batches decoded ahead."""
ENOUGH_STEPS, ENOUGH_SECONDS = 40, 8.0
"""Timing ends after this many steps or seconds, but not before `LEAST_STEPS`."""
LEAST_STEPS = 4


def main(job: job_folder.JobFolder) -> dict[str, Any]:
    """Read a sample, take a few steps, and extrapolate.

    Raises:
        InputError: the settings are invalid.
        ManifestError: the manifest or one of its images has changed.
        JobError: the GPU's memory is too small.
    """
    asked = job.settings()
    settings = pretrain_settings.from_dict(asked["pretrain"])
    subset = manifest.read(Path(asked["manifest"]))
    pretrain_settings.validate(settings, len(subset))
    device = numerics.choose_device("auto")
    roots = {name: Path(root) for name, root in asked["roots"].items()}
    with image_reader.ImageReader(subset, roots) as reader:
        images, count, seconds_each = _sample(job, subset, reader, settings, device)
        try:
            per_step, timed = _time_steps(job, images, count, settings, device)
        except torch.OutOfMemoryError:
            raise errors.JobError(
                f"A batch of {settings.batch_size} images of {settings.image_size} px does not fit "
                "in the GPU's memory; use a smaller batch or image size, or increase accumulate."
            ) from None
    return _reckon(subset, settings, device, seconds_each, per_step, timed)


def _sample(
    job: job_folder.JobFolder,
    subset: manifest.Manifest,
    reader: image_reader.ImageReader,
    settings: PretrainSettings,
    device: torch.device,
) -> tuple[data.ImageSet, int, float]:
    """Load some images as the run will; return them, their number and the seconds to pack one."""
    uids = sorted(subset.rows["uid"].to_pylist())
    wanted = max(SAMPLE, 2 * settings.batch_size)
    chosen = uids[:: max(1, len(uids) // wanted)]
    if not data.fits(len(uids), settings.cache_size):
        streamed = data.StreamedImages(
            chosen, reader.read, settings.cache_size, device, subset.value_ranges, reader.bands
        )
        return streamed, len(chosen), 0.0
    start = time.perf_counter()
    packed = data.load(
        chosen,
        reader.read,
        size=settings.cache_size,
        folder=job.path,
        content_hash=subset.content_hash,
        device=device,
        progress=lambda done, total: job.progress(done, total, "images", "decoding"),
        ranges=subset.value_ranges,
        bands=reader.bands,
    )
    seconds = time.perf_counter() - start
    data.remove_cache(job.path)  # the mapping stays open until the process ends
    return packed, len(chosen), seconds / len(chosen)


def _time_steps(
    job: job_folder.JobFolder,
    images: data.ImageSet,
    count: int,
    settings: PretrainSettings,
    device: torch.device,
) -> tuple[float, int]:
    """Return the seconds per step after the warm-up, and the number of measured steps."""
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    precision = loop.choose_precision(settings.precision, device)
    teacher = teachers.load(settings, job.path.parents[1] / "encoders")
    run = states.create(
        worker.build_backbone(settings), settings, device, precision, teacher=teacher
    )
    run.method.train()
    most = WARM_UP + ENOUGH_STEPS
    batches = images.batches(data.row_batches(count, settings.batch_size, settings.seed, 0, most))
    job.new_phase()
    started = _now(device)
    for step, batch in enumerate(itertools.islice(batches, most), start=1):
        loop.train_step(run, batch, settings, settings.lr, precision, meter.Clock(device))
        job.progress(step, most, "steps", "timing")
        if step == WARM_UP:
            started = _now(device)
        timed, elapsed = step - WARM_UP, _now(device) - started
        if timed >= LEAST_STEPS and (elapsed > ENOUGH_SECONDS or step == most):
            return elapsed / timed, timed
    raise AssertionError("row_batches never ends early")


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _reckon(
    subset: manifest.Manifest,
    settings: PretrainSettings,
    device: torch.device,
    seconds_each: float,
    per_step: float,
    timed: int,
) -> dict[str, Any]:
    packed = data.fits(len(subset), settings.cache_size)
    pixels = len(subset) * 3 * settings.cache_size**2 if packed else 0
    steps = settings.total_steps(len(subset))
    return {
        "steps": steps,
        "steps_timed": timed,
        "seconds_per_step": round(per_step, 5),
        "images_per_second": round(settings.batch_size / per_step, 1),
        "decode_seconds": round(seconds_each * len(subset), 2),
        "seconds": round(seconds_each * len(subset) + per_step * steps, 1),
        "memory_bytes": _peak_memory() + pixels,
        "gpu_memory_bytes": _peak_gpu_memory(pixels, device) if device.type == "cuda" else None,
        "packed": packed,
        "device": worker.device_name(),
    }


def _peak_gpu_memory(pixels: int, device: torch.device) -> int:
    """Return the peak GPU memory, with the packed images if the run will keep them there."""
    peak = int(torch.cuda.max_memory_reserved(device))
    free, _ = torch.cuda.mem_get_info(device)
    return peak + (pixels if pixels < data.MEMORY_SHARE * free else 0)


def _peak_memory() -> int:
    """Return the peak memory of this process, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    job_folder.run(main)
