"""Embedding: the worker that reads every image of some worklists once.

In: worklists (files to read, in order) and an encoder. Out: a feature store for each
worklist, `features_root/ENCODER_ID/COLLECTION`, whose outcomes name every file as embedded,
rejected, unreadable for now or without features, with the reason; and
`features_root/ENCODER_ID/encoder.json`.

The bytes of a file are read once; from them come its uid (hash), the full decode, size,
perceptual hash, quality figures and features.

The same worklist and settings give the same bytes on disk, wherever a run was killed and
however many threads or devices it had, because nothing is decided by timing:

- a batch is a slice of the worklist, a shard a whole number of such batches, and both are
  cut before any work starts; images without a vector leave their batch smaller, no row moves up;
- batches are computed in any order, by threads or by one process a device, but are taken
  in worklist order by this one process, which alone writes shards and alone knows which
  uids are stored: of equal bytes, the first in the worklist is stored, each has its outcome;
- a shard exists once its header does, so a store always covers a prefix of the worklist;
  the same job, started again, goes on behind it and cuts the rest at the same places. So
  does another job whose worklist lists the same rest;
- files that cannot be read (a dropped mount, a permission) get the outcome `unreadable` in the
  first pass. Once all of that is written they are tried again, after each delay, all that are
  left cut again in worklist order; those that can be read now get their outcome in shards behind
  the first pass. A job that was killed and resumed finishes the first pass at the same places, then
  tries whatever has no outcome but `unreadable`: nothing is lost and nothing stored twice.

A row whose uid is known is skipped when the store has its vector, or says that the encoder gave
none and the decoder is the same. A row without uid is a new or a changed file: each job that lists
it reads it once.

Repeated bytes are encoded again and dropped when the shard is written: leaving them out of
their batch would make its composition, and so the last bits of its neighbours, depend on
what earlier runs had stored.
"""

import contextlib
import functools
import itertools
import logging
import resource
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import torch
from PIL import Image

from sept_core import errors
from sept_core.encoders import registry
from sept_core.features import (
    collecting,
    devices,
    engine,
    feature_store,
    planning,
    preparing,
    range_fitting,
    ray_engine,
    renewing,
    retrying,
    value_ranges,
)
from sept_core.filesystem.roots import Root
from sept_core.imaging import images, pixel_values
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.ingest import sources, worklists
from sept_core.jobs import job_folder, ray_cluster

log = logging.getLogger("sept")

_SAMPLE_AHEAD = 16
"""Files of a sample that are read at once."""

CPU_BATCH, GPU_BATCH = 128, 256


@dataclass(frozen=True)
class Settings:
    """Settings that `main` reads from the job.

    Attributes:
        parts: one dict a worklist: `worklist` (parquet path) and `collection` (`pool`,
            `targets/NAME/search` or `targets/NAME/heldout`).
        fit_worklist: the sample that an encoder without weights (`classic`) is fitted on.
        device: of the encoder; "auto" takes every GPU of the machine, else the CPU; "ray"
            the machines of a cluster.
        devices: one process for each of these, instead of `device`.
        batch_size: images a batch; None takes 128 on a CPU, 256 on a GPU.
        shard_size: worklist rows a shard, rounded up to whole batches.
        retry_delays: seconds to wait before each further try of files that cannot be read.
        renew: id of the encoder whose older shards are replaced (see `renewing`), or None to embed
            what is not embedded yet.
        value_ranges: those that the project has, see `pixel_values.from_json`; others are fitted.
    """

    encoder: str
    encoders_folder: str
    features_root: str
    parts: list[dict[str, str]]
    fit_worklist: str | None = None
    device: str = "auto"
    devices: list[str] | None = None
    precision: str = "auto"
    batch_size: int | None = None
    shard_size: int = 4096
    seed: int = 0
    retry_delays: Sequence[float] = retrying.DELAYS
    renew: str | None = None
    value_ranges: dict[str, Any] = field(default_factory=dict)


