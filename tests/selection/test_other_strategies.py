"""Differences between the strategies, on worlds small enough to check by eye or by brute force."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selection_worlds import open_gate, picked, plain, random_world, uid, uids

from sept_core import errors
from sept_core.selection import balanced
from sept_core.selection.run import select
from sept_core.selection.settings import SelectionSettings
from sept_core.storage import hashing


def owners(selection):
    return [one.encode() for one in selection.picks["target_uid"].to_pylist()]


# class-balanced


def labelled(sizes, pool=12):
    """Targets of class a, b, …; `sizes` images suit each class and no other."""
    table = np.full((len(sizes), pool), -1.0)
    start = 0
    for row, size in enumerate(sizes):
        table[row, start : start + size] = 0.9
        start += size
    return plain(table, target_labels=list("abcdef"[: len(sizes)]), floors={50.0: 0.0})


def test_classes_get_the_same_quota_whatever_their_number_of_targets():
    table = np.random.default_rng(0).uniform(0.1, 0.9, (5, 40)).round(6)
    world = plain(table, target_labels=["a", "b", "b", "b", "b"])
    result = select(SelectionSettings("class-balanced", budget=10), world, open_gate(world))
    assert owners(result).count(uid("t0")) == 5
    assert result.short_because is None


def test_an_unfilled_quota_is_left_or_donated():
    world = labelled([2, 8])
    left = SelectionSettings("class-balanced", budget=8, floor_percentile=50.0)
    result = select(left, world, open_gate(world))
    assert [owners(result).count(t) for t in world.target_uids] == [2, 4]
    assert result.short_because == "quota"
    given_away = SelectionSettings(
        "class-balanced", budget=8, floor_percentile=50.0, unfilled_quota="donate"
    )
    result = select(given_away, world, open_gate(world))
    assert [owners(result).count(t) for t in world.target_uids] == [2, 6]
    assert result.short_because is None


def test_donating_ends_when_no_class_can_go_on():
    world = labelled([2, 3])
    options = SelectionSettings(
        "class-balanced", budget=8, floor_percentile=50.0, unfilled_quota="donate"
    )
    result = select(options, world, open_gate(world))
    assert (result.picks.num_rows, result.short_because) == (5, "similarity_floor")


def test_a_candidate_of_a_class_that_filled_up_is_lost_to_its_quota():
    # t0 and t1 share class a with a quota of one: t0's image fills it, t1's is lost.
    world = plain(
        [[0.9, 0, 0, 0], [0, 0.8, 0, 0], [0, 0, 0.7, 0]],
        target_labels=["a", "a", "b"],
        floors={50.0: 0.5},
    )
    options = SelectionSettings("class-balanced", budget=2, floor_percentile=50.0)
    result = select(options, world, open_gate(world))
    assert picked(result) == [uid("p0"), uid("p2")]
    assert result.funnel["lost_to_quota"] == 1


def test_class_balanced_needs_labels():
    world = plain([[0.9]], target_labels=[None])
    with pytest.raises(errors.InputError, match="needs target labels"):
        select(SelectionSettings("class-balanced", budget=1), world, open_gate(world))


@given(seats=st.integers(0, 200), weights=st.lists(st.integers(0, 20), min_size=1, max_size=8))
@settings(deadline=None, max_examples=100)
def test_largest_remainder_is_within_one_of_the_exact_share(seats, weights):
    weights = np.array(weights, float)
    weights[0] += 1
    shares = balanced.largest_remainder(seats, weights)
    assert shares.sum() == seats
    assert (np.abs(shares - seats * weights / weights.sum()) < 1).all()
    assert (shares[weights == 0] == 0).all()


# clusters


def clustered(pool, targets):
    table = np.random.default_rng(1).uniform(0, 1, (len(targets), len(pool))).round(6)
    return plain(table, pool_clusters=np.array(pool), target_clusters=np.array(targets))


def counts(selection, world):
    cluster = dict(zip(world.pool_uids.tolist(), world.pool_clusters, strict=True))
    return np.bincount([cluster[one] for one in picked(selection)], minlength=3).tolist()


def test_clusters_fill_in_proportion_to_their_targets_and_donate_what_they_lack():
    world = clustered([0] * 50 + [1] * 50 + [2] * 50, [0, 0, 0, 1])
    result = select(SelectionSettings("clusters", budget=40), world, open_gate(world))
    assert counts(result, world) == [30, 10, 0]
    world = clustered([0] * 5 + [1] * 50 + [2] * 50, [0, 0, 0, 1])
    result = select(SelectionSettings("clusters", budget=40), world, open_gate(world))
    assert counts(result, world) == [5, 35, 0]


def test_clusters_with_too_few_targets_do_not_count():
    world = clustered([0] * 9 + [1] * 9, [0, 0, 1])
    options = SelectionSettings("clusters", budget=12, min_targets=2)
    result = select(options, world, open_gate(world))
    assert counts(result, world) == [9, 0, 0]
    assert result.short_because == "quota"


def test_vetoed_targets_do_not_make_a_target_cluster():
    world = clustered([0] * 4 + [1] * 4, [0, 1])
    entry = open_gate(world, vetoed_targets=np.array([uid("t0")]))
    result = select(SelectionSettings("clusters", budget=8), world, entry)
    assert counts(result, world) == [0, 4, 0]


def test_clusters_by_distance_take_the_nearest_first():
    world = clustered([0] * 20, [0])
    options = SelectionSettings("clusters", budget=5, within_cluster="distance")
    nearest = np.argsort(-world.table[0])[:5]
    assert picked(select(options, world, open_gate(world))) == world.pool_uids[nearest].tolist()


def test_clusters_at_equal_distance_go_by_uid():
    world = plain(
        np.full((1, 9), 0.5), pool_clusters=np.zeros(9, int), target_clusters=np.zeros(1, int)
    )
    options = SelectionSettings("clusters", budget=9, within_cluster="distance")
    assert picked(select(options, world, open_gate(world))) == sorted(world.pool_uids.tolist())


def test_small_clusters_get_their_rounded_share():
    world = clustered([0] * 20 + [1] * 20, [0, 0, 0, 0, 0, 1])
    result = select(SelectionSettings("clusters", budget=4), world, open_gate(world))
    assert counts(result, world) == [3, 1, 0]  # of 3.33 and 0.67


def test_clusters_refill_what_duplicates_cost():
    world = clustered([0] * 10 + [1] * 10, [0, 1])
    copies = dict.fromkeys(uids("p", 5).tolist(), 3)
    result = select(
        SelectionSettings("clusters", budget=12), world, open_gate(world, groups=copies)
    )
    assert counts(result, world) == [6, 6, 0]


def test_random_per_cluster_levels_all_clusters():
    world = clustered([0] * 4 + [1] * 50 + [2] * 50, [0])
    result = select(SelectionSettings("random-per-cluster", budget=24), world, open_gate(world))
    assert counts(result, world) == [4, 10, 10]


# coverage


def objective(table, columns):
    return np.sqrt(np.maximum(table[:, columns], 0).sum(axis=1)).sum()


@given(seed=st.integers(0, 10**6), n_pool=st.integers(1, 12), n_targets=st.integers(1, 5))
@settings(deadline=None, max_examples=60)
def test_coverage_is_greedy(seed, n_pool, n_targets):
    world = random_world(np.random.default_rng(seed), n_pool, n_targets)
    budget = max(1, n_pool - 2)
    result = select(SelectionSettings("coverage", budget=budget), world, open_gate(world))
    chosen, able = [], [c for c in range(n_pool) if world.table[:, c].max() > 0]
    while able and len(chosen) < budget:
        best = min(
            able,
            key=lambda c: (
                -round(objective(world.table, [*chosen, c]) - objective(world.table, chosen), 8),
                world.pool_uids[c],
            ),
        )
        chosen.append(best)
        able.remove(best)
    assert picked(result) == world.pool_uids[chosen].tolist()


def test_coverage_prefers_the_target_that_has_nothing_yet():
    world = plain([[0.9, 0.8, 0.0], [0.0, 0.0, 0.3]])
    result = select(SelectionSettings("coverage", budget=3), world, open_gate(world))
    assert picked(result) == [uid("p0"), uid("p2"), uid("p1")]
    assert owners(result) == [uid("t0"), uid("t1"), uid("t0")]
    assert result.picks["target_rank"].to_pylist() == [1, 1, 2]


def test_coverage_gives_an_image_to_the_target_it_is_most_similar_to():
    world = plain([[0.5], [0.9], [0.7]])
    result = select(SelectionSettings("coverage", budget=1), world, open_gate(world))
    assert owners(result) == [uid("t1")]
    assert result.picks["n_targets"].to_pylist() == [3]


def test_coverage_goes_on_over_longer_lists(monkeypatch):
    from sept_core.selection import coverage

    monkeypatch.setattr(coverage, "FIRST_DEPTH", 2)
    world = plain(np.linspace(0.9, 0.1, 9)[None])
    result = select(SelectionSettings("coverage", budget=9), world, open_gate(world))
    assert world.asked == [2, 8, 32]
    assert picked(result) == world.pool_uids.tolist()


def test_coverage_never_takes_what_resembles_no_target():
    world = plain([[0.5, 0.0, -0.2]])
    result = select(SelectionSettings("coverage", budget=3), world, open_gate(world))
    assert (picked(result), result.short_because) == ([uid("p0")], "similarity_floor")


# scores, importance, baselines


@pytest.mark.parametrize("strategy", ["classifier", "hub-corrected"])
def test_scored_strategies_go_by_score_then_uid(strategy):
    world = plain([[0.1] * 4], score=np.array([0.5, 0.9, 0.5, 0.2]))
    result = select(SelectionSettings(strategy, budget=3), world, open_gate(world))
    assert picked(result) == [uid("p1"), *sorted([uid("p0"), uid("p2")])]
    assert owners(result) == [uid("t0")] * 3
    assert result.picks["target_rank"].to_pylist() == [None] * 3


def test_importance_draws_in_proportion_to_the_weights():
    # Cluster 0 holds a quarter of the pool and all 3 targets: weight 3 / ¼ + 1 = 13 against 1.
    world = plain(
        np.zeros((3, 2000)),
        pool_clusters=np.array([0] * 500 + [1] * 1500),
        target_clusters=np.zeros(3, int),
    )
    heavy = set(uids("p", 500).tolist())
    hits = 0
    for seed in range(20):
        options = SelectionSettings("importance", budget=50, seed=seed)
        hits += len(heavy & set(picked(select(options, world, open_gate(world)))))
    # 6500 of 8000 parts of the weight; each of 1000 draws hits with p ≈ 0.81 (σ ≈ 12.5)
    assert abs(hits - 810) < 4 * 12.5


def test_random_is_the_hash_order():
    world = plain(np.zeros((1, 30)))
    result = select(SelectionSettings("random", budget=10, seed=4), world, open_gate(world))
    by_hash = sorted(world.pool_uids.tolist(), key=lambda u: hashing.hashed_uniform(4, u.decode()))
    assert picked(result) == by_hash[:10]
    assert result.picks["similarity"].to_pylist() == [None] * 10


def test_whole_pool_needs_no_budget_and_still_minds_the_gate():
    world = plain(np.zeros((1, 6)))
    entry = open_gate(world, vetoed=np.array([uid("p0")]), groups={uid("p1"): 1, uid("p2"): 1})
    result = select(SelectionSettings("whole-pool"), world, entry)
    kept = min(uid("p1"), uid("p2"))
    assert set(picked(result)) == {kept, uid("p3"), uid("p4"), uid("p5")}
    assert result.short_because is None


def test_target_images_only_are_the_targets_that_are_not_vetoed_or_leaked():
    world = plain(np.zeros((4, 3)))
    entry = open_gate(
        world,
        vetoed_targets=np.array([uid("t1")]),
        leaked=np.array([uid("t2")]),
        pinned=np.array([uid("p0")]),
    )
    result = select(SelectionSettings("target-images-only"), world, entry)
    assert picked(result) == sorted([uid("t0"), uid("t3")])
    assert owners(result) == picked(result)


def test_strategies_ask_only_for_what_they_need():
    class Silent(type(plain([[0.0]]))):
        def neighbours(self, k):
            raise AssertionError("a baseline needs no search")

        clusters = scores = nearest_targets = scaling = neighbours

    world = Silent(uids("p", 5), uids("t", 1), np.zeros((1, 5)))
    for strategy in ("random", "whole-pool", "target-images-only"):
        result = select(SelectionSettings(strategy, budget=1), world, open_gate(world))
        assert result.picks.num_rows == 1
        assert math.isclose(result.funnel["selected"], 1)
