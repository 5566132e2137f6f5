"""The sample of a fit, as its record describes it."""

import pytest

from sept_core.encoders import fits

PARTS = {"fine": (99, 99), "colours": (48, 48)}


def test_nothing_is_said_of_an_ordinary_sample() -> None:
    assert fits.Sample(100, PARTS).sentence() is None
    nearly = {"fine": (160, 159), "colours": (48, 48)}
    assert fits.Sample(161, nearly).sentence() is None, "one picture is there twice"


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        (fits.Sample(1, {}), "1 image, fewer than 100"),
        (fits.Sample(99, PARTS), "99 images, fewer than 100"),
        (
            fits.Sample(5000, {"colours": (48, 8), "fine": (224, 224)}),
            "40 of 272 directions have no variance (colours 40 of 48)",
        ),
    ],
)
def test_it_says_why_a_sample_is_degenerate(sample: fits.Sample, reason: str) -> None:
    assert sample.sentence() == f"fitted on a degenerate sample: {reason}"


def test_headers_without_directions_are_read() -> None:
    assert fits.sample_of({"images": 5000, "seed": 0}) == fits.Sample(5000, {})