def main(job: job_folder.JobFolder) -> dict[str, Any]:
    """Embed all parts; see the module docstring.

    Returns:
        encoder_id, spec, identity, kind; fit: how the sample that the encoder was fitted on is
        degenerate, or None; parts (collection, ok, rejected, no_features, unreadable (rows
        that could not be read at any try), duplicates, shards, and already_done: rows that an
        earlier run had handled, in no other count);
        images_per_second (reading to shard, of this run), cpu_seconds (with child
        processes) and seconds.

    Raises:
        EncoderError: the encoder cannot be built, ran out of memory, or is not the one whose
            features are to be renewed.
        SourceError: no root of any source is there.
        IntegrityError: the stores on disk belong to another encoder.
        InputError: they hold images scaled by other value ranges.
    """
    started, cpu_before = time.monotonic(), _cpu_seconds()
    settings = Settings(**job.settings())
    _refuse_missing(settings.parts)
    fitter = _fitter(settings, job)
    fit = _fit_if_needed(settings, fitter, job)
    chosen = choose_devices(settings)
    opening = functools.partial(open_engine, settings, chosen)
    with contextlib.closing(range_fitting.FittingEngine(opening, fitter)) as embedder:
        card = embedder.card
        root = Path(settings.features_root) / card["id"]
        parts, renewal = settings.parts, _renewal(settings, card)
        if renewal is not None:
            root, parts = renewal.beside, renewal.worklists(parts, job.path)
        feature_store.write_card(root, card)
        batch_size = settings.batch_size or (GPU_BATCH if "cuda" in chosen[0] else CPU_BATCH)
        cut = planning.Cut(batch_size, settings.shard_size)
        firsts = planning.first_shards(job, root, parts)
        plans = [planning.make(part, root, n) for part, n in zip(parts, firsts, strict=True)]
        if renewal is None:
            for plan in plans:
                value_ranges.refuse_outdated(plan.store, embedder.ranges)
        collectors = [collecting.Collector(plan, cut, card["id"]) for plan in plans]
        left = sum(collector.rows_left for collector in collectors)
        progress = _Progress(job, sum(plan.already_done + len(plan.unread) for plan in plans), left)
        embedding_started = time.monotonic()
        for collector in collectors:
            collector.embed(embedder, progress.step)
        embedding_seconds = time.monotonic() - embedding_started

        def unread() -> int:
            return sum(len(collector.unread) for collector in collectors)

        def retry_unread(step: Callable[[int], None]) -> None:
            for collector in collectors:
                collector.retry(embedder, step)

        retrying.run(job, settings.retry_delays, unread, retry_unread)
    if renewal is not None:
        for part in parts:
            renewal.replace(part["collection"])
    return {
        "encoder_id": card["id"],
        "spec": card["spec"],
        "identity": card["identity"],
        "kind": card["kind"],
        "fit": fit,
        "parts": [collector.counts() for collector in collectors],
        "images_per_second": round(left / embedding_seconds, 2),
        "cpu_seconds": round(_cpu_seconds() - cpu_before, 3),
        "seconds": round(time.monotonic() - started, 3),
    }


class _Progress:
    """Counts rows over all parts; each step is a heartbeat and a cancel point."""

    def __init__(self, job: job_folder.JobFolder, done: int, left: int) -> None:
        self._job, self._done, self._total = job, done, done + left
        job.new_phase()
        self.step(0)

    def step(self, rows: int) -> None:
        self._done += rows
        self._job.progress(self._done, self._total, "images")


def _renewal(settings: Settings, card: dict[str, Any]) -> renewing.Renewal | None:
    if settings.renew is None:
        return None
    if settings.renew != card["id"]:
        raise errors.EncoderError(
            f"{settings.encoder} is now {card['id']} and cannot renew the features of "
            f"{settings.renew}; embed again without --renew."
        )
    root = Path(settings.features_root)
    return renewing.Renewal(root / card["id"], root.with_name(feature_store.RENEWAL) / card["id"])


def _refuse_missing(parts: list[dict[str, str]]) -> None:
    """Raise SourceError where nothing at all can be read; one source of several is unreadable."""
    found: dict[str, Root] = {}
    for part in parts:
        found |= worklists.roots_in(worklists.read(Path(part["worklist"])))
    preparing.refuse_missing(found)


