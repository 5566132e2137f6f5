"""Hand-made features against slow, obvious loops, and their invariance under mirroring."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core.encoders import handmade

GRIDS = [handmade.FINE, handmade.COARSE]


def random_pixels(count: int, seed: int = 0) -> torch.Tensor:
    """Smooth random images (neighbouring pixels alike) in whole grey values 0..255."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0, 255, (count, 3, 9, 9))).float()
    smooth = torch.nn.functional.interpolate(coarse, (64, 64), mode="bilinear")
    return (smooth + torch.from_numpy(rng.normal(0, 6, smooth.shape)).float()).clamp(0, 255).round()


def random_filters(grid: handmade.PatchGrid, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(1)
    own = torch.from_numpy(rng.normal(0, 0.1, (3 * grid.patch**2, count))).float()
    thresholds = torch.from_numpy(rng.uniform(0, 0.3, count)).float()
    both = torch.cat([own, handmade.mirrored_filters(own, grid)], 1)
    return both, torch.cat([thresholds, thresholds])


def slow_codes(
    picture: np.ndarray, grid: handmade.PatchGrid, filters: np.ndarray, thresholds: np.ndarray
) -> np.ndarray:
    """Mean answers by quarter and filter of one (3, 64, 64) picture, by loops."""
    step = 64 // grid.side
    small = picture.reshape(3, grid.side, step, grid.side, step).mean((2, 4))
    quarters = np.zeros((2, 2, filters.shape[1]))
    for row in range(2 * grid.half):
        for column in range(2 * grid.half):
            top, left = row * grid.stride, column * grid.stride
            patch = small[:, top : top + grid.patch, left : left + grid.patch]
            patch = (patch - patch.mean()) / math.sqrt(patch.var() + 10)
            answer = np.maximum(patch.reshape(-1) @ filters - thresholds, 0)
            quarters[row // grid.half, column // grid.half] += answer / grid.half**2
    return quarters


@pytest.mark.parametrize("grid", GRIDS)
def test_patch_codes(grid: handmade.PatchGrid) -> None:
    """The root of the mean over an image and its mirror image, each by its own filters."""
    pixels = random_pixels(2)
    filters, thresholds = random_filters(grid, 7)
    own = filters[:, :7].double().numpy(), thresholds[:7].double().numpy()
    expected = [
        np.sqrt((slow_codes(picture, grid, *own) + slow_codes(picture[:, :, ::-1], grid, *own)) / 2)
        for picture in pixels.double().numpy()
    ]
    codes = handmade.patch_codes(pixels, grid, filters, thresholds)
    np.testing.assert_allclose(codes, np.stack(expected).reshape(2, -1), atol=2e-5)


@pytest.mark.parametrize("grid", GRIDS)
def test_grids_reach_both_edges_evenly(grid: handmade.PatchGrid) -> None:
    count, rest = divmod(grid.side - grid.patch, grid.stride)
    assert rest == 0
    assert (count + 1) % 2 == 0
    assert handmade.SIZE % grid.side == 0


def slow_colours(picture: np.ndarray) -> np.ndarray:
    shares = np.zeros((2, 2, 64))
    for row in range(64):
        for column in range(64):
            red, green, blue = (int(value) // 64 for value in picture[:, row, column])
            shares[row // 32, column // 32, red * 16 + green * 4 + blue] += 1 / 1024
    return shares


def test_colour_histograms() -> None:
    pixels = random_pixels(2)
    expected = [
        np.sqrt((slow_colours(picture) + slow_colours(picture[:, :, ::-1])) / 2)
        for picture in pixels.numpy()
    ]
    histograms = handmade.colour_histograms(pixels)
    np.testing.assert_allclose(histograms, np.stack(expected).reshape(2, -1), atol=1e-6)


def slow_edges(picture: np.ndarray) -> np.ndarray:
    """(8, 8, 8) normalised histograms of one picture by direction, row, column of cells."""
    grey = np.pad(picture.mean(0), 1, mode="edge")
    cells = np.zeros((8, 8, 8))
    for row in range(64):
        for column in range(64):
            across = grey[row + 1, column + 2] - grey[row + 1, column]
            down = grey[row + 2, column + 1] - grey[row, column + 1]
            angle, strength = 2 * math.atan2(down, across), math.hypot(across, down)
            for direction in range(8):
                vote = strength * max(0.0, math.cos(angle - direction * math.pi / 4)) ** 3
                cells[direction, row // 8, column // 8] += vote / 64
    energy = (cells**2).sum(0)
    normalised = np.zeros_like(cells)
    for row in range(8):
        for column in range(8):
            blocks = [
                1 / math.sqrt(energy[top : top + 2, left : left + 2].sum() + 1)
                for top in (row - 1, row)
                for left in (column - 1, column)
                if 0 <= top < 7 and 0 <= left < 7
            ]
            normalised[:, row, column] = cells[:, row, column] * np.mean(blocks)
    return np.minimum(normalised, 1)


def test_edge_histograms() -> None:
    picture = random_pixels(1)
    mirrored = picture.flip(3)
    expected = (slow_edges(picture[0].double().numpy()), slow_edges(mirrored[0].double().numpy()))
    histograms = handmade.edge_histograms(picture)
    np.testing.assert_allclose(histograms[0], np.mean(expected, 0).reshape(-1), atol=1e-4)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_mirror_images_have_the_same_features(seed: int) -> None:
    pixels = random_pixels(2, seed)
    filters, thresholds = random_filters(handmade.FINE, 5)
    for features in (
        lambda images: handmade.patch_codes(images, handmade.FINE, filters, thresholds),
        handmade.edge_histograms,
        handmade.colour_histograms,
    ):
        torch.testing.assert_close(features(pixels), features(pixels.flip(3)))
