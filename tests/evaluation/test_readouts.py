"""Readouts on tasks whose answer is known, and against slow versions."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sept_core.evaluation import readouts

CPU = torch.device("cpu")


def _clusters(n: int, noise: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Unit features about three directions, and their classes."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.arange(n) % 3
    features = torch.eye(3, 8)[classes] + noise * torch.randn(n, 8, generator=generator)
    return nn.functional.normalize(features, dim=1), classes


def test_knn_matches_a_slow_vote() -> None:
    train, classes = _clusters(45, 0.5)
    test, _ = _clusters(30, 0.5, seed=1)
    expected = []
    for query in test:
        similar = sorted(((float(query @ t), int(c)) for t, c in zip(train, classes, strict=True)))
        votes = [0.0] * 3
        for similarity, label in similar[-20:]:
            votes[label] += math.exp(similarity / 0.07)
        expected.append(votes.index(max(votes)))
    assert readouts.knn(train, classes, test).tolist() == expected


def test_knn_with_fewer_images_than_neighbours() -> None:
    train, classes = _clusters(3, 0.0)
    test, truth = _clusters(9, 0.1)
    assert (readouts.knn(train, classes, test) == truth.numpy()).all()


def _probe(train: Tensor, classes: Tensor, test: Tensor) -> np.ndarray:
    names = [f"image {i}" for i in range(len(train))]
    return readouts.linear_probe(train.numpy(), classes.numpy(), test.numpy(), names, seed=0)


def test_linear_probe_solves_what_is_linear() -> None:
    train, classes = _clusters(90, 0.2)
    test, truth = _clusters(60, 0.2, seed=1)
    assert (_probe(train, classes, test) == truth.numpy()).mean() > 0.95


def test_linear_probe_finds_a_direction_that_knn_misses() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(600, 40, generator=generator)
    classes = (features[:, 0] > 0).long()
    unit = nn.functional.normalize(features, dim=1)
    train, test, truth = unit[:400], unit[400:], classes[400:].numpy()
    linear = (_probe(train, classes[:400], test) == truth).mean()
    assert linear > 0.9 > (readouts.knn(train, classes[:400], test) == truth).mean()


def test_linear_probe_with_one_image_a_class() -> None:
    train, classes = _clusters(3, 0.0)
    test, truth = _clusters(9, 0.05)
    assert (_probe(train, classes, test) == truth.numpy()).all()


def _colours(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """uint8 images that are mostly red or mostly green."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 150, (n, 3, 8, 8), generator=generator)
    classes = torch.arange(n) % 2
    pixels[torch.arange(n), classes] += 100
    return pixels.to(torch.uint8), classes


def _network() -> readouts.Network:
    torch.manual_seed(3)
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return readouts.Network(nn.Sequential(*layers), 8, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def _fine_tune(seed: int) -> tuple[np.ndarray, readouts.Network]:
    train, classes = _colours(20, 0)
    test, _ = _colours(40, 1)
    network = _network()
    tuning = readouts.FineTuning(epochs=5, least_steps=60, batch_size=8, lr=1e-2)
    return readouts.fine_tune(network, train, classes, test, tuning, seed, CPU), network


def test_fine_tuning_learns_changes_the_backbone_and_repeats() -> None:
    predicted, network = _fine_tune(0)
    again, _ = _fine_tune(0)
    assert (predicted == _colours(40, 1)[1].numpy()).mean() > 0.9
    assert (predicted == again).all()
    before, after = (n.backbone[0].weight for n in (_network(), network))  # type: ignore[index]
    assert not torch.allclose(before, after)


def test_the_length_of_fine_tuning() -> None:
    tuning = readouts.FineTuning(epochs=10, least_steps=25, batch_size=64)
    assert tuning.steps(50) == 25
    assert tuning.steps(1000) == 160


def test_normalised_pixels() -> None:
    pixels = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    assert _network().normalise(pixels).unique().tolist() == pytest.approx([2.0])


def test_crops_are_parts_of_the_image() -> None:
    ramp = torch.arange(16.0).repeat(3, 16, 1)[None].repeat(200, 1, 1, 1)  # value = column
    crops = readouts.random_crops(ramp, 0.25, torch.Generator().manual_seed(0))
    assert crops.shape == ramp.shape and crops.min() >= 0 and crops.max() <= 15
    steps = crops[:, 0, 0, 8] - crops[:, 0, 0, 7]  # columns of the image a column of the crop
    assert 0.5 - 1e-4 <= steps.abs().min() < 0.55 and steps.abs().max() <= 1 + 1e-4
    assert 60 < int((steps < 0).sum()) < 140  # about half are mirrored
    torch.testing.assert_close(
        readouts.random_crops(ramp, 1.0, torch.Generator()).abs().amax(), torch.tensor(15.0)
    )