# Starting: the encoder, fitted where it must be, and what it runs on.


def _fitter(settings: Settings, job: job_folder.JobFolder) -> range_fitting.Fitter:
    """Return a fitter with the known value ranges and the sample that others are fitted on."""
    known = pixel_values.from_json(settings.value_ranges)
    sample = Path(settings.fit_worklist) if settings.fit_worklist else None
    return range_fitting.Fitter(Path(settings.encoders_folder), known, sample, job)


def _fit_if_needed(
    settings: Settings, fitter: range_fitting.Fitter, job: job_folder.JobFolder
) -> str | None:
    """Fit an encoder without weights; return how its sample is degenerate, or None."""
    folder = Path(settings.encoders_folder)
    if registry.needs_fit(settings.encoder, folder):
        _fit(settings, folder, fitter, job)
    sample = registry.sample_of_fit(settings.encoder, folder)
    note = sample.sentence() if sample else None
    if note:
        log.warning("%s: %s", settings.encoder, note)
    return note


def _fit(
    settings: Settings, folder: Path, fitter: range_fitting.Fitter, job: job_folder.JobFolder
) -> None:
    """Fit the encoder on the first decodable images of the sample."""
    if settings.fit_worklist is None:
        raise errors.EncoderError(
            f"{settings.encoder} must be fitted on a sample of the pool; embed the pool first."
        )

    def progress(done: int, total: int) -> None:
        job.progress(done, total, "steps", "fitting the encoder on a sample")

    images_of = decodable(Path(settings.fit_worklist), fitter)
    sample = itertools.islice(images_of, registry.FIT_IMAGES)
    registry.fit(settings.encoder, sample, folder, settings.seed, progress)


def decodable(worklist: Path, fitter: range_fitting.Fitter) -> Iterator[Image.Image]:
    """Yield the images of a worklist in its order, skipping files that cannot be decoded.

    The value range of a new pixel kind is fitted first.
    """
    table = worklists.read(worklist)
    with sources.ByteReader(worklists.roots_in(table)) as reader:
        for row, read in _read_ahead(reader, table.to_pylist()):
            try:
                data = read()
                decoded = worklists.decode(data, row, fitter.ranges)
                if unknown := fitter.unknown([decoded.kind]):
                    fitter.fit(unknown)
                    decoded = worklists.decode(data, row, fitter.ranges)
                yield decoded.image
            except images.UnreadableFile as problem:
                log.warning("%s was left out of the sample: %s", row["rel_path"], problem.reason)
            except (images.RejectedImage, errors.SourceError):
                continue


def _read_ahead(
    reader: sources.ByteReader, rows: list[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], Callable[[], bytes]]]:
    """Yield each row with a function that returns its bytes or raises; remote places take time."""
    with ThreadPoolExecutor(_SAMPLE_AHEAD) as pool:
        waiting: deque[tuple[dict[str, Any], Callable[[], bytes]]] = deque()
        try:
            for row in rows:
                waiting.append((row, pool.submit(worklists.read_bytes, reader, row).result))
                if len(waiting) > _SAMPLE_AHEAD:
                    yield waiting.popleft()
            yield from waiting
        finally:
            pool.shutdown(cancel_futures=True)


def choose_devices(settings: Settings) -> list[str]:
    """Return the devices to run on: one process for each name."""
    if settings.devices:
        return settings.devices
    if settings.device == "auto" and torch.cuda.is_available():
        return [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return [settings.device]


def open_engine(settings: Settings, chosen: list[str], ranges: ValueRanges) -> engine.Engine:
    """The encoder, loaded, with all the threads of this machine."""
    choice = engine.EncoderChoice(
        settings.encoder, Path(settings.encoders_folder), settings.precision, ranges
    )
    threads = max(1, joblib.cpu_count() // len(chosen))
    if chosen == [ray_cluster.DEVICE]:
        return ray_engine.RayEngine(choice)
    if len(chosen) == 1:
        return engine.LocalEngine(choice, chosen[0], threads)
    return devices.DeviceEngines(choice, chosen, threads)


def _cpu_seconds() -> float:
    """User and system time of this process and of its ended children."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)
