"""FeatureStore and write_shard: round trips, row numbers, refusals."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core import errors
from sept_core.features import feature_store
from sept_core.storage import array_files, atomic, hashing

DIM = 6


def uids_of(numbers: list[int]) -> np.ndarray:
    return np.array([hashing.uid_of(str(n).encode()) for n in numbers], hashing.UID_DTYPE)


def unit_vectors(n: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, DIM))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def outcomes(n: int, status: str = "ok") -> pa.Table:
    rows = [{"source": "s", "rel_path": str(i), "member": "", "status": status} for i in range(n)]
    return pa.Table.from_pylist(rows, schema=feature_store.OUTCOME_SCHEMA)


def write(folder: Path, number: int, uids: np.ndarray, vectors: np.ndarray) -> None:
    feature_store.write_shard(folder, number, "e-1", uids, vectors, outcomes(len(uids)))


def make_store(folder: Path, sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """A store of shards of these sizes; its uids and vectors (float16) in row order."""
    uids, vectors = uids_of(list(range(sum(sizes)))), unit_vectors(sum(sizes))
    start = 0
    for number, size in enumerate(sizes):
        write(folder, number, uids[start : start + size], vectors[start : start + size])
        start += size
    return uids, vectors.astype(np.float16)


def test_an_empty_or_missing_folder_is_an_empty_store(tmp_path: Path) -> None:
    store = feature_store.FeatureStore(tmp_path / "missing")
    assert (len(store), store.dim, store.next_number, store.encoder_id) == (0, 0, 0, None)
    assert store.uids.dtype == hashing.UID_DTYPE
    assert store.max_norm_error == 0
    assert list(store.blocks()) == []
    assert store.rows_of(uids_of([1, 2])).tolist() == [-1, -1]


@settings(deadline=None, max_examples=25)
@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    wanted=st.lists(st.integers(0, 24), max_size=12),
    block=st.integers(1, 7),
)
def test_every_way_to_read_agrees_with_plain_arrays(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], wanted: list[int], block: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    uids, vectors = make_store(folder, sizes)
    store = feature_store.FeatureStore(folder)
    assert len(store) == len(uids)
    assert store.next_number == len(sizes)
    assert (store.uids == uids).all()
    expected = [n if n < len(uids) else -1 for n in wanted]
    rows = store.rows_of(uids_of(wanted))
    assert rows.tolist() == expected
    present = rows[rows >= 0]
    assert (store.gather(present) == vectors[present]).all()
    assert (store.vectors_of(uids[present]) == vectors[present]).all()
    blocks = list(store.blocks(block))
    assert all(0 < len(b.uids) <= block for b in blocks)
    assert [row for b in blocks for row in range(b.start, b.start + len(b.uids))] == list(
        range(len(uids))
    )
    for b in blocks:
        assert (b.vectors == vectors[b.start : b.start + len(b.uids)]).all()


def test_outcomes_and_schema_survive(tmp_path: Path) -> None:
    make_store(tmp_path, [3])
    table = feature_store.FeatureStore(tmp_path).shards[0].outcomes()
    assert table.schema.equals(feature_store.OUTCOME_SCHEMA)
    assert table["rel_path"].to_pylist() == ["0", "1", "2"]
    assert table["phash"].to_pylist() == [None] * 3


def test_a_shard_of_rejections_only_has_no_vectors(tmp_path: Path) -> None:
    none = np.empty(0, hashing.UID_DTYPE)
    feature_store.write_shard(tmp_path, 0, "e-1", none, np.empty((0, DIM)), outcomes(4, "rejected"))
    store = feature_store.FeatureStore(tmp_path)
    assert (len(store), store.dim, store.next_number) == (0, DIM, 1)
    assert store.shards[0].vectors.shape == (0, DIM)
    assert store.shards[0].outcomes().num_rows == 4


def test_vectors_of_an_unknown_uid_names_it(tmp_path: Path) -> None:
    make_store(tmp_path, [2])
    unknown = uids_of([99])
    with pytest.raises(errors.NotFoundError, match=unknown[0].decode()):
        feature_store.FeatureStore(tmp_path).vectors_of(unknown)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.5])
def test_a_vector_that_is_not_of_unit_length_is_refused(tmp_path: Path, bad: float) -> None:
    vectors = unit_vectors(2)
    vectors[1] = bad
    with pytest.raises(errors.IntegrityError, match="length"):
        write(tmp_path, 0, uids_of([0, 1]), vectors)
    assert len(feature_store.FeatureStore(tmp_path)) == 0
    assert list(tmp_path.iterdir()) == []


def test_max_norm_error_is_what_float16_left(tmp_path: Path) -> None:
    _, vectors = make_store(tmp_path, [40, 3])
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    error = feature_store.FeatureStore(tmp_path).max_norm_error
    assert 0 < error < 1e-3
    assert error == pytest.approx(np.abs(norms - 1).max(), abs=1e-6)


def test_a_shard_without_its_header_does_not_exist(tmp_path: Path) -> None:
    make_store(tmp_path, [2, 2])
    (tmp_path / "00001.json").unlink()
    store = feature_store.FeatureStore(tmp_path)
    assert len(store) == 2
    assert store.next_number == 1


def test_shards_are_read_in_number_order_past_five_digits(tmp_path: Path) -> None:
    for number in (100000, 99999):
        write(tmp_path, number, uids_of([number]), unit_vectors(1))
    assert [shard.number for shard in feature_store.FeatureStore(tmp_path).shards] == [
        99999,
        100000,
    ]


def test_two_encoders_in_one_folder_are_refused(tmp_path: Path) -> None:
    make_store(tmp_path, [2])
    feature_store.write_shard(tmp_path, 1, "e-2", uids_of([7]), unit_vectors(1), outcomes(1))
    with pytest.raises(errors.IntegrityError, match=r"e-1.*e-2"):
        feature_store.FeatureStore(tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "missing", "other"])
def test_an_array_that_does_not_fit_its_header_is_refused(tmp_path: Path, damage: str) -> None:
    make_store(tmp_path, [4])
    path = tmp_path / "00000.npy"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-8])
    elif damage == "missing":
        path.unlink()
    else:
        array_files.write(path, np.zeros((3, DIM), np.float16))
    with pytest.raises(errors.IntegrityError, match=r"00000\.npy"):
        feature_store.FeatureStore(tmp_path).gather(np.arange(2))


def test_content_id_names_vectors_and_uids(tmp_path: Path) -> None:
    make_store(tmp_path / "a", [3, 2])
    make_store(tmp_path / "b", [3, 2])
    first = feature_store.FeatureStore(tmp_path / "a").content_id()
    assert first == feature_store.FeatureStore(tmp_path / "b").content_id()
    write(tmp_path / "c", 0, uids_of([2, 1, 0]), unit_vectors(5)[:3])
    write(tmp_path / "c", 1, uids_of([3, 4]), unit_vectors(5)[3:])
    assert first != feature_store.FeatureStore(tmp_path / "c").content_id()
    write(tmp_path / "b", 2, uids_of([9]), unit_vectors(1))
    assert first != feature_store.FeatureStore(tmp_path / "b").content_id()


def test_checksums_in_the_header_are_those_of_the_files(tmp_path: Path) -> None:
    make_store(tmp_path, [3])
    header = feature_store.FeatureStore(tmp_path).shards[0].header
    for key, suffix in {"vectors": ".npy", "uids": ".uids.npy", "outcomes": ".parquet"}.items():
        assert header[f"{key}_sha256"] == atomic.sha256_file(tmp_path / f"00000{suffix}")


def test_a_card_is_written_once_and_refuses_another_encoder(tmp_path: Path) -> None:
    card = {"id": "e-1", "identity": {"model": "a"}, "kind": "hand-made"}
    feature_store.write_card(tmp_path, card)
    feature_store.write_card(tmp_path, card)
    assert atomic.read_json(tmp_path / "encoder.json") == card
    with pytest.raises(errors.IntegrityError, match="e-1"):
        feature_store.write_card(tmp_path, card | {"identity": {"model": "b"}})


@settings(deadline=None)
@given(known=st.sets(st.integers(0, 12)), arriving=st.lists(st.integers(0, 12)))
def test_first_seen_agrees_with_a_plain_loop(known: set[int], arriving: list[int]) -> None:
    rows, seen = [], set(known)
    for row, number in enumerate(arriving):
        if number not in seen:
            rows.append(row)
            seen.add(number)
    got_rows, got_known = feature_store.first_seen(uids_of(arriving), np.sort(uids_of(list(known))))
    assert got_rows.tolist() == rows
    assert (got_known == np.sort(uids_of(list(seen)))).all()
