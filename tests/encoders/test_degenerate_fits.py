"""Fits on pools of all kinds: finite vectors of length one, little changed by one image more."""

from pathlib import Path
from tempfile import TemporaryDirectory

import fit_before
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.hostile import pools
from sept_core.encoders import classic_fit, fits, joined, registry
from sept_core.encoders.protocol import Encoder
from sept_core.storage import atomic

UNLIKE = [
    *(Image.new("RGB", (7, 5), colour) for colour in ("black", "white", "red")),
    pools.picture("noise", 900),
    pools.picture("coloured", 900),
]
"""Images to compare a pool with, whatever it holds."""


def encode(encoder: Encoder, images: list[Image.Image]) -> torch.Tensor:
    return encoder.encode(torch.stack([encoder.preprocess(image) for image in images]))


def fitted(images: list[Image.Image], folder: Path) -> Encoder:
    registry.fit("classic", images, folder, 0, lambda done, total: None)
    return registry.load("classic", folder=folder, device="cpu")


def similarities(images: list[Image.Image], among: list[Image.Image]) -> np.ndarray:
    """(n, n) cosines of images under the encoder that is fitted on `among`."""
    with TemporaryDirectory() as name:
        vectors = encode(fitted(among, Path(name)), images)
    return (vectors @ vectors.T).numpy()


@settings(max_examples=6, deadline=None)
@given(kind=st.sampled_from([*pools.KINDS]), count=st.integers(1, 30), more=st.integers(0, 2))
def test_every_image_gets_a_finite_vector_of_length_one(kind: str, count: int, more: int) -> None:
    pool = [pools.picture(kind, number) for number in range(count)] + UNLIKE[2 : 2 + more]
    with TemporaryDirectory() as name:
        encoder = fitted(pool, Path(name))
        vectors = encode(encoder, [*pool, *UNLIKE]).half().float()
    assert vectors.shape[1] == encoder.dim > 0
    np.testing.assert_allclose(vectors.norm(dim=1), 1, atol=2e-3)


@pytest.mark.parametrize(("kind", "another"), [("dark", "coloured"), ("flat", "flat")])
def test_one_image_more_changes_little_from_a_hundred_on(kind: str, another: str) -> None:
    pool = [pools.picture(kind, number) for number in range(fits.FEW)]
    among = [*pool[:50], pools.picture(another, 900), *pool[50:]]
    assert np.abs(similarities(pool, among) - similarities(pool, pool)).max() < 0.05


def test_a_repeated_picture_changes_little() -> None:
    pool = [pools.picture("coloured", number) for number in range(fits.FEW)]
    change = similarities(pool, [pool[3], *pool]) - similarities(pool, pool)
    assert np.abs(change).max() < 0.05


@pytest.mark.parametrize("count", [20, 60])
def test_a_fit_that_lacks_nothing_is_the_one_from_before_bit_by_bit(
    count: int, tmp_path: Path
) -> None:
    pool = [pools.picture("coloured", number) for number in range(count)]
    registry.fit(joined.NAME, pool, tmp_path, 5, lambda done, total: None)
    [weights] = tmp_path.glob(f"classic-*/{fits.WEIGHTS}")
    assert weights.read_bytes() == fit_before.fit(pool, 5)


def test_it_says_what_the_sample_lacks(tmp_path: Path) -> None:
    fitted([pools.picture("dark", number) for number in range(30)], tmp_path)
    sample = fits.sample(tmp_path, "classic")
    assert sample is not None and sample.directions["colours"] == (29, 0)
    assert sample.sentence() == (
        "fitted on a degenerate sample: 30 images, fewer than 100; 29 of 116 directions have no "
        "variance (colours 29 of 29)"
    )


def test_a_fit_on_fewer_than_twenty_is_provisional(tmp_path: Path) -> None:
    pool = [pools.picture("coloured", number) for number in range(20)]
    for count, provisional in ((0, True), (19, True), (20, False)):
        encoder = fitted(pool[:count], tmp_path)
        assert registry.needs_fit("classic", tmp_path) == provisional
        assert encode(encoder, UNLIKE).isfinite().all()
    steps = atomic.read_json(max(tmp_path.glob("*/fit.json"), key=lambda p: p.stat().st_mtime_ns))
    assert steps["images"] == 20


def test_images_that_differ_are_told_apart_even_in_a_pool_of_identical_ones(
    tmp_path: Path,
) -> None:
    encoder = fitted([pools.picture("identical", n) for n in range(25)], tmp_path)
    own, other = encode(encoder, [pools.picture("identical", 0), pools.picture("coloured", 1)])
    assert own @ other < 0.9


@pytest.mark.parametrize("count", [0, 5])
def test_progress_never_falls_and_ends_at_its_total(count: int, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    pool = [pools.picture("dark", number) for number in range(count)]
    classic_fit.fit(pool, tmp_path, 0, lambda *step: seen.append(step))
    assert [done for done, _ in seen] == list(range(1, len(seen) + 1))
    assert seen[-1][0] == seen[-1][1]
