"""Mutations of valid files: every reader reads, lists or refuses in a sentence."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.hostile import __main__ as fuzz
from benchmarks.hostile import mutations, pixel_values

GOOD = list(mutations.valid())
DEEP = list(pixel_values.every())


@pytest.mark.filterwarnings("ignore")  # what Pillow, numpy or torch say of a bad file
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=st.sampled_from(GOOD), seed=st.integers(0, 2**32))
def test_a_mutated_file_crashes_nothing(case: mutations.Case, seed: int) -> None:
    assert fuzz.one(case, random.Random(seed)) is None


@pytest.mark.filterwarnings("ignore")
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(case=st.sampled_from(DEEP), seed=st.integers(0, 2**32))
def test_a_mutated_image_of_more_than_8_bits_crashes_nothing(
    case: mutations.Case, seed: int
) -> None:
    assert fuzz.one(case, random.Random(seed)) is None
