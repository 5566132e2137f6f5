"""Balanced sampling from a tree of clusters."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
from selection_worlds import open_gate, picked, plain, random_world

from sept_core.selection import clusters, evidence
from sept_core.selection.run import select
from sept_core.selection.settings import SelectionSettings


class Forest:
    """A world with the given leaves and parents."""

    def __init__(self, leaves, *parents):
        self.world = plain(np.zeros((1, len(leaves))))
        self._tree = evidence.Tree(np.array(leaves), tuple(map(np.array, parents)))

    def take(self, budget):
        world = SimpleNamespace(
            tree=lambda: self._tree,
            **{name: getattr(self.world, name) for name in ("pool_uids", "target_uids")},
            target_weights=np.ones(1),
        )
        chosen = SelectionSettings(strategy="hierarchical", budget=budget)
        result = select(chosen, world, open_gate(self.world))
        place = {one: i for i, one in enumerate(self.world.pool_uids.tolist())}
        return [int(self._tree.leaves[place[one]]) for one in picked(result)]


def test_a_dense_region_of_many_clusters_gets_the_share_of_one_branch():
    leaves = [number for number in range(10) for _ in range(20)]
    forest = Forest(leaves, [0] * 8 + [1, 2])  # eight of ten clusters lie in one branch
    counts = Counter(forest.take(30))
    assert counts[8] == counts[9] == 10
    assert sum(counts[number] for number in range(8)) == 10
    assert max(counts[number] for number in range(8)) - min(counts[n] for n in range(8)) <= 1


def test_the_share_of_an_empty_branch_goes_to_its_siblings():
    forest = Forest([0, 1, 1, 1, 1, 2, 2, 2, 2], [0, 0, 1])
    assert Counter(forest.take(9)) == {0: 1, 1: 4, 2: 4}
    assert Counter(forest.take(4)) == {0: 1, 1: 1, 2: 2}


def test_random_per_cluster_uses_the_tree_in_a_large_pool(monkeypatch):
    monkeypatch.setattr(clusters, "LARGE_POOL", 29)
    world = random_world(np.random.default_rng(0), 30, 2)
    flat = SelectionSettings(strategy="random-per-cluster", budget=12)
    tree = SelectionSettings(strategy="hierarchical", budget=12)
    assert clusters.uses_tree(flat, world) and not clusters.uses_tree(tree, world)
    entry = open_gate(world)
    assert select(flat, world, entry).picks.equals(select(tree, world, entry).picks)


def test_one_level_is_random_per_cluster():
    counts = Counter(Forest([0] * 10 + [1] * 10 + [2] * 2).take(12))
    assert counts == {0: 5, 1: 5, 2: 2}
