"""Instance search against a slow round-robin that does what docs/method.md §3 says."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selection_worlds import open_gate, picked, plain, random_gate, random_world, uid, uids

from sept_core import errors
from sept_core.selection import instance_search
from sept_core.selection.gate import Gate
from sept_core.selection.run import select
from sept_core.selection.settings import SelectionSettings


def slow_round_robin(world, entry, budget, *, cap=1, floors=(-np.inf,), scaled=False):
    """(uid, target) in order: one image at a time, every candidate of every target looked at."""
    groups = {one: entry.groups.get(one) for one in world.pool_uids.tolist()}
    leaked = set(entry.leaked.tolist())
    leaking = {groups[one] for one in leaked} - {None}
    barred = leaked | set(entry.vetoed.tolist()) | {x for x, g in groups.items() if g in leaking}
    taken = [(one, None) for one in sorted(entry.pinned.tolist()) if one not in barred]

    def allowed(x):
        members = [one for one, _ in taken if groups[one] is not None and groups[one] == groups[x]]
        return x not in barred and x not in dict(taken) and len(members) < cap

    def rank_by(row, column):
        value = world.table[row, column] - entry.penalties.get(world.pool_uids[column], 0.0)
        if scaled:
            value = 2 * value - world.r_t[row] - world.r_x[column]
        return round(value, 6)

    for floor in floors:
        gained = True
        while gained and len(taken) < budget:
            gained, waiting = False, set(range(len(world.target_uids)))
            waiting -= {r for r, t in enumerate(world.target_uids) if t in entry.vetoed_targets}
            while waiting and len(taken) < budget:
                offers = [
                    (-rank_by(row, column), x, world.target_uids[row], row)
                    for row in waiting
                    for column, x in enumerate(world.pool_uids.tolist())
                    if world.table[row, column] >= floor and allowed(x)
                ]
                if not offers:
                    break
                _, x, target, row = min(offers)
                taken.append((x, target))
                waiting.remove(row)
                gained = True
    return taken


@given(
    seed=st.integers(0, 10**6),
    n_pool=st.integers(1, 30),
    n_targets=st.integers(1, 5),
    budget=st.integers(8, 30),
    cap=st.integers(1, 2),
    floors=st.sampled_from([(), (90.0,), (90.0, 60.0, 30.0)]),
    scaled=st.booleans(),
    depth=st.sampled_from([1, 5, 128]),
)
@settings(deadline=None, max_examples=150)
def test_equals_the_slow_reference(seed, n_pool, n_targets, budget, cap, floors, scaled, depth):
    rng = np.random.default_rng(seed)
    world = random_world(rng, n_pool, n_targets)
    entry = random_gate(rng, world)
    budget = max(budget, len(entry.pinned))
    options = SelectionSettings(
        budget=budget,
        duplicate_cap=cap,
        floor_percentile=floors[0] if floors else None,
        expand_percentiles=floors[1:],
        local_scaling=scaled,
    )
    with mock.patch.object(instance_search, "FIRST_DEPTH", depth):
        result = select(options, world, entry)
    cosines = [world.floors[floor] for floor in floors] or [-np.inf]
    expected = slow_round_robin(world, entry, budget, cap=cap, floors=cosines, scaled=scaled)
    assert picked(result) == [one for one, _ in expected]
    own = result.funnel["pinned"]
    owners = [one.encode() for one in result.picks["target_uid"].to_pylist()[own:]]
    assert owners == [target for _, target in expected[own:]]


def test_a_collision_costs_nobody_a_turn():
    # Both targets like p0 best. t0 is more similar and gets it; t1 moves on in the same round.
    world = plain([[0.9, 0.5, 0.1, 0.2], [0.8, 0.7, 0.6, 0.3]])
    result = select(SelectionSettings(budget=4), world, open_gate(world))
    assert picked(result) == [uid("p0"), uid("p1"), uid("p2"), uid("p3")]
    rows = result.picks.to_pydict()
    owners = [uid("t0"), uid("t1"), uid("t1"), uid("t0")]
    assert [one.encode() for one in rows["target_uid"]] == owners
    assert rows["target_rank"] == [1, 2, 3, 3]
    assert rows["similarity"] == [0.9, 0.7, 0.6, 0.2]
    # p0 is first for both; p1 second for both; p3 is third for t0 and last for t1.
    assert rows["n_targets"] == [2, 2, 1, 1]
    assert rows["phase"] == ["core"] * 4
    assert result.short_because is None


def test_equal_similarities_go_by_uid_of_image_then_of_target():
    world = plain(np.full((2, 4), 0.5))
    result = select(SelectionSettings(budget=4), world, open_gate(world))
    assert picked(result) == sorted(world.pool_uids.tolist())
    owners = [one.encode() for one in result.picks["target_uid"].to_pylist()]
    assert owners == sorted(world.target_uids.tolist()) * 2


def test_round_is_ordered_by_similarity():
    world = plain([[0.3, 0.0, 0.0], [0.0, 0.9, 0.0], [0.0, 0.0, 0.6]])
    assert picked(select(SelectionSettings(budget=3), world, open_gate(world))) == [
        uid("p1"),
        uid("p2"),
        uid("p0"),
    ]


def test_lists_grow_until_the_budget_is_full():
    world = plain(np.linspace(1, 0, 100)[None].repeat(4, axis=0))
    with mock.patch.object(instance_search, "FIRST_DEPTH", 8):
        result = select(SelectionSettings(budget=60), world, open_gate(world))
    assert world.asked == [32, 128]  # from twice each target's share on
    assert result.picks.num_rows == 60
    world.asked.clear()
    most = world.pool_uids[:70]
    with mock.patch.object(instance_search, "FIRST_DEPTH", 8):
        result = select(SelectionSettings(budget=20), world, open_gate(world, vetoed=most))
    assert world.asked == [32, 128]
    assert picked(result) == uids("p", 100)[70:90].tolist()


def test_short_at_the_floor_and_expanded_when_asked():
    world = plain([[0.9, 0.6, 0.3, 0.1]], floors={99.0: 0.5, 50.0: 0.2})
    strict = select(SelectionSettings(budget=4, floor_percentile=99.0), world, open_gate(world))
    assert (strict.picks.num_rows, strict.short_because) == (2, "similarity_floor")
    wide = SelectionSettings(budget=4, floor_percentile=99.0, expand_percentiles=(50.0,))
    result = select(wide, world, open_gate(world))
    assert result.picks["phase"].to_pylist() == ["core", "core", "expand"]
    assert result.short_because == "similarity_floor"


def test_floor_of_none_lets_everything_through():
    world = plain([[0.9, -0.5]], floors={50.0: None})
    result = select(SelectionSettings(budget=2, floor_percentile=50.0), world, open_gate(world))
    assert (result.picks.num_rows, result.short_because) == (2, None)


def test_short_at_the_cap_of_the_lists():
    world = plain([[0.9, 0.8, 0.7, 0.6, 0.5]])
    options = SelectionSettings(budget=5, max_neighbours=3)
    result = select(options, world, open_gate(world))
    assert (result.picks.num_rows, result.short_because) == (3, "neighbour_cap")


def test_an_approximate_index_that_finds_no_more_is_a_cap():
    class Approximate(type(plain([[0.0]]))):
        def neighbours(self, k):
            found = super().neighbours(min(k, 2))
            pad = ((0, 0), (0, k - found.uids.shape[1]))
            found.uids = np.pad(found.uids, pad)
            found.similarity = np.pad(found.similarity, pad, constant_values=-np.inf)
            return found

    world = Approximate(uids("p", 4), uids("t", 1), np.array([[0.9, 0.8, 0.7, 0.6]]))
    result = select(SelectionSettings(budget=4), world, open_gate(world))
    assert (result.picks.num_rows, result.short_because) == (2, "neighbour_cap")
    assert world.asked == [2]  # asking for longer lists would be in vain


def test_images_outside_the_filter_are_not_among_the_considered():
    world = plain([[0.9, 0.8, 0.7]])
    entry = open_gate(world, in_filter=np.array([False, True, True]))
    result = select(SelectionSettings(budget=1), world, entry)
    assert picked(result) == [uid("p1")]
    assert (result.funnel["in_filter"], result.funnel["considered"]) == (2, 1)


def test_short_of_pool():
    world = plain([[0.9, 0.8]])
    result = select(SelectionSettings(budget=3), world, open_gate(world))
    assert (result.picks.num_rows, result.short_because) == (2, "pool_exhausted")


def test_vetoed_target_takes_nothing_and_its_images_leave():
    world = plain([[0.9, 0.1, 0.2], [0.1, 0.8, 0.7]])
    entry = open_gate(world, vetoed_targets=np.array([uid("t0")]))
    result = select(SelectionSettings(budget=2), world, entry)
    assert picked(result) == [uid("p1"), uid("p2")]
    assert result.picks["n_targets"].to_pylist() == [1, 1]


def test_without_targets_there_is_nothing_to_search_with():
    world = plain([[0.9, 0.1]])
    with pytest.raises(errors.InputError, match="No target"):
        select(SelectionSettings(budget=1), world, open_gate(world, vetoed_targets=uids("t", 1)))


def test_penalty_moves_an_image_back_but_leaves_the_floor_alone():
    world = plain([[0.9, 0.8, 0.4]], floors={50.0: 0.5})
    entry = open_gate(world, penalties={uid("p0"): 0.6})
    result = select(SelectionSettings(budget=3, floor_percentile=50.0), world, entry)
    assert picked(result) == [uid("p1"), uid("p0")]  # penalised to 0.3, still above the floor
    assert result.picks["similarity"].to_pylist() == [0.8, 0.9]
    assert result.picks["target_rank"].to_pylist() == [2, 1]


def test_scaling_extends_lists_until_it_can_no_longer_change_the_picks():
    # p19 is far down by s but its r_x is so low that it ranks first by s'.
    similarity = np.linspace(0.9, 0.5, 20)
    r_x = np.r_[np.full(19, 0.9), 0.0]
    world = plain(similarity[None], r_t=np.zeros(1), r_x=r_x)
    options = SelectionSettings(budget=1, local_scaling=True)
    with mock.patch.object(instance_search, "FIRST_DEPTH", 1):
        result = select(options, world, open_gate(world))
    assert picked(result) == [uid("p19")]
    assert result.picks["target_rank"].to_pylist() == [20]
    assert world.asked == [4, 16, 64]


def test_lost_candidates_are_counted_where_they_were_lost():
    world = plain([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]])
    entry = Gate(
        world.pool_uids,
        pool_count=9,
        leaked=np.array([uid("p0")]),
        vetoed=np.array([uid("p1")]),
        groups={uid("p2"): 7, uid("p3"): 7},
    )
    result = select(SelectionSettings(budget=2), world, entry)
    assert picked(result) == [uid("p2"), uid("p4")]
    assert result.picks["dup_group"].to_pylist() == [7, None]
    assert result.funnel == {
        "pool": 9,
        "decodable": 6,
        "no_features": 0,
        "in_filter": 6,
        "not_leaked": 5,
        "not_vetoed": 4,
        "considered": 5,
        "lost_to_leaks": 1,
        "lost_to_vetoes": 1,
        "lost_to_duplicates": 1,
        "lost_to_quota": 0,
        "pinned": 0,
        "selected": 2,
    }
