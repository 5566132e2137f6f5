"""Recipes: parts interleaved by shares, under the contracts of every selection."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from selection_worlds import open_gate, picked, plain, random_gate, random_world, uid

from sept_core import errors
from sept_core.selection import gate, mixing
from sept_core.selection.recipes import Part, Seats
from sept_core.selection.run import select
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import STRATEGIES

PARTS = [name for name, one in STRATEGIES.items() if not one.from_targets]
PREFIXES = [name for name in PARTS if STRATEGIES[name].is_prefix]

some = settings(deadline=None, max_examples=80)
worlds = {
    "seed": st.integers(0, 10**6),
    "n_pool": st.integers(1, 40),
    "n_targets": st.integers(1, 5),
    "budget": st.integers(1, 40),
    "cap": st.integers(1, 2),
    "unfilled": st.sampled_from(["leave", "donate"]),
}


@st.composite
def recipes(draw, strategies=PARTS):
    """Two to four parts whose shares are hundredths that sum to 1."""
    names = draw(st.lists(st.sampled_from(strategies), min_size=1, max_size=4))
    cuts = draw(st.sets(st.integers(1, 99), min_size=len(names) - 1, max_size=len(names) - 1))
    ends = [*sorted(cuts), 100]
    shares = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    return tuple(
        Part(f"part {i}", name, share / 100)
        for i, (name, share) in enumerate(zip(names, shares, strict=True))
    )


def build(recipe, seed, n_pool, n_targets, budget, cap, unfilled):
    rng = np.random.default_rng(seed)
    world = random_world(rng, n_pool, n_targets)
    chosen = SelectionSettings(
        recipe=recipe, budget=budget, seed=seed, duplicate_cap=cap, unfilled_part=unfilled
    )
    return world, random_gate(rng, world), chosen


def select_or_skip(chosen, world, entry):
    try:
        return select(chosen, world, entry)
    except errors.InputError as problem:
        assume("pinned" not in str(problem))
        raise


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=6), st.integers(1, 400))
@settings(deadline=None, max_examples=200)
def test_every_part_is_within_one_seat_of_its_share(shares, length):
    whole = sum(shares)
    parts = [Part(str(i), "random", Fraction(share, whole)) for i, share in enumerate(shares)]
    seats = Seats(parts)
    given_seats = [0] * len(parts)
    for number in range(1, length + 1):
        given_seats[seats.next()] += 1
        for share, count in zip(shares, given_seats, strict=True):
            assert abs(Fraction(share * number, whole) - count) < 1


@given(recipe=recipes(), **worlds)
@some
def test_parts_keep_to_their_shares_until_one_runs_dry(recipe, **world):
    world, entry, chosen = build(recipe, **world)
    result = select_or_skip(chosen, world, entry)
    if result.picks.num_rows < chosen.budget:
        return  # a part ran dry
    parts = [name for name in result.picks["part"].to_pylist() if name is not None]
    assert len(parts) == chosen.budget - result.funnel["pinned"]
    counts = Counter()
    if alone_suffice(chosen, world, entry):
        for number, name in enumerate(parts, 1):
            counts[name] += 1
            for part in recipe:
                assert abs(counts[part.name] - part.share * number) < 1 + 1e-9


def alone_suffice(chosen, world, entry):
    """True if each part alone fills the budget, so that none can run dry."""
    return all(
        select(chosen.of_part(part), world, entry).picks.num_rows == chosen.budget
        for part in chosen.recipe
    )


@given(recipe=recipes(), **worlds)
@some
def test_only_eligible_images_once_each(recipe, **world):
    world, entry, chosen = build(recipe, **world)
    result = select_or_skip(chosen, world, entry)
    got = picked(result)
    assert len(got) == len(set(got)) <= chosen.budget
    leaked = set(entry.leaked.tolist())
    bad = {entry.groups[one] for one in leaked if one in entry.groups}
    assert not [one for one in got if one in leaked or entry.groups.get(one) in bad]
    assert not set(got) & set(entry.vetoed.tolist())
    pins = set(entry.pinned.tolist())
    counts = Counter(entry.groups[one] for one in got if one in entry.groups)
    pinned = Counter(entry.groups[one] for one in pins if one in entry.groups)
    assert all(n <= max(chosen.duplicate_cap, pinned[group]) for group, n in counts.items())
    funnel = result.funnel
    losses = sum(count for name, count in funnel.items() if name.startswith("lost_to_"))
    assert funnel["considered"] - losses == funnel["selected"] - funnel["pinned"]
    assert (result.short_because is None) == (len(got) == chosen.budget)
    assert (result.shortfall is None) == (len(got) == chosen.budget)


@given(recipe=recipes(PREFIXES), smaller=st.integers(1, 40), **worlds)
@some
def test_a_smaller_budget_is_a_prefix(recipe, smaller, **world):
    world, entry, chosen = build(recipe, **world)
    few = replace(chosen, budget=min(smaller, chosen.budget))
    assert chosen.is_prefix
    short = select_or_skip(few, world, entry)
    long = select(chosen, world, entry)
    assert long.picks.slice(0, short.picks.num_rows).equals(short.picks)


@given(recipe=recipes(), **worlds)
@some
def test_order_and_layout_do_not_matter(recipe, **world):
    world, entry, chosen = build(recipe, **world)
    result = select_or_skip(chosen, world, entry)
    rng = np.random.default_rng(chosen.seed + 1)
    order = rng.permutation(len(entry.decodable))
    other = replace(entry, decodable=entry.decodable[order], leaked=rng.permutation(entry.leaked))
    again = select(chosen, world.shuffled(rng), other)
    assert again.picks.equals(result.picks)
    assert again.funnel == result.funnel


@given(recipe=recipes(PREFIXES), **worlds)
@some
def test_a_sequence_of_the_budgets_length_is_enough(recipe, **world):
    """Sequences as long as the pool give the same mix as sequences of the budget's length."""
    world, entry, chosen = build(recipe, **world)
    pins = set(entry.pinned.tolist())
    assume(len(pins) <= chosen.budget)

    def mixed(length):
        ledger = gate.Ledger(entry, gate.Ground(entry), chosen.budget, chosen.duplicate_cap)
        whole = gate.Ledger(entry, gate.Ground(entry), length, chosen.duplicate_cap)
        sequences = []
        for part in recipe:
            outcome = STRATEGIES[part.strategy].load()(chosen.of_part(part), world, whole.fork())
            sequences.append(np.concatenate([picks.codes for picks in outcome.picks]))
        made = mixing.mix(recipe, sequences, ledger, chosen.unfilled_part)
        return made.parts.tolist(), made.places.tolist()

    if gate.Ledger(entry, gate.Ground(entry), chosen.budget, chosen.duplicate_cap).room:
        assert mixed(chosen.budget) == mixed(len(world.pool_uids))


