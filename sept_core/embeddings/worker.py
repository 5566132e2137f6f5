"""Embedding: the worker that reads every image of some worklists once.

In: worklists (files to read, in order) and an encoder. Out: a feature store for each
worklist, `features_root/ENCODER_ID/COLLECTION`, whose outcomes name every file as embedded
or as rejected with its reason; and `features_root/ENCODER_ID/encoder.json`.

The bytes of a file are read once; from them come its uid (hash), the full decode, size,
perceptual hash, quality figures and features.

The same worklist and settings give the same bytes on disk, wherever a run was killed and
however many threads or devices it had, because nothing is decided by timing:

- a batch is a slice of the worklist, a shard a whole number of such batches, and both are
  cut before any work starts; rejected images leave their batch smaller, no row moves up;
- batches are computed in any order, by threads or by one process a device, but are taken
  in worklist order by this one process, which alone writes shards and alone knows which
  uids are stored: of equal bytes, the first in the worklist is stored, each has its outcome;
- a shard exists once its header does, so a store always covers a prefix of the worklist;
  the same job, started again, goes on behind it and cuts the rest at the same places. So
  does another job whose worklist lists the same rest.

A row whose uid is known is passed over when the store has its vector. A row without uid is a
new or a changed file: each job that lists it reads it once.

Repeated bytes are encoded again and dropped when the shard is written: leaving them out of
their batch would make its composition, and so the last bits of its neighbours, depend on
what earlier runs had stored.
"""

import contextlib
import itertools
import logging
import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
import torch
from PIL import Image

from sept_core import cluster, errors, features, files, images, jobfolder, sources
from sept_core.embeddings import devices, engine, preparing, ray_engine
from sept_core.encoders import fits, menu, registry

log = logging.getLogger("sept")

CPU_BATCH, GPU_BATCH = 128, 256


