"""A small world for selection tests: a similarity table and everything derived from it."""

import hashlib
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np

from sept_core.selection import evidence, gate


def uid(name):
    return hashlib.sha256(str(name).encode()).hexdigest()[:32].encode()


def uids(prefix, count):
    return np.array([uid(f"{prefix}{i}") for i in range(count)], "S32")


@dataclass
class World:
    """Evidence made from a (T, N) table of similarities; `asked` records the depths."""

    pool_uids: np.ndarray
    target_uids: np.ndarray
    table: np.ndarray
    target_labels: list = None
    pool_clusters: np.ndarray = None
    target_clusters: np.ndarray = None
    score: np.ndarray = None
    r_t: np.ndarray = None
    r_x: np.ndarray = None
    weights: np.ndarray = None
    floors: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)

    def neighbours(self, k):
        self.asked.append(k)
        found = np.full((len(self.target_uids), k), b"", "S32")
        similarity = np.full(found.shape, -np.inf)
        for row, values in enumerate(self.table):
            order = np.lexsort((self.pool_uids, -values))[:k]
            found[row, : len(order)] = self.pool_uids[order]
            similarity[row, : len(order)] = values[order]
        complete = k >= len(self.pool_uids)
        return SimpleNamespace(
            targets=self.target_uids, uids=found, similarity=similarity, complete=complete
        )

    def clusters(self):
        distance = 1 - self.table.max(axis=0)
        return evidence.Clusters(self.pool_clusters, self.target_clusters, distance)

    @property
    def target_weights(self):
        return np.ones(len(self.target_uids)) if self.weights is None else self.weights

    def tree(self):
        """The clusters in pairs: 0 and 1 have the parent 0, and so on."""
        return evidence.Tree(self.pool_clusters, (np.arange(6) // 2,))

    def scores(self, name):
        assert name in {"classifier", "hub-corrected"}
        return self.score

    def nearest_targets(self, wanted):
        columns = [self.pool_uids.tolist().index(one) for one in wanted.tolist()]
        rows = [
            min(range(len(self.table)), key=lambda r: (-self.table[r, c], self.target_uids[r]))
            for c in columns
        ]
        return self.target_uids[rows], self.table[rows, columns]

    def scaling(self):
        return evidence.Scaling(self.r_t, self.r_x)

    def floor_similarity(self, percentile):
        return self.floors[percentile]

    def shuffled(self, rng):
        """The same world with pool and targets in another order."""
        p, t = rng.permutation(len(self.pool_uids)), rng.permutation(len(self.target_uids))
        return replace(
            self,
            pool_uids=self.pool_uids[p],
            target_uids=self.target_uids[t],
            table=self.table[np.ix_(t, p)],
            target_labels=[self.target_labels[i] for i in t],
            pool_clusters=self.pool_clusters[p],
            target_clusters=self.target_clusters[t],
            score=self.score[p],
            r_t=self.r_t[t],
            r_x=self.r_x[p],
            weights=None if self.weights is None else self.weights[t],
            asked=[],
        )


def plain(table, **more):
    """A world with the given similarities; pool image 0 is `uid("p0")`, target 0 `uid("t0")`."""
    table = np.asarray(table, float)
    return World(uids("p", table.shape[1]), uids("t", table.shape[0]), table, **more)


def random_world(rng, n_pool, n_targets):
    """Similarities in steps of 0.05, so that ties are common; hubs, so that targets collide."""
    hubness = rng.normal(0, 0.2, n_pool)
    table = np.round((rng.uniform(0, 0.6, (n_targets, n_pool)) + hubness) * 20) / 20
    return plain(
        table,
        target_labels=["a"] + [["a", "b", None][i] for i in rng.integers(0, 3, n_targets - 1)],
        pool_clusters=rng.integers(0, 5, n_pool),
        target_clusters=rng.integers(0, 5, n_targets),
        score=np.round(rng.normal(size=n_pool), 1),
        r_t=np.round(rng.uniform(0, 1, n_targets), 6),
        r_x=np.round(rng.uniform(0, 1, n_pool), 6),
        floors={90.0: 0.5, 60.0: 0.35, 30.0: 0.1},
    )


def random_gate(rng, world, **more):
    """Leaks, vetoes, pins, groups and penalties for some of the pool."""
    pool = world.pool_uids
    fate = rng.choice(["free", "leaked", "vetoed", "pinned"], len(pool), p=[0.7, 0.1, 0.1, 0.1])
    in_group = pool[rng.uniform(size=len(pool)) < 0.4].tolist()
    penalised = pool[rng.uniform(size=len(pool)) < 0.2].tolist()
    return gate.Gate(
        decodable=pool,
        pool_count=len(pool) + 3,
        leaked=pool[fate == "leaked"],
        vetoed=pool[fate == "vetoed"],
        pinned=pool[fate == "pinned"],
        vetoed_targets=world.target_uids[1:][rng.uniform(size=len(world.target_uids) - 1) < 0.2],
        groups={one: int(rng.integers(100, 105)) for one in in_group},
        penalties={one: float(rng.integers(0, 4)) / 10 for one in penalised},
        **more,
    )


def open_gate(world, **more):
    return gate.Gate(world.pool_uids, len(world.pool_uids), **more)


def picked(selection):
    return [one.encode() for one in selection.picks["uid"].to_pylist()]
