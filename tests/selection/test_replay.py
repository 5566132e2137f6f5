"""A kept ground: after any sequence of decisions it gives what a fresh selection gives."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selection_worlds import random_gate, random_world

from sept_core import errors
from sept_core.selection import gate
from sept_core.selection.run import select
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import STRATEGIES

ACTIONS = ("veto", "pin", "free", "negative")
decided = st.tuples(st.integers(0, 39), st.sampled_from(ACTIONS), st.booleans())


@given(
    strategy=st.sampled_from([n for n, s in STRATEGIES.items() if not s.from_targets]),
    seed=st.integers(0, 10**6),
    steps=st.lists(decided, min_size=1, max_size=6),
    cap=st.integers(1, 3),
    fill=st.booleans(),
)
@settings(deadline=None, max_examples=150)
def test_a_kept_ground_gives_what_a_fresh_selection_gives(strategy, seed, steps, cap, fill):
    rng = np.random.default_rng(seed)
    world = random_world(rng, 40, 4)
    entry = random_gate(rng, world, in_filter=rng.uniform(size=40) < 0.9)
    ground = gate.Ground(entry)
    chosen = SelectionSettings(strategy, 30, seed=seed, duplicate_cap=cap, fill=fill)
    state = dict.fromkeys(entry.vetoed.tolist(), "veto")
    state |= dict.fromkeys(entry.pinned.tolist(), "pin")
    for number, action, target in steps:
        state[world.pool_uids[number]] = action
        now = decisions(entry, state)
        if target:
            now = replace(now, vetoed_targets=world.target_uids[: number % 3 + 1])
        kept = outcome(chosen, world, now, lambda entry: ground)
        assert kept == outcome(chosen, world, now)


def decisions(entry, state):
    def having(*actions):
        return np.array([uid for uid, made in state.items() if made in actions], "S32")

    return replace(
        entry,
        vetoed=having("veto", "negative"),
        pinned=having("pin"),
        seated=having("veto"),
        penalties=dict.fromkeys(having("negative").tolist(), 0.1),
    )


def outcome(chosen, world, entry, ground=gate.Ground):
    try:
        found = select(chosen, world, entry, ground)
    except errors.InputError as problem:
        return str(problem)
    return found.picks.to_pylist(), found.funnel, found.short_because, found.shortfall


def test_a_ground_of_sorted_uids_is_that_of_any_order():
    rng = np.random.default_rng(5)
    world = random_world(rng, 30, 2)
    entry = random_gate(rng, world, in_filter=rng.uniform(size=30) < 0.8)
    order = np.argsort(entry.decodable)
    ordered = replace(entry, decodable=entry.decodable[order], in_filter=entry.in_filter[order])
    one, other = gate.Ground(entry), gate.Ground(ordered)
    for name in ("uids", "in_filter", "groups", "group_ids", "leaked"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert np.array_equal(one.hashed_order(3), other.hashed_order(3))
    with pytest.raises(AssertionError, match="not unique"):
        gate.Ground(replace(entry, decodable=np.repeat(entry.decodable[:15], 2)))


def test_more_pins_than_the_budget_are_refused_with_a_kept_ground():
    world = random_world(np.random.default_rng(0), 10, 2)
    entry = gate.Gate(world.pool_uids, 10, pinned=world.pool_uids[:3])
    ground = gate.Ground(entry)
    with pytest.raises(errors.InputError, match="3 images are pinned"):
        select(SelectionSettings(budget=2), world, entry, lambda entry: ground)
