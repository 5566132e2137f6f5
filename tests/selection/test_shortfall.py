"""The sentence on why a selection is short, and the cap that it names."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selection_worlds import open_gate, plain, uid

from sept_core.selection.run import select
from sept_core.selection.settings import SelectionSettings


def grouped(sizes: list[int], alone: int = 0):
    """A world whose pool falls into groups of near-duplicates of these sizes, and some apart."""
    world = plain(np.linspace(0.9, 0.1, sum(sizes) + alone)[None])
    names = np.repeat(np.arange(len(sizes)), sizes).tolist()
    return world, open_gate(world, groups={uid(f"p{i}"): group for i, group in enumerate(names)})


def test_one_group_of_all() -> None:
    world, entry = grouped([60])
    asked = SelectionSettings("instance-search", budget=20)
    assert select(asked, world, entry).shortfall == (
        "60 images are near-duplicates of one another; 1 remains under a duplicate cap of 1. "
        "Raise it to 20 to fill the budget (--duplicate-cap 20)."
    )


def test_a_budget_that_the_pool_cannot_fill() -> None:
    world, entry = grouped([3, 4], alone=2)
    asked = SelectionSettings("random", budget=10, duplicate_cap=2)
    assert select(asked, world, entry).shortfall == (
        "7 images fall into 2 groups of near-duplicates; 4 remain under a duplicate cap of 2. "
        "Raise it to 4 to take them all (--duplicate-cap 4)."
    )


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (SelectionSettings("random", budget=3), "No more images are eligible."),
        (SelectionSettings("random", budget=2), None),
        (SelectionSettings("whole-pool"), None),
    ],
)
def test_without_near_duplicates(asked: SelectionSettings, sentence: str | None) -> None:
    world, entry = grouped([], alone=2)
    assert select(asked, world, entry).shortfall == sentence


def test_the_whole_pool_says_what_near_duplicates_it_leaves_out() -> None:
    world, entry = grouped([5])
    told = select(SelectionSettings("whole-pool"), world, entry).shortfall
    assert told is not None and "5 images are near-duplicates" in told
    assert "Raise it to 5 to take them all" in told


def test_vetoed_images_do_not_count() -> None:
    world, entry = grouped([5])
    vetoed = open_gate(world, groups=entry.groups, vetoed=world.pool_uids[:4])
    told = select(SelectionSettings("random", budget=4), world, vetoed).shortfall
    assert told == "No more images are eligible."


@settings(deadline=None, max_examples=60)
@given(sizes=st.lists(st.integers(1, 6), max_size=5), alone=st.integers(0, 4), wanted=st.data())
def test_the_cap_that_it_names_fills_the_budget(
    sizes: list[int], alone: int, wanted: st.DataObject
) -> None:
    world, entry = grouped(sizes, alone)
    if not len(world.pool_uids):
        return
    budget = wanted.draw(st.integers(1, len(world.pool_uids)))
    result = select(SelectionSettings("random", budget=budget), world, entry)
    assert (result.shortfall is None) == (result.picks.num_rows == budget)
    if result.shortfall:
        cap = int(result.shortfall.split("Raise it to ")[1].split()[0])
        for tried, filled in ((cap, True), (cap - 1, False)):
            asked = SelectionSettings("random", budget=budget, duplicate_cap=tried)
            assert (select(asked, world, entry).picks.num_rows == budget) == filled
