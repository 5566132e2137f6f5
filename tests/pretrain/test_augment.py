"""Views against torchvision's single-image operations and hand-made cases."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

from sept_core.pretrain import augment
from sept_core.pretrain.settings import Augment

CPU = torch.device("cpu")
PLAIN = Augment(crop_min=1.0, jitter=0.0, grayscale=0.0, flip=0.0, blur=0.0)
ONE = torch.ones(1)


def _draw(n: int = 1, **changes: Tensor) -> augment.Draw:
    """The draw that changes nothing, but for `changes`."""
    values = {
        "box": torch.tensor([[0.5, 0.5, 1.0, 1.0]]).repeat(n, 1),
        "mirrored": torch.zeros(n, dtype=torch.bool),
        "colour": torch.eye(3).repeat(n, 1, 1),
        "contrast": torch.ones(n),
        "sigma": None,
    }
    return augment.Draw(**(values | changes))  # type: ignore[arg-type]


def _images(n: int, size: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(60, 180, (n, 3, size, size), generator=generator).float()


def _pixels(views: Tensor) -> Tensor:
    """Undo the normalisation: back to 0..255."""
    mean, std = (torch.tensor(v)[:, None, None] for v in (augment.MEAN, augment.STD))
    return (views * std + mean) * 255


def test_nothing_drawn_changes_nothing() -> None:
    images = _images(3, 16)
    views = augment.apply(images, _draw(3), 16)
    assert views.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(_pixels(views), images, atol=1e-2, rtol=0)


def test_half_the_size_averages_two_by_two() -> None:
    images = _images(2, 16)
    expected = torch.nn.functional.avg_pool2d(images, 2)
    views = _pixels(augment.apply(images, _draw(2), 8))
    torch.testing.assert_close(views, expected, atol=1e-2, rtol=0)


def test_crop_and_mirror_show_the_right_part() -> None:
    images = _images(2, 16)
    box = torch.tensor([[0.25, 0.75, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    draw = _draw(2, box=box, mirrored=torch.tensor([False, True]))
    views = _pixels(augment.apply(images, draw, 8))
    torch.testing.assert_close(views[0], images[0, :, 8:, :8], atol=1e-2, rtol=0)
    whole = torch.nn.functional.avg_pool2d(images[1].flip(2), 2)
    torch.testing.assert_close(views[1], whole, atol=1e-2, rtol=0)


@pytest.mark.parametrize("factor", [0.7, 1.2])
def test_colours_match_torchvision(factor: float) -> None:
    image = _images(1, 8)
    unit, one, zero = image / 255, torch.ones(1), torch.zeros(1)
    amount = torch.tensor([factor])
    cases = {
        "brightness": _draw(colour=augment.colour_matrix(amount, one, zero)),
        "saturation": _draw(colour=augment.colour_matrix(one, amount, zero)),
        "contrast": _draw(contrast=amount),
    }
    for name, draw in cases.items():
        expected = getattr(vision, f"adjust_{name}")(unit, factor) * 255
        views = _pixels(augment.apply(image, draw, 8))
        torch.testing.assert_close(views, expected, atol=0.1, rtol=0, msg=name)


@settings(deadline=None, max_examples=30)
@given(st.floats(-math.pi, math.pi))
def test_hue_keeps_greys_and_lightness(turn: float) -> None:
    matrix = augment.colour_matrix(ONE, ONE, torch.tensor([turn]))[0]
    gray = torch.full((3,), 0.4)
    torch.testing.assert_close(matrix @ gray, gray, atol=2e-3, rtol=0)
    red = torch.tensor([0.8, 0.1, 0.2])
    luma = torch.tensor(augment.GRAY)
    torch.testing.assert_close(luma @ (matrix @ red), luma @ red, atol=2e-3, rtol=0)


def test_no_saturation_is_grey() -> None:
    colour = augment.colour_matrix(ONE, torch.zeros(1), ONE)
    views = _pixels(augment.apply(_images(1, 8), _draw(colour=colour), 8))
    torch.testing.assert_close(views[0, 0], views[0, 1], atol=0.3, rtol=0)
    torch.testing.assert_close(views[0, 0], views[0, 2], atol=0.3, rtol=0)


def test_values_stay_within_the_range_of_pixels() -> None:
    draw = _draw(colour=augment.colour_matrix(torch.tensor([3.0]), ONE, torch.zeros(1)))
    pixels = _pixels(augment.apply(_images(1, 8), draw, 8))
    assert pixels.max() == pytest.approx(255, abs=1e-2)


def test_blur_matches_torchvision_and_zero_leaves_sharp() -> None:
    images = _images(2, 24)
    views = _pixels(augment.apply(images, _draw(2, sigma=torch.tensor([1.5, 0.0])), 24))
    expected = vision.gaussian_blur(images[0], [9, 9], [1.5, 1.5])
    torch.testing.assert_close(views[0], expected, atol=0.05, rtol=0)
    torch.testing.assert_close(views[1], images[1], atol=0.05, rtol=0)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.05, 1), st.floats(0.3, 3))
def test_boxes_lie_in_the_image(seed: int, crop_min: float, aspect: float) -> None:
    n = 50
    drawn = augment.draw(
        Augment(crop_min=crop_min), torch.full((n,), aspect), augment.generator(seed)
    )
    centre, side = drawn.box[:, :2], drawn.box[:, 2:]
    assert (centre - side / 2 >= -1e-5).all() and (centre + side / 2 <= 1 + 1e-5).all()
    assert (side.prod(1) <= 1 + 1e-5).all() and (side > 0).all()


def test_boxes_have_the_asked_area_and_shape_in_the_real_image() -> None:
    aspect = torch.full((4000,), 2.0)  # twice as wide as high, squeezed into a square
    drawn = augment.draw(Augment(crop_min=0.1), aspect, augment.generator(1))
    width, height = drawn.box[:, 2], drawn.box[:, 3]
    uncut = (width < 1) & (height < 1)
    area, shape = (width * height)[uncut], (width / height * 2)[uncut]
    assert 0.1 <= area.min() < 0.12 and area.max() <= 1
    assert shape.min() >= 3 / 4 - 1e-4 and shape.max() <= 4 / 3 + 1e-4


def test_draws_depend_on_the_seed_alone() -> None:
    aspect = torch.ones(6)
    first, again, other = (
        augment.draw(Augment(blur=0.5), aspect, augment.generator(seed, "step", 3))
        for seed in (1, 1, 2)
    )
    assert all(torch.equal(a, b) for a, b in zip(*map(_values, (first, again)), strict=True))
    assert not torch.equal(first.box, other.box)


def test_a_slice_holds_the_rows_of_its_images() -> None:
    drawn = augment.draw(Augment(blur=0.5), torch.ones(6), augment.generator(0))
    part = drawn.part(torch.arange(2, 5), CPU)
    for whole, sliced in zip(*map(_values, (drawn, part)), strict=True):
        assert torch.equal(whole[2:5], sliced)
    assert (
        augment.draw(PLAIN, torch.ones(2), augment.generator(0)).part(torch.arange(1), CPU).sigma
        is None
    )


def _values(draw: augment.Draw) -> list[Tensor]:
    return list(vars(draw).values())


def test_shares_of_flips_and_greys() -> None:
    chosen = Augment(flip=0.3, grayscale=0.25, jitter=0.0)
    drawn = augment.draw(chosen, torch.ones(20_000), augment.generator(5))
    assert drawn.mirrored.float().mean() == pytest.approx(0.3, abs=0.02)
    grey = (drawn.colour[:, 0] - drawn.colour[:, 1]).abs().sum(1) < 1e-3
    assert grey.float().mean() == pytest.approx(0.25, abs=0.02)


def test_plain_is_the_whole_normalised_image() -> None:
    images = _images(2, 8).to(torch.uint8)
    torch.testing.assert_close(_pixels(augment.plain(images, 8)), images.float(), atol=1e-2, rtol=0)
    half = _pixels(augment.plain(images, 4))
    assert half.shape == (2, 3, 4, 4)
    torch.testing.assert_close(half.mean(), images.float().mean(), atol=2, rtol=0)