@given(strategy=st.sampled_from(PARTS), **worlds)
@some
def test_a_recipe_of_one_part_is_its_strategy(strategy, **world):
    world, entry, mixed = build((Part("all", strategy, 1.0),), **world)
    alone = mixed.of_part(mixed.recipe[0])
    result, plain_one = select_or_skip(mixed, world, entry), select(alone, world, entry)
    assert result.picks.drop_columns(["part"]).equals(plain_one.picks)
    assert result.short_because == plain_one.short_because


def tiny(**more):
    """Two images above the floor, four below; a search for half of the subset runs dry."""
    world = plain(
        [[0.9, 0.8, 0.3, 0.2, 0.1, 0.0]],
        floors={90.0: 0.5},
        target_labels=["a"],
        pool_clusters=np.zeros(6, int),
        target_clusters=np.zeros(1, int),
    )
    parts = (Part("search", "instance-search", 0.5), Part("rest", "random", 0.5))
    chosen = SelectionSettings(budget=6, floor_percentile=90.0, recipe=parts, **more)
    return select(chosen, world, open_gate(world))


def test_seats_of_a_dry_part_stay_open():
    result = tiny(seed=1)
    parts = Counter(result.picks["part"].to_pylist())
    assert parts["rest"] == 3 and parts["search"] <= 2 and result.picks.num_rows < 6
    assert result.short_because == "similarity_floor"
    assert "Part 'search' has no more images, and its seats stay open." in result.shortfall


def test_seats_of_a_dry_part_are_donated():
    result = tiny(seed=1, unfilled_part="donate")
    assert result.picks.num_rows == 6 and result.short_because is None


def test_an_image_of_two_parts_belongs_to_the_one_that_took_it():
    parts = (Part("one", "random", 0.5), Part("two", "random", 0.5))
    world = plain([[0.9, 0.8, 0.7, 0.6]])
    result = select(SelectionSettings(budget=4, recipe=parts), world, open_gate(world))
    assert result.picks["part"].to_pylist() == ["one", "two", "one", "two"]
    alone = select(SelectionSettings(strategy="random", budget=4), world, open_gate(world))
    assert picked(result) == picked(alone)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([("a", "random", 0.5), ("b", "random", 0.4)], "parts a, b sum to 0.9; they must sum to 1"),
        ([("a", "random", 0.5), ("a", "random", 0.5)], "Two parts are named 'a'"),
        ([("a", "nearest", 1.0)], "'a' has the unknown strategy 'nearest'; choose one of instance"),
        ([("a", "target-images-only", 1.0)], "add the target's own images with with_target"),
        ([("target", "random", 1.0)], "No part can be named 'target'"),
        ([("a/b", "random", 1.0)], "Part name 'a/b' is invalid"),
        ([("a", "random", 0.0), ("b", "random", 1.0)], "share of part 'a' is 0.0"),
        ([("a", "random", "half")], "share of part 'a' is not a number"),
    ],
)
def test_wrong_parts_are_named(parts, words):
    with pytest.raises(errors.InputError, match=words):
        SelectionSettings(budget=5, recipe=tuple(Part(*part) for part in parts))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"budget": None}, "The recipe needs a budget"),
        ({"strategy": "random"}, "Both a recipe and the strategy 'random'"),
        ({"unfilled_part": "keep"}, "unfilled_part 'keep' is unknown; choose one of leave, donate"),
        ({"recipe": ({"name": "a"},)}, "must have exactly a name, a strategy and a share"),
    ],
)
def test_wrong_settings_with_a_recipe_are_named(more, words):
    parts = (Part("a", "instance-search", 1.0),)
    with pytest.raises(errors.InputError, match=words):
        SelectionSettings(**{"budget": 5, "recipe": parts, **more})


