"""Near-duplicates: hash pairs against brute force, groups by hand, order and chains."""

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core import errors
from sept_core.dedup import near_duplicates
from sept_core.features import feature_store
from sept_core.index import graph
from sept_core.jobs import job_folder
from sept_core.storage import atomic, hashing

DIM = 16


def uid(number: int) -> str:
    return f"{number:02x}" * 16


def make_store(folder: Path, vectors: np.ndarray, numbers: list[int]) -> feature_store.FeatureStore:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    uids = np.array([uid(number) for number in numbers], hashing.UID_DTYPE)
    outcomes = feature_store.OUTCOME_SCHEMA.empty_table()
    feature_store.write_shard(folder, 0, "toy-12345678", uids, unit, outcomes)
    return feature_store.FeatureStore(folder)


def link(store: feature_store.FeatureStore) -> graph.Graph:
    wanted = graph.Settings(store=str(store.folder), out="", k=min(6, len(store) - 1))
    return graph.build(store, wanted, lambda done: None)


def hash_table(hashes: dict[int, int]) -> pa.Table:
    columns = {"uid": [uid(number) for number in hashes], "phash": list(hashes.values())}
    return pa.table(columns, schema=pa.schema([("uid", pa.string()), ("phash", pa.uint64())]))


def as_sets(groups: near_duplicates.Groups) -> set[frozenset[int]]:
    found: dict[int, set[int]] = {}
    for one, group in zip(groups.uids.tolist(), groups.groups.tolist(), strict=True):
        found.setdefault(group, set()).add(int(one[:2], 16))
    return {frozenset(members) for members in found.values()}


def turned(angles: list[float]) -> np.ndarray:
    """Unit vectors in one plane: the cosine of two is that of their angles' difference."""
    vectors = np.zeros((len(angles), DIM))
    vectors[:, 0], vectors[:, 1] = np.cos(angles), np.sin(angles)
    return vectors


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, near_duplicates.MAX_BITS),
    st.lists(st.integers(0, 2**64 - 1), max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.sets(st.integers(0, 63), max_size=8)), max_size=20),
)
def test_near_hashes_are_those_of_brute_force(
    bits: int, seeds: list[int], changes: list[tuple[int, set[int]]]
) -> None:
    hashes = [seed for seed in seeds if seed.bit_count() >= near_duplicates.MIN_SET_BITS + 8]
    for source, flips in changes:
        if source < len(hashes):
            hashes.append(hashes[source] ^ sum(1 << bit for bit in flips))
    hashes = [one for one in hashes if one.bit_count() >= near_duplicates.MIN_SET_BITS]
    array = np.array(hashes, np.uint64)
    found = {
        tuple(pair) for pairs in near_duplicates.near_hashes(array, bits) for pair in pairs.tolist()
    }
    assert found == {
        (i, j)
        for i, j in itertools.combinations(range(len(hashes)), 2)
        if (hashes[i] ^ hashes[j]).bit_count() <= bits
    }


def test_flat_and_crowded_hashes_pair_with_nothing() -> None:
    blank, logo = 1 << 63, 0x5555_5555_5555_5555
    hashes = np.array([blank, blank, *[logo] * (near_duplicates.CROWD + 1)], np.uint64)
    assert not sum(len(pairs) for pairs in near_duplicates.near_hashes(hashes, 4))


def test_bits_out_of_range_are_refused() -> None:
    with pytest.raises(errors.InputError, match="between 0 and 6, not 9"):
        list(near_duplicates.near_hashes(np.zeros(2, np.uint64), 9))


def test_groups_come_from_cosines_and_from_confirmed_hashes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(8, DIM))
    vectors[1] = vectors[0] + rng.normal(size=DIM) * 1e-2  # copies by features
    vectors[3] = vectors[2] + rng.normal(size=DIM) * 0.35  # alike, but under τ
    store = make_store(tmp_path, vectors, list(range(8)))
    cosine = float(store.vectors_of(store.uids)[2].astype(float) @ store.gather(np.array([3]))[0])
    assert 0.9 < cosine < 0.95
    word = 0x0123_4567_89AB_CDEF
    hashes = hash_table({2: word, 3: word ^ 0b111, 4: word, 5: ~word & (2**64 - 1)})
    groups = near_duplicates.find(store, link(store), hashes, tau=0.95, bits=4)
    # 4 has the hash of 2 and 3, but other features: a coincidence
    assert as_sets(groups) == {frozenset({0, 1}), frozenset({2, 3})}
    assert as_sets(near_duplicates.find(store, link(store), hashes, 0.95, bits=2)) == {
        frozenset({0, 1})
    }


