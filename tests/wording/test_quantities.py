"""Numbers as people read them."""

import re

import pytest

from sept_core.wording import quantities


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1 kB"),
        (12_345, "12.3 kB"),
        (3_400_000, "3.4 MB"),
        (999_999_999, "1 GB"),
        (2.5e12, "2.5 TB"),
        (1.2e15, "1,200 TB"),
    ],
)
def test_sizes(count: float, words: str) -> None:
    assert quantities.size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59, "59 s"), (125, "2 min 05 s"), (7500, "2 h 05 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert quantities.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(4.4, "4 s"), (59, "59 s"), (65, "1 min"), (150, "2 min"), (3700, "1 h"), (200_000, "2 days")],
)
def test_rough_durations(seconds: float, words: str) -> None:
    assert quantities.roughly(seconds) == words


@pytest.mark.parametrize(
    ("rate", "unit", "words"),
    [
        (340.0, "images", "340 images/s"),
        (1234.5, "images", "1,234 images/s"),
        (12.34, "files", "12.3 files/s"),
        (0.4, "steps", "2.5 s per step"),
        (0.05, "steps", "20 s per step"),
        (0.0033, "steps", "5 min per step"),
    ],
)
def test_speeds(rate: float, unit: str, words: str) -> None:
    assert quantities.pace(rate, unit) == words


def test_a_moment_names_day_and_minute() -> None:
    assert re.fullmatch(r"\d\d \w+ \d\d:\d\d", quantities.moment(0))
