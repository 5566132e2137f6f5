"""From the files that a worklist names to the encoder's inputs, each file read once.

In: worklist rows. Out: for each its outcome and, if it is an image, what the encoder takes.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from PIL import Image

from sept_core import errors, features, images, sources
from sept_core.encoders import protocol
from sept_core.encoders.protocol import DECODED_SIDES
from sept_core.pixel_values import ValueRanges

log = logging.getLogger("sept")

HELD_IMAGES, HELD_PIXELS = 32, 1 << 23
"""How many decoded images are held before the next stage takes them all. Small images cost a
seventh less so than one by one, since a stage's code stays in the CPU's caches (docs/log.md)."""


@dataclass
class Prepared:
    """One worklist row on its way.

    Attributes:
        row: of the worklist.
        outcome: the fields of OUTCOME_SCHEMA that are known so far.
        image: decoded, while it is held.
        inputs: (3, H, W) uint8 for the encoder; None if the file is rejected.
        kind, loss: see `images.DecodedImage`.
    """

    row: dict[str, Any]
    outcome: dict[str, Any]
    image: Image.Image | None = None
    inputs: torch.Tensor | None = None
    kind: str = ""
    loss: str = ""

    def reject(self, reason: str) -> None:
        """Make it an outcome without features."""
        self.outcome |= {"status": "rejected", "reason": reason}
        self.inputs = None


def prepare(
    reader: sources.ByteReader,
    encoder: protocol.Encoder,
    rows: list[dict[str, Any]],
    ranges: ValueRanges,
) -> list[Prepared]:
    """Read, hash, decode, describe and preprocess every row; a bad file never raises."""
    prepared: list[Prepared] = []
    held: list[Prepared] = []
    pixels = 0
    for row in rows:
        outcome = {name: row[name] for name in features.LOCATION} | {"status": "ok"}
        item = Prepared(row, outcome)
        _attempt(partial(_decode, reader, DECODED_SIDES * encoder.image_size, ranges), item)
        prepared.append(item)
        if item.image is not None:
            held.append(item)
            pixels += item.image.width * item.image.height
        if len(held) == HELD_IMAGES or pixels > HELD_PIXELS:
            _finish(encoder, held)
            held, pixels = [], 0
    _finish(encoder, held)
    return prepared


def _finish(encoder: protocol.Encoder, held: list[Prepared]) -> None:
    """Take decoded images through the stages that are left, and let go of them."""
    for item in held:
        _attempt(partial(_preprocess, encoder), item)
    described = images.describe_all([item.image for item in held if item.image is not None])
    for item, figures in zip(held, described, strict=True):
        item.outcome |= figures
        item.image = None


def _attempt(stage: Callable[[Prepared], None], item: Prepared) -> None:
    """The border of one image: whatever a stage raises becomes its outcome."""
    try:
        stage(item)
    except (images.RejectedImage, errors.SourceError) as problem:
        item.reject(str(problem))
    except Exception as problem:  # one odd image must not end a job over millions
        log.exception("%s could not be prepared", item.outcome)
        item.reject(f"could not be prepared: {type(problem).__name__}: {problem}")


def _decode(reader: sources.ByteReader, least: int, ranges: ValueRanges, item: Prepared) -> None:
    data = read(reader, item.row)
    sha256 = hashlib.sha256(data).hexdigest()
    item.outcome |= {"sha256": sha256, "uid": sha256[:32], "bytes": len(data)}
    if item.row["uid"] not in (None, item.outcome["uid"]):
        raise images.RejectedImage("changed since it was first read")
    decoded = images.decode(data, least, ranges)
    item.image, item.kind, item.loss = decoded.image, decoded.kind, decoded.loss
    for name in ("width", "height", "format", "mode"):
        item.outcome[name] = getattr(decoded, name)


def _preprocess(encoder: protocol.Encoder, item: Prepared) -> None:
    assert item.image is not None
    item.inputs = encoder.preprocess(item.image)


def read(reader: sources.ByteReader, row: dict[str, Any]) -> bytes:
    """The bytes that a worklist row names."""
    return reader.read(row["source"], row["rel_path"], row["member"], row["offset"], row["size"])


def roots(worklist: pa.Table) -> dict[str, Path]:
    """Where each source of a worklist lies.

    Raises:
        SourceError: a root is not there, so that every row would be rejected.
    """
    pairs = worklist.select(["source", "root"]).group_by(["source", "root"]).aggregate([])
    found = {row["source"]: Path(row["root"]) for row in pairs.to_pylist()}
    for source, root in found.items():
        if not root.exists():
            raise errors.SourceError(
                f"The root {root} of source {source!r} is not there; mount it, or remove the "
                "source."
            )
    return found