@dataclass(frozen=True)
class Settings:
    """What `main` reads from the job.

    Attributes:
        parts: one dict a worklist: `worklist` (parquet path) and `collection` (`pool`,
            `targets/NAME/search` or `targets/NAME/heldout`).
        fit_worklist: the sample that an encoder without weights (`classic`) is fitted on.
        device: of the encoder; "auto" takes every GPU of the machine, else the CPU; "ray"
            the machines of a cluster.
        devices: one process for each of these, instead of `device`.
        batch_size: images a batch; None takes 128 on a CPU, 256 on a GPU.
        shard_size: worklist rows a shard, rounded up to whole batches.
        refit: fit the encoder again, though there is a fit.
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
    refit: bool = False


def main(job: jobfolder.JobFolder) -> dict[str, Any]:
    """Embed all parts; see the module docstring.

    Returns:
        encoder_id, identity, kind; fit: how the sample that the encoder was fitted on is
        degenerate, or None; parts (collection, ok, rejected, duplicates, shards, and
        already_done: rows that an earlier run had handled, in no other count);
        images_per_second (reading to shard, of this run), cpu_seconds (with child
        processes) and seconds.

    Raises:
        EncoderError: the encoder cannot be built, or ran out of memory.
        SourceError: the root of a source is not there.
        IntegrityError: the stores on disk belong to another encoder.
    """
    started, cpu_before = time.monotonic(), _cpu_seconds()
    settings = Settings(**job.settings())
    fit = _fit_if_needed(settings, job)
    chosen = choose_devices(settings)
    with contextlib.closing(open_engine(settings, chosen)) as embedder:
        card = embedder.card
        root = Path(settings.features_root) / card["id"]
        features.write_card(root, card)
        batch_size = settings.batch_size or (GPU_BATCH if "cuda" in chosen[0] else CPU_BATCH)
        firsts = _first_shards(job, root, settings.parts)
        plans = [
            _plan(part, root, first, batch_size, settings.shard_size)
            for part, first in zip(settings.parts, firsts, strict=True)
        ]
        progress = _Progress(job, plans)
        embedding_started = time.monotonic()
        parts = [_embed_part(embedder, plan, card["id"], progress) for plan in plans]
        embedding_seconds = time.monotonic() - embedding_started
    handled = sum(part["ok"] + part["rejected"] for part in parts)
    return {
        "encoder_id": card["id"],
        "identity": card["identity"],
        "kind": card["kind"],
        "fit": fit,
        "parts": parts,
        "images_per_second": round(handled / embedding_seconds, 2),
        "cpu_seconds": round(_cpu_seconds() - cpu_before, 3),
        "seconds": round(time.monotonic() - started, 3),
    }


# Planning: which rows are left, and how they are cut.


@dataclass(frozen=True)
class _Plan:
    """One worklist, what earlier runs did of it, and the shards still to make.

    `shards[i][j]` are the row numbers (int64) of batch j of the i-th shard to write.
    """

    worklist: Path
    collection: str
    store: features.FeatureStore
    already_done: int
    shards: list[list[np.ndarray]]

    @property
    def rows_left(self) -> int:
        return sum(len(rows) for shard in self.shards for rows in shard)


def _plan(part: dict[str, str], root: Path, first: int, batch_size: int, shard_size: int) -> _Plan:
    """See `_Plan`; `first` is the number of this job's first shard in the store."""
    folder = root / part["collection"]
    for leftover in folder.glob(".*.tmp"):  # of a killed run; this job alone writes here
        leftover.unlink()
    store = features.FeatureStore(folder)
    worklist = sources.read_worklist(Path(part["worklist"]))
    rows = _rows_left(worklist, store, first)
    batches = slices(rows, batch_size)
    per_shard = -(-shard_size // batch_size)
    return _Plan(
        Path(part["worklist"]),
        part["collection"],
        store,
        worklist.num_rows - len(rows),
        [batches[low : low + per_shard] for low in range(0, len(batches), per_shard)],
    )


def slices(rows: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Row numbers (int64) cut into batches."""
    return [rows[low : low + batch_size] for low in range(0, len(rows), batch_size)]


def _rows_left(worklist: pa.Table, store: features.FeatureStore, first: int) -> np.ndarray:
    """Row numbers (int64, ascending) still to be read: neither known before nor done by this job.

    A file without uid is read in every job that lists it: it is new, or it has changed.
    """
    keys = list(features.LOCATION)
    uids = np.array(worklist["uid"].fill_null("").to_pylist(), files.UID_DTYPE)
    before = [shard.uids for shard in store.shards if shard.number < first]
    own = [shard.outcomes().select(keys) for shard in store.shards if shard.number >= first]
    rows = np.arange(len(uids))
    if before:
        rows = np.flatnonzero(~np.isin(uids, np.concatenate(before)))
    if own:
        numbered = worklist.select(keys).take(rows).append_column("row", pa.array(rows))
        left = numbered.join(pa.concat_tables(own), keys, join_type="left anti")
        rows = np.sort(left["row"].to_numpy())
    return rows


def _first_shards(job: jobfolder.JobFolder, root: Path, parts: list[dict[str, str]]) -> list[int]:
    """For each part the number of this job's first shard, settled when the job first began."""
    path = job.path / "first_shards.json"
    if not path.exists():
        stores = [features.FeatureStore(root / part["collection"]) for part in parts]
        files.write_json(path, [store.next_number for store in stores])
    firsts: list[int] = files.read_json(path)
    return firsts


# Writing: one place where shards are made, in worklist order.


class _Progress:
    """Counts rows over all parts; each step is a heartbeat and a cancel point."""

    def __init__(self, job: jobfolder.JobFolder, plans: list[_Plan]) -> None:
        self._job = job
        self._done = sum(plan.already_done for plan in plans)
        self._total = self._done + sum(plan.rows_left for plan in plans)
        job.new_phase()
        self.step(0)

    def step(self, rows: int) -> None:
        self._done += rows
        self._job.progress(self._done, self._total, "images")


def _embed_part(
    embedder: engine.Engine, plan: _Plan, encoder_id: str, progress: _Progress
) -> dict[str, Any]:
    """Write the shards that are left of one worklist, and count what became of its rows."""
    counts = {"ok": 0, "rejected": 0, "duplicates": 0}
    known = np.sort(plan.store.uids)
    slices = [rows for shard in plan.shards for rows in shard]
    with contextlib.closing(embedder.batches(plan.worklist, slices)) as results:
        for number, shard in enumerate(plan.shards, plan.store.next_number):
            batches = []
            for _ in shard:
                batch = next(results)
                batches.append(batch)
                progress.step(len(batch.outcomes))
            before = len(known)
            known = _write_shard(plan.store.folder, number, encoder_id, batches, known)
            ok = sum(len(batch.uids) for batch in batches)
            counts["ok"] += ok
            counts["rejected"] += sum(len(batch.outcomes) for batch in batches) - ok
            counts["duplicates"] += ok - (len(known) - before)
    return {
        "collection": plan.collection,
        **counts,
        "shards": len(plan.shards),
        "already_done": plan.already_done,
    }


def _write_shard(
    folder: Path, number: int, encoder_id: str, batches: list[engine.Batch], known: np.ndarray
) -> np.ndarray:
    """Write one shard, leaving out vectors of `known` uids; returns `known` with the new ones.

    `known` is S32, sorted and unique.
    """
    uids = np.concatenate([batch.uids for batch in batches])
    vectors = np.concatenate([batch.vectors for batch in batches])
    keep, known = features.first_seen(uids, known)
    outcomes = [outcome for batch in batches for outcome in batch.outcomes]
    table = pa.Table.from_pylist(outcomes, schema=features.OUTCOME_SCHEMA)
    features.write_shard(folder, number, encoder_id, uids[keep], vectors[keep], table)
    return known


# Starting: the encoder, fitted where it must be, and what it runs on.


def _fit_if_needed(settings: Settings, job: jobfolder.JobFolder) -> str | None:
    """Fit an encoder that has no weights yet; say how its sample is degenerate, if it is."""
    folder = Path(settings.encoders_folder)
    if settings.refit or registry.needs_fit(settings.encoder, folder):
        _fit(settings, folder, job)
    sample = fits.sample(folder) if settings.encoder in menu.FITTED else None
    note = sample.sentence() if sample else None
    if note:
        log.warning("%s: %s", settings.encoder, note)
    return note


def _fit(settings: Settings, folder: Path, job: jobfolder.JobFolder) -> None:
    """Fit the encoder on the first decodable images of the sample."""
    if settings.fit_worklist is None:
        raise errors.EncoderError(
            f"{settings.encoder} has to be fitted on a sample of the pool first; embed the pool."
        )

    def progress(done: int, total: int) -> None:
        job.progress(done, total, "steps", "fitting the encoder on a sample")

    sample = itertools.islice(decodable(Path(settings.fit_worklist)), registry.FIT_IMAGES)
    registry.fit(settings.encoder, sample, folder, settings.seed, progress)


def decodable(worklist: Path) -> Iterator[Image.Image]:
    """The images of a worklist in its order, without those that are rejected."""
    table = sources.read_worklist(worklist)
    with sources.ByteReader(preparing.roots(table)) as reader:
        for row in table.to_pylist():
            with contextlib.suppress(images.RejectedImage, errors.SourceError):
                yield images.decode(preparing.read(reader, row)).image


def choose_devices(settings: Settings) -> list[str]:
    """What the encoder runs on: one process for each name."""
    if settings.devices:
        return settings.devices
    if settings.device == "auto" and torch.cuda.is_available():
        return [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return [settings.device]


def open_engine(settings: Settings, chosen: list[str]) -> engine.Engine:
    """The encoder, loaded, with all the threads of this machine."""
    choice = engine.EncoderChoice(
        settings.encoder, Path(settings.encoders_folder), settings.precision
    )
    threads = max(1, joblib.cpu_count() // len(chosen))
    if chosen == [cluster.DEVICE]:
        return ray_engine.RayEngine(choice)
    if len(chosen) == 1:
        return engine.LocalEngine(choice, chosen[0], threads)
    return devices.DeviceEngines(choice, chosen, threads)


def _cpu_seconds() -> float:
    """User and system time of this process and of its ended children."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)
