"""docs/method.md §2's contracts, for every strategy, over random worlds."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from selection_worlds import open_gate, picked, plain, random_gate, random_world, uid, uids

from sept_core import errors
from sept_core.selection.run import PICKS_SCHEMA, select
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import STRATEGIES

REASONS = {"similarity_floor", "neighbour_cap", "quota", "pool_exhausted"}
ALL = sorted(STRATEGIES)
FROM_POOL = [name for name in ALL if name != "target-images-only"]

many = settings(deadline=None, max_examples=120)
worlds = {
    "seed": st.integers(0, 10**6),
    "n_pool": st.integers(1, 40),
    "n_targets": st.integers(1, 6),
    "budget": st.integers(1, 40),
}
asked = {
    "fill": st.booleans(),
    "cap": st.integers(1, 3),
    "donate": st.booleans(),
    "distance": st.booleans(),
    "floor": st.sampled_from([None, 90.0, 30.0]),
    "max_neighbours": st.sampled_from([4, 4096]),
}


def build(strategy, seed, n_pool, n_targets, budget, more):
    rng = np.random.default_rng(seed)
    world = random_world(rng, n_pool, n_targets)
    entry = random_gate(rng, world, in_filter=rng.uniform(size=n_pool) < 0.9)
    chosen = SelectionSettings(
        strategy=strategy,
        budget=budget,
        seed=seed,
        fill=more["fill"],
        duplicate_cap=more["cap"],
        unfilled_quota="donate" if more["donate"] else "leave",
        within_cluster="distance" if more["distance"] else "hash",
        floor_percentile=more["floor"],
        max_neighbours=more["max_neighbours"],
    )
    return rng, world, entry, chosen


def leaking(entry):
    """The leaked images with their groups, as docs/method.md §3 wants them."""
    leaked = set(entry.leaked.tolist())
    groups = {entry.groups[one] for one in leaked if one in entry.groups}
    return leaked | {one for one, group in entry.groups.items() if group in groups}


def select_or_skip(chosen, world, entry):
    pins = set(entry.pinned.tolist()) - leaking(entry)
    if chosen.strategy in FROM_POOL:
        assume(len(pins) <= chosen.budget)
    return select(chosen, world, entry)


def test_every_strategy_has_a_function():
    assert all(callable(strategy.load()) for strategy in STRATEGIES.values())


def test_menus_read_the_strategies_without_any_library():
    code = (
        "import sys; from sept_core.selection import settings; assert settings.STRATEGIES;"
        "assert not {'torch', 'numpy', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@given(strategy=st.sampled_from(FROM_POOL), more=st.fixed_dictionaries(asked), **worlds)
@many
def test_only_eligible_images_once_each(strategy, seed, n_pool, n_targets, budget, more):
    _, world, entry, chosen = build(strategy, seed, n_pool, n_targets, budget, more)
    result = select_or_skip(chosen, world, entry)
    got = picked(result)
    assert len(got) == len(set(got)) <= budget
    assert not set(got) & leaking(entry)
    assert not set(got) & set(entry.vetoed.tolist())
    pins = set(entry.pinned.tolist())
    inside = set(world.pool_uids[entry.in_filter].tolist())
    assert set(got) <= inside | pins
    assert pins - leaking(entry) <= set(got)
    assert {one.encode() for one in result.lost_pins} == pins & leaking(entry)
    in_group = Counter(entry.groups[one] for one in got if one in entry.groups)
    pinned_in_group = Counter(entry.groups[one] for one in pins if one in entry.groups)
    assert all(n <= max(more["cap"], pinned_in_group[group]) for group, n in in_group.items())


@given(strategy=st.sampled_from(ALL), more=st.fixed_dictionaries(asked), **worlds)
@many
def test_order_and_layout_do_not_matter(strategy, seed, n_pool, n_targets, budget, more):
    rng, world, entry, chosen = build(strategy, seed, n_pool, n_targets, budget, more)
    result = select_or_skip(chosen, world, entry)
    order = rng.permutation(n_pool)
    other = type(entry)(
        decodable=entry.decodable[order],
        pool_count=entry.pool_count,
        in_filter=entry.in_filter[order],
        leaked=rng.permutation(entry.leaked),
        vetoed=rng.permutation(entry.vetoed),
        pinned=rng.permutation(entry.pinned),
        vetoed_targets=entry.vetoed_targets,
        groups=dict(reversed(entry.groups.items())),
        penalties=entry.penalties,
    )
    again = select(chosen, world.shuffled(rng), other)
    assert again.picks.equals(result.picks)
    assert again.funnel == result.funnel
    assert again.short_because == result.short_because


@given(
    strategy=st.sampled_from([name for name in ALL if STRATEGIES[name].is_prefix]),
    more=st.fixed_dictionaries(asked),
    scaled=st.booleans(),
    smaller=st.integers(1, 40),
    **worlds,
)
@many
def test_a_smaller_budget_is_a_prefix(
    strategy, seed, n_pool, n_targets, budget, more, scaled, smaller
):
    _, world, entry, chosen = build(strategy, seed, n_pool, n_targets, budget, more)
    few = SelectionSettings(
        **{**vars(chosen), "budget": min(smaller, budget), "local_scaling": scaled}
    )
    many_ = SelectionSettings(**{**vars(chosen), "local_scaling": scaled})
    short = select_or_skip(few, world, entry)
    long = select(many_, world, entry)
    assert long.picks.slice(0, short.picks.num_rows).equals(short.picks)
    if short.picks.num_rows < few.budget:
        assert long.picks.num_rows == short.picks.num_rows


@given(strategy=st.sampled_from(ALL), more=st.fixed_dictionaries(asked), **worlds)
@many
def test_the_funnel_adds_up_and_a_short_budget_says_why(
    strategy, seed, n_pool, n_targets, budget, more
):
    _, world, entry, chosen = build(strategy, seed, n_pool, n_targets, budget, more)
    result = select_or_skip(chosen, world, entry)
    funnel = result.funnel
    losses = sum(count for name, count in funnel.items() if name.startswith("lost_to_"))
    assert funnel["considered"] - losses == funnel["selected"] - funnel["pinned"]
    assert funnel["selected"] == result.picks.num_rows
    steps = ["pool", "decodable", "in_filter", "not_leaked", "not_vetoed"]
    counts = [funnel[step] for step in steps]
    assert counts == sorted(counts, reverse=True)
    order = ["pool", "decodable", "no_features", "in_filter", "not_leaked", "not_vetoed"]
    assert list(funnel)[:7] == [*order, "considered"]
    assert (result.short_because is None) == (result.picks.num_rows == budget)
    assert result.short_because in REASONS | {None}
    if result.short_because and more["fill"]:
        assert result.short_because == "pool_exhausted"


@given(strategy=st.sampled_from(ALL), more=st.fixed_dictionaries(asked), **worlds)
@many
def test_provenance_is_true(strategy, seed, n_pool, n_targets, budget, more):
    _, world, entry, chosen = build(strategy, seed, n_pool, n_targets, budget, more)
    result = select_or_skip(chosen, world, entry)
    assert result.picks.schema.equals(PICKS_SCHEMA)
    column = {one: i for i, one in enumerate(world.pool_uids.tolist())}
    row = {one: i for i, one in enumerate(world.target_uids.tolist())}
    for pick in result.picks.to_pylist():
        image = pick["uid"].encode()
        assert pick["dup_group"] == entry.groups.get(image)
        if strategy == "target-images-only":
            assert (pick["target_uid"], pick["similarity"]) == (pick["uid"], 1.0)
            continue
        if pick["target_uid"] is None:
            assert pick["similarity"] is None and pick["target_rank"] is None
            continue
        values = world.table[row[pick["target_uid"].encode()]]
        assert pick["similarity"] == values[column[image]]
        if pick["target_rank"] is not None:
            assert pick["n_targets"] >= 1
            canonical = np.lexsort((world.pool_uids, -values))
            assert canonical[pick["target_rank"] - 1] == column[image]


def test_more_pins_than_budget_is_an_error():
    world = plain([[0.9, 0.8, 0.7]])
    entry = open_gate(world, pinned=world.pool_uids)
    with pytest.raises(errors.InputError, match="3 images are pinned but the budget is 2"):
        select(SelectionSettings(budget=2), world, entry)


def test_pins_count_towards_the_budget_and_their_group():
    world = plain([[0.9, 0.8, 0.7]])
    entry = open_gate(world, pinned=np.array([uid("p2")]), groups={uid("p2"): 1, uid("p0"): 1})
    result = select(SelectionSettings(budget=2), world, entry)
    assert picked(result) == [uid("p2"), uid("p1")]
    assert result.funnel["pinned"] == 1
    assert result.funnel["lost_to_duplicates"] == 1


def test_a_pin_passes_the_filter_but_not_the_guard_and_a_lost_pin_is_named():
    world = plain([[0.9, 0.8, 0.7]])
    entry = open_gate(
        world,
        in_filter=np.array([True, False, True]),
        leaked=np.array([uid("p2")]),
        pinned=np.array([uid("p1"), uid("p2"), uid("gone")]),
    )
    result = select(SelectionSettings(budget=3), world, entry)
    assert picked(result) == [uid("p1"), uid("p0")]
    assert result.lost_pins == {
        uid("p2").decode(): "leaked",
        uid("gone").decode(): "not in the pool",
    }


def test_a_leak_takes_its_duplicate_group_along():
    world = plain([[0.9, 0.8, 0.7]])
    entry = open_gate(world, leaked=np.array([uid("p0")]), groups={uid("p0"): 4, uid("p1"): 4})
    result = select(SelectionSettings(budget=3), world, entry)
    assert picked(result) == [uid("p2")]
    assert result.funnel["not_leaked"] == 1


@pytest.mark.parametrize("strategy", FROM_POOL)
def test_an_empty_pool_is_exhausted(strategy):
    world = plain(np.empty((2, 0)), target_labels=["a", "b"])
    result = select(SelectionSettings(strategy, budget=3), world, open_gate(world))
    assert (result.picks.num_rows, result.short_because) == (0, "pool_exhausted")


def test_fill_comes_from_target_clusters_first():
    world = plain(
        [[0.9] + [0.1] * 30],
        pool_clusters=np.array([0] * 11 + [1] * 20),
        target_clusters=np.array([0]),
        floors={90.0: 0.5},
    )
    options = SelectionSettings(budget=16, floor_percentile=90.0, fill=True)
    result = select(options, world, open_gate(world))
    got = picked(result)
    assert set(got[:11]) == set(uids("p", 11).tolist())
    assert result.picks["phase"].to_pylist() == ["core"] + ["fill"] * 15
    assert result.picks["target_uid"].to_pylist()[1:] == [None] * 15
    assert result.short_because is None


def test_a_seated_veto_keeps_its_place_in_its_group():
    world = plain([[0.9, 0.8, 0.7, 0.6, 0.5]])
    pool = world.pool_uids
    groups = dict.fromkeys(pool[:3].tolist(), 7)
    chosen = SelectionSettings(budget=2)

    def taken(cap=1, **more):
        entry = open_gate(world, vetoed=pool[:1], groups=groups, **more)
        return picked(select(replace(chosen, duplicate_cap=cap), world, entry))

    assert taken() == [pool[1], pool[3]], "a near-duplicate takes the place of the vetoed image"
    assert taken(seated=pool[:1]) == [pool[3], pool[4]]
    assert taken(2, seated=pool[:1]) == [pool[1], pool[3]], "the cap leaves one more place"
    assert taken(seated=pool[:1], pinned=pool[2:3]) == [pool[2], pool[3]], "pins pass any cap"
