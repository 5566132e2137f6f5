"""Intervals against scipy, and sentences that claim no more than the intervals hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sept_core.evaluation import statistics

accuracy = st.integers(0, 1000).map(lambda right: right / 1000)


@settings(deadline=None, max_examples=40)
@given(st.lists(accuracy, min_size=2, max_size=8))
def test_t_interval_matches_scipy(values: list[float]) -> None:
    array = np.array(values)
    interval = statistics.t_interval(array)
    assert interval is not None
    if np.ptp(array) == 0:  # scipy's is not a number
        assert interval == pytest.approx((array.mean(), array.mean()))
        return
    expected = stats.t.interval(0.95, len(array) - 1, array.mean(), stats.sem(array))
    assert interval == pytest.approx(expected)


def test_one_seed_has_no_t_interval() -> None:
    assert statistics.t_interval(np.array([0.5])) is None


def test_bootstrap_matches_scipy() -> None:
    rng = np.random.default_rng(3)
    correct, other = rng.random((3, 1, 800)) < 0.7, rng.random((3, 1, 800)) < 0.6
    result = statistics.difference(correct, other)
    paired = (correct.astype(float) - other).mean(axis=(0, 1))
    expected = stats.bootstrap(
        (paired,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert result.over_images == pytest.approx((expected.low, expected.high), abs=0.004)
    assert result.value == pytest.approx(paired.mean())
    seeds = (correct.astype(float) - other).mean(axis=(1, 2))
    assert result.over_seeds == statistics.t_interval(seeds)


def test_pairing_sees_a_difference_that_the_means_hide() -> None:
    rng = np.random.default_rng(0)
    level = np.array([0.2, 0.5, 0.8])[:, None, None]  # seeds differ far more than the arms
    draws = rng.random((3, 1, 2000))
    result = statistics.difference(draws < level + 0.05, draws < level)
    assert result.distinguishable and result.value == pytest.approx(0.05, abs=0.01)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 3))
def test_turning_the_pair_round_turns_the_result_round(seed: int, seeds: int, draws: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.random((2, seeds, draws, 60)) < 0.5
    there, back = statistics.difference(one, other), statistics.difference(other, one)
    assert there.value == pytest.approx(-back.value)
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))
    assert there.distinguishable == back.distinguishable
    assert there.interval[0] <= there.value <= there.interval[1]


def test_the_wider_interval_decides() -> None:
    result = statistics.Difference(0.02, (-0.01, 0.05), (0.01, 0.03), 3)
    assert result.interval == (-0.01, 0.05) and not result.distinguishable
    same_networks = statistics.Difference(0.02, (0.02, 0.02), (-0.01, 0.04), 3)
    assert same_networks.interval == (-0.01, 0.04) and not same_networks.distinguishable


@pytest.mark.parametrize(
    ("value", "interval", "expected"),
    [
        (0.027, (0.011, 0.043), "curated is better than random (+2.7 points, 95% interval +1.1 to"),
        (-0.027, (-0.043, -0.011), "curated is worse than random (-2.7 points"),
        (0.007, (-0.009, 0.023), "curated and random are not distinguishable (+0.7 points"),
        (0.0, (0.0, 0.0), "curated and random are not distinguishable"),
    ],
)
def test_sentences(value: float, interval: tuple[float, float], expected: str) -> None:
    result = statistics.Difference(value, interval, interval, 3)
    assert statistics.sentence("curated", "random", result).startswith(expected)


def test_a_single_seed_is_named() -> None:
    result = statistics.Difference(0.1, None, (0.05, 0.15), 1)
    said = statistics.sentence("a", "b", result)
    assert said.endswith("95% interval over test images +5.0 to +15.0, 1 seed).")


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 5), st.floats(0, 1))
def test_intervals_of_accuracies_stay_within_0_and_1(seed: int, seeds: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    correct = rng.random((seeds, 2, 40)) < share * rng.random((seeds, 1, 1))
    found = statistics.mean(correct)
    assert 0 <= found.interval[0] <= found.value + 1e-9 <= found.interval[1] + 2e-9 <= 1 + 2e-9
    assert found.over == ("seeds" if seeds >= 3 else "images")
    assert found.by_seed == pytest.approx(correct.mean(axis=(1, 2)))
    low, high = statistics.difference(correct, ~correct).interval
    assert -1 <= low <= high <= 1


def test_two_seeds_have_an_interval_over_images_only() -> None:
    correct = np.random.default_rng(0).random((2, 1, 400)) < np.array([0.3, 0.7])[:, None, None]
    found = statistics.mean(correct)
    half = 1.96 * np.sqrt(correct.mean(axis=0).var() / 400)
    assert found.interval == pytest.approx((found.value - half, found.value + half), abs=0.01)
    paired = statistics.difference(correct, np.zeros_like(correct))
    assert paired.interval == paired.over_images and paired.distinguishable


def test_p_is_the_larger_of_both_sources_of_chance() -> None:
    rng = np.random.default_rng(1)
    base = rng.random((3, 1, 2000))
    varying = base < np.array([0.5, 0.6, 0.7])[:, None, None]
    result = statistics.difference(varying, base < 0.55)
    by_seed = np.array(result.by_seed)
    assert result.p == pytest.approx(stats.ttest_1samp(by_seed, 0).pvalue)
    same = statistics.difference(varying, varying)
    assert same.p == 1 and not same.distinguishable


@settings(deadline=None, max_examples=40)
@given(st.lists(accuracy, min_size=2, max_size=8))
def test_p_is_scipys_and_agrees_with_the_interval(values: list[float]) -> None:
    array = np.array(values) - 0.5
    p, interval = statistics.p_value(array), statistics.t_interval(array)
    assert p is not None and interval is not None
    if np.ptp(array) > 0:
        assert p == pytest.approx(stats.ttest_1samp(array, 0).pvalue)
        if abs(p - 0.05) > 1e-9:
            assert (p < 0.05) == (interval[0] > 0 or interval[1] < 0)
    assert statistics.p_value(array[:1]) is None


def _holm_by_rejection(p_values: list[float]) -> list[float]:
    """Find the smallest α at which Holm's step-down procedure rejects each hypothesis."""
    m = len(p_values)
    grid = sorted({min(1.0, p * k) for p in p_values for k in range(1, m + 1)})

    def rejected(alpha: float) -> set[int]:
        found: set[int] = set()
        for place, row in enumerate(sorted(range(m), key=lambda row: p_values[row])):
            if p_values[row] * (m - place) > alpha:
                break
            found.add(row)
        return found

    return [next((a for a in grid if row in rejected(a)), 1.0) for row in range(m)]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=0, max_size=6))
def test_holm_is_the_step_down_procedure(p_values: list[float]) -> None:
    assert statistics.holm(p_values) == pytest.approx(_holm_by_rejection(p_values))


def test_holm_of_an_example_by_hand() -> None:
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_spread_keeps_seeds_and_draws_apart() -> None:
    rng = np.random.default_rng(0)
    seeds, draws = rng.normal(0, 0.03, (4000, 1)), rng.normal(0, 0.05, (4000, 5))
    found = statistics.spread(0.5 + seeds + draws)
    assert found.seeds == pytest.approx(0.03, rel=0.05)
    assert found.draws == pytest.approx(0.05, rel=0.05)
    only_draws = statistics.spread(np.array([[0.4, 0.6], [0.4, 0.6]]))
    assert only_draws.seeds == 0 and only_draws.draws == pytest.approx(np.sqrt(0.02))


def test_spread_of_one_seed_or_one_draw_is_unknown() -> None:
    assert statistics.spread(np.array([[0.4, 0.5]])).seeds is None
    one_draw = statistics.spread(np.array([[0.4], [0.5]]))
    assert one_draw.draws is None and one_draw.seeds == pytest.approx(np.std([0.4, 0.5], ddof=1))