def test_images_without_features_are_judged_by_hash(tmp_path: Path) -> None:
    store = make_store(tmp_path, np.eye(DIM)[:2], [0, 1])
    word = 0x0123_4567_89AB_CDEF
    hashes = hash_table({10: word, 11: word ^ 1, 12: word ^ 0xFFFF})
    groups = near_duplicates.find(store, link(store), hashes, tau=0.9, bits=4)
    assert as_sets(groups) == {frozenset({10, 11})}


def test_a_chain_is_cut_around_its_best_linked_images(tmp_path: Path) -> None:
    """Nine images in a row, each a copy of the next; the ends have nothing in common."""
    step = np.arccos(0.951)
    store = make_store(tmp_path, turned([step * place for place in range(9)]), list(range(9)))
    groups = near_duplicates.find(store, link(store), hash_table({}), tau=0.95, bits=4)
    # 1 gathers 0 to 2 (it reaches to 0.9375, not two steps), what is left begins anew
    assert as_sets(groups) == {frozenset(range(low, low + 3)) for low in (0, 3, 6)}
    centres = {int(one[:2], 16) for one in groups.representatives.tolist()}
    assert centres == {1, 4, 7}


def test_a_star_of_copies_is_one_group(tmp_path: Path) -> None:
    """Members may be a little further from each other than from their representative."""
    reach = np.arccos(0.952)
    store = make_store(tmp_path, turned([0.0, reach, -reach]), [5, 1, 9])
    groups = near_duplicates.find(store, link(store), hash_table({}), tau=0.95, bits=4)
    assert as_sets(groups) == {frozenset({1, 5, 9})}
    assert groups.representatives.tolist() == [uid(5).encode()] * 3


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6))
def test_groups_do_not_depend_on_the_order_of_the_store(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = turned((rng.random(30) * 2).tolist())
    hashes = dict(enumerate(rng.integers(0, 2**40, 30).tolist()))
    tables = []
    for order in (list(range(30)), rng.permutation(30).tolist()):
        folder = tmp_path_factory.mktemp("store")
        store = make_store(folder, vectors[order], order)
        shuffled = hash_table({number: hashes[number] for number in order})
        tables.append(near_duplicates.find(store, link(store), shuffled, 0.99, 4).table())
    assert tables[0] == tables[1]
    assert tables[0].num_rows > 1


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6))
def test_members_are_near_their_representative(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    angles = np.random.default_rng(seed).random(40)
    store = make_store(tmp_path_factory.mktemp("store"), turned(angles.tolist()), list(range(40)))
    groups = near_duplicates.find(store, link(store), hash_table({}), 0.999, 4)
    members = np.array([int(one[:2], 16) for one in groups.uids.tolist()])
    centres = np.array([int(one[:2], 16) for one in groups.representatives.tolist()])
    assert (np.cos(angles[members] - angles[centres]) >= 0.99875 - 5e-4).all()
    sizes = np.unique(groups.groups, return_counts=True)[1]
    assert (sizes >= 2).all()


def test_a_graph_of_an_older_pool_is_refused(tmp_path: Path) -> None:
    old = make_store(tmp_path / "old", np.eye(DIM)[:3], [0, 1, 2])
    new = make_store(tmp_path / "new", np.eye(DIM)[:4], [0, 1, 2, 3])
    with pytest.raises(errors.IntegrityError, match="graph is out of date"):
        near_duplicates.find(new, link(old), hash_table({}), 0.9, 4)


def test_the_worker_leaves_groups_and_header(tmp_path: Path) -> None:
    store = make_store(tmp_path / "store", turned([0.0, 0.01, 2.0]), [7, 8, 9])
    graph.save(link(store), tmp_path / "graph")
    pq.write_table(hash_table({7: 3, 8: 3}), tmp_path / "hashes.parquet")
    request = {"tau": 0.99, "bits": 4, "store": str(store.folder), "out": str(tmp_path / "out")}
    request |= {"graph": str(tmp_path / "graph"), "hashes": str(tmp_path / "hashes.parquet")}
    (tmp_path / "job").mkdir()
    atomic.write_json(tmp_path / "job" / "settings.json", request)
    result = near_duplicates.main(job_folder.JobFolder(tmp_path / "job"))
    assert (result["images"], result["groups"]) == (2, 1)
    assert atomic.read_json(tmp_path / "out" / "header.json") == result
    assert result["content_id"] == store.content_id()
    rows = pq.read_table(tmp_path / "out" / "groups.parquet").to_pylist()
    assert [row["uid"] for row in rows] == [uid(7), uid(8)]
    assert {row["group"] for row in rows} == {int(uid(7)[:16], 16) >> 1}
    assert {row["representative"] for row in rows} == {uid(7)}