def test_shares_of_rounded_thirds_are_accepted():
    parts = tuple(Part(name, "random", 0.3333) for name in "abc")
    world = plain([[0.1] * 9])
    result = select(SelectionSettings(budget=9, recipe=parts), world, open_gate(world))
    assert Counter(result.picks["part"].to_pylist()) == {"a": 3, "b": 3, "c": 3}


def own_world(budget=5, **more):
    """Targets t0 and t1, pool p0 to p3; t1 is in the pool too."""
    world = plain([[0.9, 0.8, 0.7, 0.6, 0.2], [0.1, 0.2, 0.3, 0.4, 1.0]])
    world.pool_uids[4] = world.target_uids[1]
    entry = gate.Gate(
        np.append(world.pool_uids, world.target_uids[0]), 6, own=world.target_uids, **more
    )
    chosen = SelectionSettings(budget=budget, with_target=True)
    return world, entry, chosen


def test_the_targets_own_images_come_first_and_count_once():
    world, entry, chosen = own_world()
    result = select(chosen, world, entry)
    own = sorted(world.target_uids.tolist())
    assert picked(result)[:2] == own and len(set(picked(result))) == 5
    first = result.picks.slice(0, 2).to_pylist()
    assert [row["target_uid"].encode() for row in first] == own
    assert result.picks["part"].to_pylist() == ["target", "target", None, None, None]
    assert result.funnel["target_images"] == 2


def test_a_vetoed_target_image_stays_in_the_search():
    world, entry, chosen = own_world(vetoed=np.array([uid("t0")]))
    result = select(chosen, world, entry)
    assert uid("t0") not in picked(result)
    assert uid("t0").decode() in result.picks["target_uid"].to_pylist()


@pytest.mark.parametrize("how", ["leaked", "duplicate"])
def test_guard_and_cap_hold_for_target_images(how):
    more = {"leaked": np.array([uid("t0")])} if how == "leaked" else {}
    if how == "duplicate":
        more = {"groups": {uid("t0"): 7, uid("t1"): 7, uid("p0"): 7}}
    world, entry, chosen = own_world(**more)
    got = set(picked(select(chosen, world, entry)))
    assert len(got & set(world.target_uids.tolist())) == 1
    assert how == "leaked" or uid("p0") not in got


def test_a_budget_below_the_targets_images_is_refused():
    world, entry, chosen = own_world(budget=1)
    with pytest.raises(errors.InputError, match="2 training images of its own, but the budget is"):
        select(chosen, world, entry)


def test_a_pinned_target_image_counts_once():
    world, entry, chosen = own_world(pinned=np.array([uid("t1"), uid("p3")]), budget=3)
    result = select(chosen, world, entry)
    assert set(picked(result)) == {uid("t0"), uid("t1"), uid("p3")}
    assert (result.funnel["pinned"], result.funnel["target_images"]) == (1, 2)


@given(recipe=recipes(PREFIXES), smaller=st.integers(5, 40), **worlds)
@some
def test_prefixes_and_funnel_with_the_targets_images(recipe, smaller, **world):
    world, entry, chosen = build(recipe, **world)
    own = world.target_uids[~np.isin(world.target_uids, entry.vetoed_targets)]
    entry = replace(entry, decodable=np.append(entry.decodable, own), own=own)
    chosen = replace(chosen, with_target=True, budget=max(5, chosen.budget))
    few = replace(chosen, budget=min(smaller, chosen.budget))
    try:
        short, long = select(few, world, entry), select(chosen, world, entry)
    except errors.InputError:
        assume(False)
    assert long.picks.slice(0, short.picks.num_rows).equals(short.picks)
    funnel = long.funnel
    losses = sum(count for name, count in funnel.items() if name.startswith("lost_to_"))
    first = funnel["pinned"] + funnel["target_images"]
    assert funnel["considered"] - losses == funnel["selected"] - first
    assert set(own.tolist()) <= set(picked(long))
