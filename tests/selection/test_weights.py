"""Weights of targets, and the stop by similarity."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from selection_worlds import open_gate, picked, plain, random_gate, random_world, uid

from sept_core import errors
from sept_core.selection import weights
from sept_core.selection.run import select
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import STRATEGIES
from sept_core.selection.weights import Weights

some = settings(deadline=None, max_examples=80)
WEIGHTED = [name for name, one in STRATEGIES.items() if one.weighted]
numbers = st.integers(1, 10_000).map(lambda hundredths: hundredths / 100)


@given(numbers, numbers, st.integers(1, 500))
@settings(deadline=None, max_examples=200)
def test_turns_add_up_and_grow_with_the_weight(one, other, rounds):
    low, high = sorted([one, other])
    total = {w: sum(weights.turns(w, r) for r in range(1, rounds + 1)) for w in (low, high)}
    assert total[low] <= total[high]
    assert total[low] == round(low * 10**6) * rounds // 10**6
    assert weights.turns(1.0, rounds) == 1


@given(st.lists(numbers, min_size=1, max_size=5), st.integers(1, 60))
@some
def test_counts_follow_the_weights_where_nothing_is_shared(values, budget):
    """Each target has 200 images of its own, all equally similar."""
    table = np.kron(np.eye(len(values)), np.full(200, 0.5))
    world = plain(table, weights=np.array(values), floors={90.0: 0.4})
    chosen = SelectionSettings(budget=budget, floor_percentile=90.0)
    result = select(chosen, world, open_gate(world))
    counts = Counter(result.picks["target_uid"].to_pylist())
    ordered = sorted(zip(values, world.target_uids.tolist(), strict=True))
    found = [counts[target.decode()] for _, target in ordered]
    # equal up to the turns of the round that the budget cuts
    cut = [int(np.ceil(value)) for value, _ in ordered]
    assert all(a <= b + c for a, b, c in zip(found, found[1:], cut, strict=False))


def test_a_weight_of_two_gives_two_turns():
    world = plain([[0.9, 0.8, 0.7, 0, 0, 0], [0, 0, 0, 0.6, 0.5, 0.4]], weights=np.array([2.0, 1]))
    result = select(SelectionSettings(budget=3), world, open_gate(world))
    assert picked(result) == [uid("p0"), uid("p1"), uid("p3")]
    assert result.picks["weight"].to_pylist() == [2.0, 2.0, 1.0]


def test_a_weight_of_a_half_waits_every_other_round():
    world = plain([[0.9, 0.8, 0.7, 0, 0, 0], [0, 0, 0, 0.6, 0.5, 0.4]], weights=np.array([0.5, 1]))
    result = select(SelectionSettings(budget=3), world, open_gate(world))
    assert picked(result) == [uid("p3"), uid("p0"), uid("p4")]


@given(
    strategy=st.sampled_from(WEIGHTED),
    seed=st.integers(0, 10**6),
    n_pool=st.integers(1, 40),
    n_targets=st.integers(1, 5),
    budget=st.integers(1, 40),
    smaller=st.integers(1, 40),
)
@some
def test_contracts_hold_with_weights(strategy, seed, n_pool, n_targets, budget, smaller):
    rng = np.random.default_rng(seed)
    world = random_world(rng, n_pool, n_targets)
    entry = random_gate(rng, world)
    assume(len(entry.pinned) <= budget)
    world.weights = np.round(rng.uniform(0.3, 4, n_targets), 2)
    chosen = SelectionSettings(strategy=strategy, budget=budget, seed=seed)
    result = select(chosen, world, entry)
    assert select(chosen, world.shuffled(rng), entry).picks.equals(result.picks)
    got = picked(result)
    assert len(got) == len(set(got)) <= budget
    assert not set(got) & set(entry.vetoed.tolist())
    few = replace(chosen, budget=min(budget, smaller))
    if chosen.is_prefix and len(entry.pinned) <= few.budget:
        short = select(few, world, entry).picks
        assert result.picks.slice(0, short.num_rows).equals(short)
    even = select(chosen, replace(world, weights=None), entry)
    equal = select(chosen, replace(world, weights=np.full(n_targets, 2.0)), entry)
    if strategy != "instance-search" and strategy != "class-balanced":
        assert picked(equal) == picked(even)  # only the proportions of weights count


def test_quotas_follow_the_weights_of_classes():
    world = plain(
        np.array([[0.9 - i / 100 for i in range(20)], [0.9 - i / 100 for i in range(20)]]),
        target_labels=["a", "b"],
        weights=np.array([3.0, 1.0]),
    )
    chosen = SelectionSettings(strategy="class-balanced", budget=8)
    result = select(chosen, world, open_gate(world))
    assert sorted(Counter(result.picks["target_uid"].to_pylist()).values()) == [2, 6]


def test_clusters_are_filled_by_the_weights_of_their_targets():
    world = plain(
        np.full((2, 20), 0.5),
        pool_clusters=np.repeat([0, 1], 10),
        target_clusters=np.array([0, 1]),
        weights=np.array([1.0, 3.0]),
    )
    result = select(SelectionSettings(strategy="clusters", budget=8), world, open_gate(world))
    heavy = set(world.pool_uids[10:].tolist())
    assert len(heavy & set(picked(result))) == 6


def test_weights_survive_json_and_drop_those_of_one():
    made = Weights(sets={"pets": 2, "food": 1.0}, classes={"food/ramen": 3.5})
    assert made == Weights(sets=(("pets", 2.0),), classes=(("food/ramen", 3.5),))
    assert Weights(**made.to_json()) == made
    assert not Weights(sets={"pets": 1}) and made
    assert made.renamed({"food": "s2"}).classes == (("s2/ramen", 3.5),)


def test_words_are_parsed():
    made = weights.parse(["pets=2", "food/hot=dog=0.5", "uid:ab=3"])
    assert made == Weights((("pets", 2.0),), (("food/hot=dog", 0.5),), (("ab", 3.0),))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pets"], "'pets' is not of the form SET=2, SET/CLASS=3 or uid:HEX=2"),
        (["=2"], "is not of the form"),
        (["pets=much"], "is not of the form"),
        (["pets=nan"], "is not of the form"),
        (["pets=0"], "Weight 0.0 of 'pets' must be a number from 0.01 to 100"),
        (["pets=2", "pets=3"], "weight of 'pets' is given twice"),
    ],
)
def test_wrong_words_are_named(words, message):
    with pytest.raises(errors.InputError, match=message):
        weights.parse(words)


MEMBERS = [("pets", "a1", "cat"), ("pets", "a2", "dog"), ("food", "a2", "ramen")]


def test_weights_multiply_and_the_largest_counts():
    made = weights.parse(["pets=2", "pets/dog=0.5", "food/ramen=3", "uid:a1=1.5"])
    assert weights.by_target(made, MEMBERS) == {"a1": 3.0, "a2": 3.0}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("birds=2", "target set 'birds', which this selection does not search with; .* food, pets"),
        ("food/sushi=2", "class 'food/sushi', .* food/ramen, pets/cat, pets/dog"),
        ("uid:ff=2", "target image 'ff'"),
    ],
)
def test_unknown_names_are_refused(word, message):
    with pytest.raises(errors.InputError, match=message):
        weights.by_target(weights.parse([word]), MEMBERS)


def test_strategies_without_weights_refuse_them():
    with pytest.raises(errors.InputError, match="'random' does not use weights; choose one of in"):
        SelectionSettings(strategy="random", budget=5, weights=Weights(sets={"pets": 2}))


def test_the_search_stops_where_similarity_falls():
    falling = np.concatenate([np.full(5, 0.9), np.linspace(0.89, 0.3, 60)])
    world = plain([falling])
    chosen = SelectionSettings(stop_ratio=0.95, stop_round=5)
    result = select(chosen, world, open_gate(world))
    kept = falling[: result.picks.num_rows]
    assert kept[-1] < 0.95 * 0.9 <= kept[-2]
    assert result.short_because is None and "--stop-ratio" in result.shortfall
    assert select(replace(chosen, budget=60), world, open_gate(world)).short_because == "stop_rule"


def test_the_search_stops_at_fifty_images_per_target():
    world = plain(np.full((2, 150), 0.5))
    chosen = SelectionSettings(stop_ratio=0.95)
    assert select(chosen, world, open_gate(world)).picks.num_rows == 100


@given(
    seed=st.integers(0, 10**6),
    n_pool=st.integers(1, 40),
    n_targets=st.integers(1, 4),
    budgets=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    ratio=st.sampled_from([0.5, 0.9, 0.99]),
    number=st.integers(1, 5),
)
@some
def test_a_stopped_search_keeps_prefixes(seed, n_pool, n_targets, budgets, ratio, number):
    rng = np.random.default_rng(seed)
    world = random_world(rng, n_pool, n_targets)
    entry = replace(random_gate(rng, world), pinned=world.pool_uids[:0])
    chosen = SelectionSettings(budget=max(budgets), stop_ratio=ratio, stop_round=number)
    short = select(replace(chosen, budget=min(budgets)), world, entry).picks
    long = select(chosen, world, entry).picks
    open_end = select(replace(chosen, budget=None), world, entry).picks
    assert long.slice(0, short.num_rows).equals(short)
    assert open_end.slice(0, long.num_rows).equals(long)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stop_ratio": 1.0}, "stop_ratio is 1.0; it must be between 0 and 1"),
        ({"stop_ratio": 0.9, "strategy": "random"}, "'random' has no rounds that could stop"),
        ({"stop_ratio": 0.9, "fill": True}, "fill adds images after stop_ratio"),
        ({"stop_round": 0}, "stop_round is 0"),
        ({"with_target": True, "strategy": "target-images-only"}, "consists of the target's own"),
    ],
)
def test_wrong_stops_are_named(wrong, message):
    with pytest.raises(errors.InputError, match=message):
        SelectionSettings(**{"budget": 5, **wrong})
