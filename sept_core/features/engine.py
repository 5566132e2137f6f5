"""From files to vectors on one device: read, hash, decode, describe, preprocess, encode.

In: an encoder and slices of a worklist. Out: a `Batch` for each slice, in order.
"""

import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import torch

from sept_core import errors
from sept_core.encoders import protocol, registry
from sept_core.features import feature_store, preparing
from sept_core.imaging import outcomes
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.ingest import sources, worklists
from sept_core.storage import hashing

GPU_QUEUE = 2
"""Batches handed to a GPU at once: one is copied while the other is computed."""


@dataclass(frozen=True)
class Batch:
    """Outcomes and vectors of a slice of a worklist.

    Attributes:
        outcomes: one dict a row, in worklist order, with the fields of OUTCOME_SCHEMA.
        uids: (n,) S32 of the rows that are `ok`, in the same order.
        vectors: (n, D) float16, unit length.
        scaled: pixel kind and loss of each image of more than 8 bits, see `images.DecodedImage`.
    """

    outcomes: list[dict[str, Any]]
    uids: np.ndarray
    vectors: np.ndarray
    scaled: tuple[tuple[str, str], ...] = ()


Results = Generator[Batch, None, None]
"""Closing it early stops the work."""


@dataclass(frozen=True)
class EncoderChoice:
    """The encoder to load, see `registry.load`, and the value ranges that pixels are scaled by."""

    spec: str
    folder: Path
    precision: str
    ranges: ValueRanges = field(default_factory=ValueRanges)

    def load(self, device: str) -> protocol.Encoder:
        return registry.load(self.spec, folder=self.folder, device=device, precision=self.precision)


class Engine(Protocol):
    """Something that embeds slices of a worklist: `LocalEngine`, `devices.DeviceEngines` or
    `ray_engine.RayEngine`.

    Attributes:
        card: what `features.write_card` records: id, identity, kind, dim, spec, precision.
    """

    card: dict[str, Any]

    def batches(self, worklist: Path, slices: list[np.ndarray]) -> Results:
        """Embed each slice (int64 row numbers); results come in the order of `slices`."""
        ...

    def close(self) -> None: ...


class LocalEngine:
    """One encoder in this process; every thread takes a whole batch from bytes to vectors.

    Decoding (Pillow) and encoding (torch) both release Python's lock, so threads use all cores.
    Each keeps torch to one core: several OpenMP teams on the same cores collapse. For a GPU the
    threads read ahead while `GPU_QUEUE` of them have their batch on the device.
    """

    def __init__(self, choice: EncoderChoice, device: str, threads: int) -> None:
        self._encoder = choice.load(device)
        self._ranges = choice.ranges
        self._on_gpu = device.startswith("cuda")
        self._threads = threads + GPU_QUEUE if self._on_gpu else threads
        self._turn = threading.Semaphore(GPU_QUEUE if self._on_gpu else self._threads)
        self.card = {
            "id": self._encoder.id,
            "identity": self._encoder.identity(),
            "spec": choice.spec,
            "kind": self._encoder.kind,
            "dim": self._encoder.dim,
            "precision": self._encoder.precision,
        }

    def batches(self, worklist: Path, slices: list[np.ndarray]) -> Results:
        """See `Engine`; at most two batches a thread are in work or waiting to be taken."""
        yield from self.embed(worklists.read(worklist), slices)

    def embed(self, table: pa.Table, slices: list[np.ndarray]) -> Results:
        """`batches` of a worklist that has been read already."""
        waiting: deque[Future[Batch]] = deque()
        with sources.ByteReader(worklists.roots_in(table), in_order=True) as reader:
            pool = ThreadPoolExecutor(self._threads, initializer=_use_one_core)
            try:
                for rows in slices:
                    if len(waiting) == 2 * self._threads:
                        yield waiting.popleft().result()
                    waiting.append(pool.submit(self._embed, reader, table.take(rows).to_pylist()))
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        """Do nothing; the counterpart of `DeviceEngines.close`."""

    def _embed(self, reader: sources.ByteReader, rows: list[dict[str, Any]]) -> Batch:
        prepared = preparing.prepare(reader, self._encoder, rows, self._ranges)
        encoded = [item for item in prepared if item.inputs is not None]
        vectors = self._encode([item.inputs for item in encoded if item.inputs is not None])
        usable = _usable(encoded, vectors)
        uids = [item.outcome["uid"] for item in encoded if item.inputs is not None]
        found = [item.outcome for item in prepared]
        scaled = tuple((item.kind, item.loss) for item in prepared if item.kind)
        return Batch(found, np.array(uids, hashing.UID_DTYPE), vectors[usable], scaled)

    def _encode(self, inputs: list[torch.Tensor]) -> np.ndarray:
        if not inputs:
            return np.empty((0, self._encoder.dim), np.float16)
        batch = torch.stack(inputs)
        if self._on_gpu:
            batch = batch.pin_memory()  # lets the copy overlap with the device's work
        try:
            with self._turn:
                return self._encoder.encode(batch).numpy().astype(np.float16)
        except torch.OutOfMemoryError:
            raise errors.EncoderError(
                f"{self._encoder.spec} ran out of GPU memory with {len(batch)} images per batch; "
                "embed again with a smaller batch size."
            ) from None


def _usable(encoded: list[preparing.Prepared], vectors: np.ndarray) -> np.ndarray:
    """(n,) bool, whether a vector is of unit length; the others' images have no features."""
    lengths = np.asarray(np.linalg.norm(vectors.astype(np.float32), axis=1))
    usable: np.ndarray = np.abs(lengths - 1) < feature_store.NORM_TOLERANCE  # NaN is not
    for i in np.flatnonzero(~usable):
        reason = f"the encoder gave a vector of length {lengths[i]:.3g} instead of 1"
        encoded[i].fail(outcomes.NO_FEATURES, reason)
    return usable


def _use_one_core() -> None:
    torch.set_num_threads(1)
