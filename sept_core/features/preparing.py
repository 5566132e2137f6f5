"""Prepare the files of a worklist for the encoder, reading each file once.

In: worklist rows. Out: for each its outcome and, if it is an image, the encoder's input.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from PIL import Image

from sept_core import errors
from sept_core.encoders import protocol
from sept_core.encoders.protocol import DECODED_SIDES
from sept_core.features import feature_store
from sept_core.filesystem import folders
from sept_core.filesystem.roots import Root
from sept_core.imaging import images, outcomes
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.ingest import sources, worklists

log = logging.getLogger("sept")

HELD_IMAGES, HELD_PIXELS = 32, 1 << 23
"""Number of decoded images that are collected before the next stage processes them. For small
images this saves a seventh of the time compared with one by one, since a stage's code stays in the
CPU's caches (docs/log.md)."""


@dataclass
class Prepared:
    """One worklist row being processed.

    Attributes:
        row: of the worklist.
        outcome: the fields of OUTCOME_SCHEMA that are known so far.
        image: decoded, while it is held.
        inputs: (3, H, W) uint8 for the encoder; None if there is nothing to encode.
        kind, loss: see `images.DecodedImage`.
    """

    row: dict[str, Any]
    outcome: dict[str, Any]
    image: Image.Image | None = None
    inputs: torch.Tensor | None = None
    kind: str = ""
    loss: str = ""

    def fail(self, status: str, reason: str) -> None:
        """Set an outcome without features: one of `outcomes`, with the reason."""
        self.outcome |= {"status": status, "reason": reason}
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
    decode = partial(_decode, reader, DECODED_SIDES * encoder.image_size, ranges)
    for row in rows:
        outcome = {name: row[name] for name in feature_store.LOCATION} | {"status": outcomes.OK}
        item = Prepared(row, outcome)
        _attempt(decode, item, outcomes.REJECTED)
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
    """Run the remaining stages on decoded images, and release them."""
    for item in held:
        _attempt(partial(_preprocess, encoder), item, outcomes.NO_FEATURES)
    described = images.describe_all([item.image for item in held if item.image is not None])
    for item, figures in zip(held, described, strict=True):
        item.outcome |= figures
        item.image = None


def _attempt(stage: Callable[[Prepared], None], item: Prepared, status: str) -> None:
    """Run a stage on one image; any exception becomes its outcome, `status` at worst."""
    try:
        stage(item)
    except images.UnreadableFile as problem:
        item.fail(outcomes.UNREADABLE, problem.reason)
    except (images.RejectedImage, errors.SourceError) as problem:
        item.fail(status, str(problem))
    except Exception as problem:  # one odd image must not end a job over millions
        if reason := outcomes.of_machine(problem):
            item.fail(outcomes.UNREADABLE, reason)
            return
        log.exception("%s could not be prepared", item.outcome)
        # A fault of ours proves nothing about the bytes; a later version may read them.
        later = outcomes.UNREADABLE if status == outcomes.REJECTED else status
        item.fail(later, f"could not be prepared: {type(problem).__name__}: {problem}")


def _decode(reader: sources.ByteReader, least: int, ranges: ValueRanges, item: Prepared) -> None:
    data = worklists.read_bytes(reader, item.row)
    sha256 = hashlib.sha256(data).hexdigest()
    item.outcome |= {"sha256": sha256, "uid": sha256[:32], "bytes": len(data)}
    decoded = worklists.decode(data, item.row, ranges, least)
    item.image, item.kind, item.loss = decoded.image, decoded.kind, decoded.loss
    for name in ("width", "height", "format", "mode"):
        item.outcome[name] = getattr(decoded, name)


def _preprocess(encoder: protocol.Encoder, item: Prepared) -> None:
    assert item.image is not None
    item.inputs = encoder.preprocess(item.image)


def refuse_missing(found: dict[str, Root]) -> None:
    """Refuse to start if no source of a worklist can be read.

    Raises:
        SourceError: no root is there.
    """
    if any(folders.may_be_there(root.path) for root in found.values()):  # a stale mount is not
        return
    for source, root in found.items():
        raise errors.SourceError(
            f"The root {root.path} of source {source!r} does not exist; mount it, or remove the "
            "source."
        )
