"""Diagnostics against slow references and against answers known beforehand."""

import itertools

import numpy as np
import pytest

from sept_core.selection import diagnostics
from sept_core.selection.diagnostics import Facts


def cloud(n, dim=6, shift=0.0, seed=0):
    """Unit vectors around the first axis."""
    vectors = np.random.default_rng(seed).normal(size=(n, dim)) + shift
    vectors[:, 0] += 1
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def slow_mmd(x, y, kernel):
    def mean(pairs):
        return np.mean([kernel(a.astype(float), b.astype(float)) for a, b in pairs])

    within = mean(itertools.permutations(x, 2)) + mean(itertools.permutations(y, 2))
    return 1e3 * (within - 2 * mean(itertools.product(x, y)))


def polynomial(a, b):
    """Bińkowski's kernel on vectors of length √d."""
    d = len(a)
    return ((np.sqrt(d) * a) @ (np.sqrt(d) * b) / d + 1) ** 3


def distance(a, b):
    return -np.linalg.norm(a - b)


def test_kid_and_energy_equal_the_slow_reference():
    x, y = cloud(23), cloud(31, shift=0.3, seed=1)
    found = diagnostics.two_sample(x, y)
    assert found.kid == pytest.approx(slow_mmd(x, y, polynomial), rel=1e-4)
    assert found.energy == pytest.approx(slow_mmd(x, y, distance), rel=1e-4)


def test_jackknife_equals_leaving_each_part_out(monkeypatch):
    monkeypatch.setattr(diagnostics, "JACKKNIFE_PARTS", 3)
    x, y = cloud(9), cloud(12, shift=0.3, seed=1)
    order_x, order_y = (np.random.default_rng(0).permutation(len(s)) for s in (x, y))
    xs, ys = np.array_split(x[order_x], 3), np.array_split(y[order_y], 3)
    without = [
        slow_mmd(
            np.concatenate(xs[:g] + xs[g + 1 :]), np.concatenate(ys[:g] + ys[g + 1 :]), polynomial
        )
        for g in range(3)
    ]
    expected = np.sqrt(2 / 3 * np.sum((without - np.mean(without)) ** 2))
    assert diagnostics.two_sample(x, y, seed=0).kid_error == pytest.approx(expected, rel=1e-3)


def test_error_tells_how_far_repeated_draws_scatter():
    found = [
        diagnostics.two_sample(cloud(120, seed=2 * s), cloud(150, shift=0.3, seed=2 * s + 1))
        for s in range(40)
    ]
    scatter = np.std([one.kid for one in found])
    assert 0.7 < np.mean([one.kid_error for one in found]) / scatter < 1.5


def test_same_distribution_is_near_zero_and_shift_is_not():
    same = diagnostics.two_sample(cloud(400), cloud(300, seed=1))
    other = diagnostics.two_sample(cloud(400), cloud(300, shift=0.3, seed=1))
    assert abs(same.kid) < 3 * same.kid_error
    assert other.kid > 3 * other.kid_error
    assert other.energy > 3 * other.energy_error


def test_energy_sees_a_collapse():
    collapsed = np.repeat(cloud(10), 30, axis=0)
    found = diagnostics.two_sample(collapsed, cloud(300, seed=1))
    spread = diagnostics.two_sample(cloud(300), cloud(300, seed=1))
    assert found.energy > 5 * abs(spread.energy)
    assert found.kid > 5 * abs(spread.kid)


def slow_coverage(heldout, subset, k=5):
    covered = 0
    for row, target in enumerate(heldout):
        fellows = sorted(
            np.linalg.norm(target - other) for j, other in enumerate(heldout) if j != row
        )
        nearest = min(np.linalg.norm(target - image) for image in subset)
        covered += nearest < fellows[min(k, len(fellows)) - 1]
    return covered / len(heldout)


