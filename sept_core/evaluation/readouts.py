"""Readouts of features: kNN vote, linear probe, fine-tuning (docs/method.md §5).

In: features, or a backbone and pixels, with labels of the training part. Out: predicted
classes of the test part. All arms use the same functions, settings and transforms.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional

from sept_core.measures import knn_vote
from sept_core.storage import hashing

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Values of C to choose from for the linear probe, on standardised features."""

VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class FineTuning:
    """Settings of fine-tuning; tuned once and the same for all arms."""

    epochs: int = 20
    least_steps: int = 200
    batch_size: int = 64
    lr: float = 1e-3
    weight_decay: float = 0.05
    crop_min: float = 0.6
    """Minimum crop scale of training crops, as a share of the area; half of them are flipped."""

    def steps(self, images: int) -> int:
        """Return the number of optimiser steps for this many training images."""
        return max(self.least_steps, self.epochs * math.ceil(images / self.batch_size))


@dataclass(frozen=True)
class Network:
    """A backbone and the normalisation of its input.

    Attributes:
        backbone: maps normalised (B, 3, S, S) to (B, dim).
        dim: length of the features.
        mean, std: per channel, for pixel values in 0..1.
    """

    backbone: nn.Module
    dim: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def normalise(self, pixels: Tensor) -> Tensor:
        """Normalise (B, 3, S, S) uint8 to float32."""
        mean, std = (
            torch.tensor(values, device=pixels.device)[:, None, None]
            for values in (self.mean, self.std)
        )
        return (pixels.float() / 255 - mean) / std


def knn(train: Tensor, labels: Tensor, test: Tensor) -> np.ndarray:
    """Predict by a vote of the 20 nearest training images by cosine; see `knn_vote`.

    Args:
        train: (n, D) float32 of unit length.
        labels: (n,) int64 classes from 0.
        test: (m, D) float32 of unit length.

    Returns:
        (m,) int64 predicted classes; ties go to the lower class.
    """
    classes = functional.one_hot(labels).float()
    predicted = [knn_vote.predict(part @ train.T, classes) for part in torch.split(test, 1024)]
    return np.asarray(torch.cat(predicted))


def linear_probe(
    train: np.ndarray, labels: np.ndarray, test: np.ndarray, names: list[str], seed: int
) -> np.ndarray:
    """Fit a logistic regression on standardised frozen features.

    C is chosen on a part of the training images, then the model is fitted on all.

    Args:
        train: (n, D) float32 features.
        labels: (n,) int64 classes.
        test: (m, D) float32 features.
        names: n stable names of the training images, for the hashed choice of the part.
        seed: seed of that choice.

    Returns:
        (m,) int64 predicted classes.
    """
    middle, spread = train.mean(0), train.std(0) + 1e-6
    train, test = (train - middle) / spread, (test - middle) / spread
    held = _validation_rows(labels, names, seed)
    strength = STRENGTHS[len(STRENGTHS) // 2]
    if held.any():
        scores = [
            (_fit(train[~held], labels[~held], c).predict(train[held]) == labels[held]).mean()
            for c in STRENGTHS
        ]
        strength = STRENGTHS[int(np.argmax(scores))]
    return np.asarray(_fit(train, labels, strength).predict(test), np.int64)


def _fit(features: np.ndarray, labels: np.ndarray, strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=2000, tol=1e-3).fit(features, labels)


def _validation_rows(labels: np.ndarray, names: list[str], seed: int) -> np.ndarray:
    """Return (n,) bool: a fifth of each class, at least one; none if a class has a single image."""
    keys = np.array([hashing.hashed_uniform(seed, f"validation:{name}") for name in names])
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            return np.zeros(len(labels), bool)
        rows = rows[np.argsort(keys[rows], kind="stable")]
        held[rows[: max(1, round(VALIDATION_SHARE * len(rows)))]] = True
    return held


def fine_tune(
    network: Network,
    train: Tensor,
    labels: Tensor,
    test: Tensor,
    settings: FineTuning,
    seed: int,
    device: torch.device,
) -> np.ndarray:
    """Train the whole backbone and a new linear layer on the labels.

    Args:
        network: the network; its backbone is changed in place.
        train: (n, 3, S, S) uint8 on the CPU.
        labels: (n,) int64 classes from 0.
        test: (m, 3, S, S) uint8 on the CPU.
        settings: the same for all arms.
        seed: seed of the head, the order and the crops.
        device: device to compute on.

    Returns:
        (m,) int64 predicted classes.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(network.backbone, nn.Linear(network.dim, int(labels.max()) + 1))
    model.to(device).train()
    steps = settings.steps(len(train))
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.lr, total_steps=steps, pct_start=0.1, cycle_momentum=False
    )
    for rows in _batches(len(train), settings.batch_size, steps, generator):
        pixels = network.normalise(train[rows].to(device))
        views = random_crops(pixels, settings.crop_min, generator)
        loss = functional.cross_entropy(model(views), labels[rows].to(device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return _predict(model, network, test, device)


def _batches(
    count: int, batch_size: int, steps: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Yield the row numbers of each step: new permutations, incomplete last batches dropped."""
    batch = min(batch_size, count)
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(order) < batch:
            order = torch.randperm(count, generator=generator)
        yield order[:batch]
        order = order[batch:]


def random_crops(images: Tensor, crop_min: float, generator: torch.Generator) -> Tensor:
    """Crop squares of random area and position, resize them back, flip half of them."""
    n, size = len(images), images.shape[-1]
    side, x, y, mirror = torch.rand(4, n, generator=generator)
    side = (crop_min + (1 - crop_min) * side).sqrt()
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = torch.where(mirror < 0.5, -side, side)
    theta[:, 1, 1] = side
    theta[:, 0, 2] = (2 * x - 1) * (1 - side)
    theta[:, 1, 2] = (2 * y - 1) * (1 - side)
    grid = functional.affine_grid(theta.to(images.device), [n, 3, size, size], align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


@torch.inference_mode()
def _predict(model: nn.Module, network: Network, test: Tensor, device: torch.device) -> np.ndarray:
    model.eval()
    parts = [
        model(network.normalise(part.to(device))).argmax(1).cpu() for part in torch.split(test, 256)
    ]
    return np.asarray(torch.cat(parts))
