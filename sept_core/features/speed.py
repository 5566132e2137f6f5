"""The job that tries an encoder on a few images: `python -m sept_core.features.speed JOB_FOLDER`.

In (job settings): `encoder`, `encoders_folder`, `precision`, `worklist` (parquet path) and
`value_ranges` (see `pixel_values.from_json`). Out: its result, the rate of embedding on this
machine. The encoder is loaded, and fitted if necessary, before the clock starts.
"""

import functools
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from sept_core.encoders import registry
from sept_core.features import planning, preparing, range_fitting, worker
from sept_core.imaging import pixel_values
from sept_core.ingest import worklists
from sept_core.jobs import job_folder

BATCH = 32


def main(job: job_folder.JobFolder) -> dict[str, Any]:
    """Embed the images of the worklist, and discard the vectors.

    Returns:
        images_per_second, images, device, dim.

    Raises:
        EncoderError: the encoder cannot be loaded.
        SourceError: no root of any source is there.
    """
    asked = job.settings()
    preparing.refuse_missing(worklists.roots_in(worklists.read(Path(asked["worklist"]))))
    with tempfile.TemporaryDirectory() as name:
        folder, worklist = Path(asked["encoders_folder"]), Path(asked["worklist"])
        known = pixel_values.from_json(asked["value_ranges"])
        fitter = range_fitting.Fitter(Path(name), known, worklist)
        if registry.needs_fit(asked["encoder"], folder):
            folder = Path(name)
            sample = worker.decodable(worklist, fitter)
            registry.fit(asked["encoder"], sample, folder, 0, lambda done, total: None)
        settings = worker.Settings(
            encoder=asked["encoder"],
            encoders_folder=str(folder),
            features_root=name,
            parts=[],
            precision=asked["precision"],
        )
        return _measure(settings, worklist, fitter, job)


def _measure(
    settings: worker.Settings,
    worklist: Path,
    fitter: range_fitting.Fitter,
    job: job_folder.JobFolder,
) -> dict[str, Any]:
    devices = worker.choose_devices(settings)
    opening = functools.partial(worker.open_engine, settings, devices)
    embedder = range_fitting.FittingEngine(opening, fitter)
    try:
        rows = worklists.read(worklist).num_rows
        slices = planning.slices(np.arange(rows), BATCH)
        list(embedder.batches(worklist, slices[:1]))  # wakes caches and kernels
        started, done = time.monotonic(), 0
        for batch in embedder.batches(worklist, slices):
            done += len(batch.outcomes)
            job.progress(done, rows, "images")
        seconds = time.monotonic() - started
        return {
            "images_per_second": round(done / seconds, 2),
            "images": done,
            "device": ", ".join(devices),
            "dim": embedder.card["dim"],
        }
    finally:
        embedder.close()


if __name__ == "__main__":
    job_folder.run(main)
