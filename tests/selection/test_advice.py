import numpy as np
from selection_worlds import plain

from sept_core.selection import advice


def test_quartiles_and_distinct_images_by_rank():
    world = plain([[0.9, 0.8, 0.1], [0.7, 0.2, 0.6], [0.5, 0.4, 0.3]])
    found = advice.advise(world.neighbours(4))
    assert found.quartiles[0].tolist() == [0.6, 0.7, 0.8]
    assert np.isnan(found.quartiles[3]).all()
    # first ranks: p0 thrice; second: p1, p2, p1; third: nothing new
    assert found.budgets.tolist() == [1, 3, 3, 3]


def test_budget_flattens_where_the_similar_images_end():
    falling = np.r_[np.linspace(0.9, 0.4, 10), np.linspace(0.39, 0.35, 40)]
    world = plain(falling[None])
    assert advice.advise(world.neighbours(50)).flattens_at == 10


def test_the_knee_does_not_move_with_longer_lists():
    falling = np.r_[np.linspace(0.9, 0.4, 30), np.linspace(0.39, 0.35, 370)]
    world = plain(np.stack([falling, np.roll(falling, 200)]))
    shown = [advice.advise(world.neighbours(depth)) for depth in (advice.KNEE_DEPTH, 250, 400)]
    assert {found.flattens_at for found in shown} == {shown[0].flattens_at}
    assert shown[0].flattens_at is not None
    assert [len(found.budgets) for found in shown] == [advice.KNEE_DEPTH, 250, 400]


def test_a_straight_fall_has_no_knee():
    world = plain(np.linspace(0.9, 0.1, 50)[None])
    assert advice.advise(world.neighbours(50)).flattens_at is None


def test_too_short_or_flat_curves_have_no_knee():
    assert advice.knee(np.array([1, 2]), np.array([0.9, 0.1])) is None
    assert advice.knee(np.array([1, 2, 3]), np.full(3, 0.5)) is None


def test_few_targets_and_a_large_budget_point_to_clusters():
    lists = plain(np.full((2, 5), 0.5)).neighbours(5)
    assert advice.advise(lists, 400).hint is None
    assert "clusters" in advice.advise(lists, 401).hint