@pytest.mark.parametrize("size", [2, 4, 60])
def test_coverage_equals_the_slow_reference(size, monkeypatch):
    heldout, subset = cloud(size), cloud(40, shift=0.2, seed=1)
    expected = slow_coverage(heldout, subset)
    assert diagnostics.coverage(heldout, subset) == pytest.approx(expected)
    monkeypatch.setattr(diagnostics, "CELLS", 7)  # one row a block
    assert diagnostics.coverage(heldout, subset) == pytest.approx(expected)


def test_nearest_other_is_not_the_image_itself(monkeypatch):
    subset = cloud(30)
    subset[7] = subset[3]
    cosines = subset @ subset.T - 9 * np.eye(30)
    expected = np.sort(cosines.max(axis=1))
    for cells in (diagnostics.CELLS, 100):
        monkeypatch.setattr(diagnostics, "CELLS", cells)
        assert np.sort(diagnostics.nearest_other(subset)) == pytest.approx(expected, abs=1e-6)


def test_effective_rank_counts_directions():
    axes = np.concatenate([np.eye(8)[:3], -np.eye(8)[:3]])
    assert diagnostics.effective_rank(axes) == pytest.approx(3)
    stretched = axes * np.array([3, 1, 1, 0, 0, 0, 0, 0])
    shares = np.array([3, 1, 1]) / 5
    assert diagnostics.effective_rank(stretched) == pytest.approx(
        np.exp(-(shares * np.log(shares)).sum())
    )
    assert diagnostics.effective_rank(np.ones((4, 8))) == 0


def test_gini():
    assert diagnostics.gini(np.array([5, 5, 5])) == pytest.approx(0)
    assert diagnostics.gini(np.array([0, 0, 0, 9])) == pytest.approx(0.75)
    assert diagnostics.gini(np.array([1, 3])) == pytest.approx(0.25)


def test_large_sets_are_sampled(monkeypatch):
    x, y = cloud(400), cloud(300, shift=0.3, seed=1)
    whole = diagnostics.two_sample(x, y)
    monkeypatch.setattr(diagnostics, "MOST_ROWS", 100)
    sampled = diagnostics.two_sample(x, y)
    assert sampled.kid != whole.kid
    assert abs(sampled.kid - whole.kid) < 5 * sampled.kid_error
    assert len(diagnostics.nearest_other(x)) == 100


def test_report_names_everything_and_explains_it():
    subset, heldout = cloud(60), cloud(50, shift=0.3, seed=1)
    facts = Facts(
        owners=np.array([b"t", b"t", b""], "S32"),
        targets=np.array([b"t", b"u"], "S32"),
        budget=80,
        leaks=0,
        relevant=np.array([True, False]),
        index_recall=0.97,
    )
    found = diagnostics.report(
        3 * subset, heldout=heldout, random=cloud(60, shift=0.3, seed=2), facts=facts
    )
    assert set(found) == set(diagnostics.EXPLANATIONS)
    assert None not in found.values()
    assert found["kid"] == pytest.approx(diagnostics.two_sample(subset, heldout).kid, rel=1e-4)
    assert found["kid"] > found["kid_random"]
    assert abs(found["kid_floor"]) < found["kid"]
    assert found["fill"] == 60 / 80
    assert found["precision"] == 0.5
    assert found["images_per_target_min"] == 0
    assert found["images_per_target_median"] == 1
    assert found["images_per_target_gini"] == pytest.approx(0.5)
    assert (found["leaks"], found["index_recall"]) == (0, 0.97)


def test_what_cannot_be_known_is_none():
    found = diagnostics.report(cloud(1), heldout=cloud(3))
    assert set(found) == set(diagnostics.EXPLANATIONS)
    assert all(value is None for value in found.values())
    alone = diagnostics.report(cloud(30))
    assert {name for name, value in alone.items() if value is not None} == {
        "nearest_in_subset",
        "near_duplicates",
        "effective_rank",
    }


def test_an_empty_subset_is_no_crash():
    found = diagnostics.report(np.empty((0, 6)), heldout=cloud(30), facts=Facts(budget=10))
    assert found["fill"] == 0
    assert found["kid"] is None
