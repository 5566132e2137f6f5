"""The labelled target: its decoded images, classes, and training and test part.

In: a worklist with labels and splits. Out: a `Target`; `train` rows are fitted, `test` rows are
scored, validation rows are not used.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sept_core import errors
from sept_core.imaging import images
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.ingest import sources, worklists
from sept_core.storage import hashing

COLUMNS = ("source", "rel_path", "member", "label", "split")


@dataclass(frozen=True)
class Part:
    """One split, in the order of the worklist.

    Attributes:
        rows: its rows of the worklist.
        labels: (n,) int64, indices into the target's `classes`.
        names: n names, the same on all machines.
    """

    rows: list[dict[str, Any]]
    labels: np.ndarray
    names: list[str]


@dataclass(frozen=True)
class Target:
    """A labelled task; `unreadable` lists the images that no arm uses.

    `ranges` are the value ranges of its images of more than 8 bits.
    """

    train: Part
    test: Part
    classes: list[str]
    unreadable: list[str]
    fingerprint: str
    ranges: ValueRanges = field(default_factory=ValueRanges)


def load(worklist: Path, ranges: ValueRanges) -> Target:
    """Read the worklist; images that cannot be decoded are skipped and listed.

    Raises:
        SourceError: an image cannot be read now; skipping it would change the result.
        InputError: a part is empty, there is only one class, or a class has only test images.
    """
    rows = [r for r in worklists.read(worklist).to_pylist() if r["label"] is not None]
    rows = [row for row in rows if row["split"] in ("train", "test")]
    unreadable = _unreadable(rows, ranges)
    usable = [row for row in rows if worklists.name_of(row) not in unreadable]
    classes = sorted({row["label"] for row in usable if row["split"] == "train"})
    tested = sorted({row["label"] for row in usable if row["split"] == "test"})
    if len(classes) < 2 or not tested:
        raise errors.InputError(
            f"{worklist} has {len(classes)} classes to train on and {len(tested)} to test; "
            "evaluation needs labelled images in a train and a test split."
        )
    if only_tested := sorted(set(tested) - set(classes)):
        raise errors.InputError(
            f"class {only_tested[0]!r} has test images but no training images; "
            "add some or remove the class."
        )
    parts = [_part([r for r in usable if r["split"] == s], classes) for s in ("train", "test")]
    depends: list[Any] = [[row[column] for column in COLUMNS] for row in usable]
    if ranges.ranges:
        depends.append(ranges.ends())
    fingerprint = hashing.fingerprint(depends)
    return Target(parts[0], parts[1], classes, sorted(unreadable), fingerprint, ranges)


def pixels(part: Part, preprocess: Callable[[Image.Image], Tensor], ranges: ValueRanges) -> Tensor:
    """Return (n, 3, S, S) uint8: the part's images as the encoder's input."""
    with sources.ByteReader(worklists.roots_of(part.rows)) as reader:
        read = (worklists.read_image(reader, row, ranges).image for row in part.rows)
        return torch.stack([preprocess(image) for image in read])


def _part(rows: list[dict[str, Any]], classes: list[str]) -> Part:
    labels = np.array([classes.index(row["label"]) for row in rows], np.int64)
    return Part(rows, labels, [worklists.name_of(row) for row in rows])


def _unreadable(rows: list[dict[str, Any]], ranges: ValueRanges) -> set[str]:
    bad = set()
    with sources.ByteReader(worklists.roots_of(rows)) as reader:
        for row in rows:
            try:
                worklists.read_image(reader, row, ranges)
            except images.RejectedImage:
                bad.add(worklists.name_of(row))
            except images.UnreadableFile as problem:
                name = worklists.name_of(row)
                raise errors.SourceError(
                    f"{name} cannot be read ({problem}); restore it and evaluate again."
                ) from problem
    return bad
