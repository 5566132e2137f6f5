"""Fitting: what a sample of images says about the range of their values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core.imaging import value_fit
from sept_core.imaging.pixel_values import ValueRange


def scene(seed: int, low: float, high: float, dtype: str = "uint16") -> np.ndarray:
    """Smooth structure over the whole of a range."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((5, 5)).repeat(8, 0).repeat(8, 1) + rng.random((40, 40)) * 0.3
    unit = (coarse - coarse.min()) / np.ptp(coarse)
    return (low + unit * (high - low)).astype(dtype)


def fitted(images: list[np.ndarray], kind: str = "uint16", **options: float) -> ValueRange:
    samples = [value_fit.sample(image, **options) for image in images]  # type: ignore[arg-type]
    found = value_fit.fit(kind, [sample for sample in samples if sample])
    assert found is not None
    return found


def test_the_range_is_that_of_the_images() -> None:
    found = fitted([scene(seed, 7424, 7676) for seed in range(30)])
    assert found.images == 30 and not found.given
    assert 7424 <= found.low <= 7426 and 7670 <= found.high <= 7676


@pytest.mark.parametrize(
    ("low", "high", "dtype", "ends"),
    [
        (0, 4000, "uint16", (0, 4095)),
        (10, 250, "uint16", (0, 255)),
        (300, 65000, "uint16", (0, 65535)),
        (0.01, 0.99, "float32", (0, 1)),
        (-0.98, 0.97, "float32", (-1, 1)),
        (2, 254, "float32", (0, 255)),
    ],
)
def test_a_range_near_a_usual_one_is_that_one(
    low: float, high: float, dtype: str, ends: tuple[float, float]
) -> None:
    assert fitted([scene(seed, low, high, dtype) for seed in range(20)], dtype).ends == ends


def test_one_image_far_from_all_others_has_no_say() -> None:
    usual = [scene(seed, 7424, 7676) for seed in range(30)]
    without = fitted(usual).ends
    assert fitted([*usual, scene(50, 30_000, 60_000)]).ends == without
    assert fitted([*usual, scene(51, 0, 7_600)]).ends[0] == without[0]
    hot = usual[0].copy()
    hot[3, 4] = 65535
    assert fitted([hot, *usual[1:]]).ends == without


def test_images_a_little_outside_do_count() -> None:
    images = [scene(seed, 7424, 7676) for seed in range(30)]
    assert fitted([*images, scene(9, 7500, 7800)]).high > 7790


def test_images_of_different_exposure_share_a_range() -> None:
    images = [scene(seed, 1000 * seed, 1000 * seed + 300) for seed in range(1, 20)]
    found = fitted(images)
    assert found.low < 1100 and found.high > 19_200


@pytest.mark.parametrize("marker", [-9999.0, -32768.0, 3.4e38, -3.4e38, np.nan, np.inf])
@pytest.mark.parametrize("share", [0.0005, 0.3, 0.9])
def test_what_marks_missing_data_has_no_say(marker: float, share: float) -> None:
    images = [scene(seed, 0.02, 0.99, "float32") for seed in range(12)]
    rng = np.random.default_rng(1)
    for image in images:
        image[rng.random(image.shape) < share] = marker
    images.append(np.full((40, 40), marker, np.float32))
    assert fitted(images, "float32").ends == (0, 1)


def test_a_border_of_zeros_has_no_say() -> None:
    images = [scene(seed, 7424, 7676) for seed in range(12)]
    for image in images:
        image[:10] = 0
    assert fitted(images).low >= 7424


def test_a_named_missing_value_has_no_say() -> None:
    images = [scene(seed, 0, 200) for seed in range(12)]
    for image in images:
        image[:10] = 250
    assert fitted(images, nodata=250).high <= 255
    assert fitted([image + np.uint16(7000) for image in images], nodata=7250).high <= 7200


def test_flat_images_say_nothing_unless_there_are_no_others() -> None:
    flat = [np.full((40, 40), value, np.uint16) for value in (0, 0, 0, 65535)]
    assert fitted([*flat, *(scene(seed, 7424, 7676) for seed in range(8))]).low >= 7424
    samples = [value_fit.sample(image) for image in flat]
    assert value_fit.fit("uint16", [sample for sample in samples if sample]) is None
    assert value_fit.fit("uint16", []) is None
    assert value_fit.sample(np.full((4, 4), np.nan, np.float32)) is None


def mask(seed: int, classes: list[int], count: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.choice(classes, count).astype(np.uint16).repeat(100 // count * 16).reshape(-1, 40)


def test_label_masks_are_named() -> None:
    classes = [mask(seed, list(range(21))) for seed in range(10)]
    found = fitted(classes)
    assert found.label_images >= 8 and 1 < found.most_labels <= 4
    instances = [7, 8, 11, *range(24_000, 24_010)]
    assert fitted([mask(seed, instances) for seed in range(10)]).label_images >= 8
    pictures = [scene(seed, 0, 200) for seed in range(10)]
    assert fitted(pictures).label_images == 0
    floats = [image.astype(np.float32) for image in classes]
    assert fitted(floats, "float32").label_images == 0


def test_label_masks_have_no_say_beside_pictures() -> None:
    pictures = [scene(seed, 7424, 7676) for seed in range(10)]
    found = fitted([*pictures, *(mask(seed, list(range(21))) for seed in range(10))])
    assert found.low >= 7424 and found.label_images > 0


def test_pictures_of_few_colours_are_no_labels() -> None:
    rng = np.random.default_rng(0)
    drawn = [mask(seed, (rng.integers(7424, 7676, 60)).tolist()) for seed in range(30)]
    assert fitted(drawn).label_images == 0


def test_kinds_are_fitted_apart() -> None:
    twelve = [value_fit.sample(scene(seed, 0, 4000), bits=12) for seed in range(5)]
    sixteen = [value_fit.sample(scene(seed, 9000, 9500)) for seed in range(5)]
    samples = [sample for sample in (*twelve, *sixteen) if sample]
    one, other = value_fit.fit("uint12", samples), value_fit.fit("uint16", samples)
    assert one is not None and one.ends == (0, 4095) and one.images == 5
    assert other is not None and other.low >= 9000
    assert value_fit.sample(np.zeros((4, 4), np.uint8)) is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 60_000), st.integers(0, 5000), st.integers(0, 9)),
        min_size=1,
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_images_does_not_matter(
    makings: list[tuple[int, int, int]], random: "np.random.Generator"
) -> None:
    images = [scene(seed, low, low + width) for low, width, seed in makings]
    samples = [sample for image in images if (sample := value_fit.sample(image))]
    found = value_fit.fit("uint16", samples)
    random.shuffle(samples)  # type: ignore[arg-type]
    assert value_fit.fit("uint16", samples) == found
    assert found is None or 0 <= found.low < found.high <= 65535
