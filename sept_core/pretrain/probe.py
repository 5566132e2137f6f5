"""A cheap kNN probe of the features on the target during the run.

In: the target's *training* images with labels. Out: leave-one-out 20-NN accuracy. The
validation and test splits are never read here.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from sept_core import errors
from sept_core.imaging import images
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.ingest import sources, worklists
from sept_core.measures import knn_vote
from sept_core.pretrain import augment
from sept_core.storage import hashing

MOST_IMAGES = 2000


@dataclass(frozen=True)
class Probe:
    """Labelled images: pixels (n, 3, S, S) uint8, labels (n,) int64."""

    pixels: Tensor
    labels: Tensor


def load(worklist: Path, size: int, seed: int, ranges: ValueRanges | None = None) -> Probe:
    """Load at most `MOST_IMAGES` labelled images of the training split, chosen by hash.

    Those of more than 8 bits are scaled by `ranges`, as the subset is.

    Raises:
        InputError: there are none, or only of one class.
    """
    rows = worklists.read(worklist).to_pylist()
    rows = [row for row in rows if row["label"] is not None and row["split"] == "train"]
    rows.sort(key=lambda row: hashing.hashed_uniform(seed, worklists.name_of(row)))
    names = sorted({row["label"] for row in rows})
    if len(names) < 2:
        raise errors.InputError(
            f"{worklist} has {len(names)} classes with labelled training images; "
            "a probe needs at least two: omit it."
        )
    pixels, labels = [], []
    with sources.ByteReader(worklists.roots_of(rows)) as reader:
        for row in rows[:MOST_IMAGES]:
            try:
                image = worklists.read_image(reader, row, ranges).image
                side = (size, size)
                pixels.append(np.asarray(image.resize(side, Image.Resampling.BICUBIC)))
            except images.UnusableFile:
                continue  # only a probe; `evaluation` lists unreadable images
            labels.append(names.index(row["label"]))
    stacked = torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)
    return Probe(stacked, torch.tensor(labels))


@torch.inference_mode()
def accuracy(backbone: nn.Module, probe: Probe, size: int, device: torch.device) -> float:
    """Return the share of images that a weighted vote of 20 neighbours labels correctly.

    Args:
        backbone: in any mode, which is restored.
        probe: the labelled images.
        size: side in pixels at which they are embedded.
        device: device of the backbone.
    """
    was_training = backbone.training
    backbone.eval()
    features = [
        backbone(augment.plain(part.to(device), size)).float()
        for part in torch.split(probe.pixels, 256)
    ]
    backbone.train(was_training)
    labels = probe.labels.to(device)
    return leave_one_out(functional.normalize(torch.cat(features), dim=1), labels)


def leave_one_out(features: Tensor, labels: Tensor) -> float:
    """Return the leave-one-out accuracy of the weighted kNN vote; (n, D) unit features."""
    similarity = (features @ features.T).fill_diagonal_(-torch.inf)
    predicted = knn_vote.predict(similarity, functional.one_hot(labels).float())
    return float((predicted == labels).float().mean())
