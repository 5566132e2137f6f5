"""The contamination guard: each way of leaking, against brute force, and when it cannot run."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core import errors
from sept_core.dedup import leakage
from sept_core.features import feature_store
from sept_core.storage import hashing

DIM = 8
GUARD = leakage.Settings(tau_leak=0.95, bits=4)
WORD = 0x0123_4567_89AB_CDEF


def uid(number: int) -> str:
    return f"{number:02x}" * 16


def uids(*numbers: int) -> np.ndarray:
    return np.array([uid(number) for number in sorted(numbers)], hashing.UID_DTYPE)


def side(
    folder: Path,
    vectors: dict[int, np.ndarray],
    hashes: dict[int, int] | None = None,
    encoder: str = "toy-12345678",
) -> leakage.Images:
    numbers = list(vectors)
    unit = np.array([v / np.linalg.norm(v) for v in vectors.values()])
    names = np.array([uid(number) for number in numbers], hashing.UID_DTYPE)
    empty = feature_store.OUTCOME_SCHEMA.empty_table()
    feature_store.write_shard(folder, 0, encoder, names, unit, empty)
    known = hashes or {}
    columns = {"uid": [uid(number) for number in known], "phash": list(known.values())}
    schema = pa.schema([("uid", pa.string()), ("phash", pa.uint64())])
    store = feature_store.FeatureStore(folder)
    return leakage.Images(uids(*numbers), store, pa.table(columns, schema=schema))


def test_each_way_of_leaking_is_found_and_named(tmp_path: Path) -> None:
    axes = np.eye(DIM)
    near = axes[1] + 0.1 * axes[7]
    heldout = side(tmp_path / "held", {1: axes[0], 2: axes[1]}, {1: WORD})
    pool = side(
        tmp_path / "pool",
        {1: axes[0], 20: near, 30: axes[3], 40: axes[4], 50: axes[5], 60: axes[6]},
        {1: WORD, 30: WORD ^ 0b1011, 40: WORD ^ 0b11111},
    )
    groups = {uid(20).encode(): 5, uid(60).encode(): 5, uid(50).encode(): 6}
    found = leakage.find_leaks(heldout, pool, groups, GUARD)
    rows = {row["uid"]: row for row in found.table().to_pylist()}
    assert {name: row["how"] for name, row in rows.items()} == {
        uid(1): "bytes",  # and by hash and cosine, too: the first way counts
        uid(20): "cosine",
        uid(30): "phash",
        uid(60): "group",
    }
    assert rows[uid(30)]["heldout_uid"] == uid(1)
    assert rows[uid(30)]["distance"] == 3
    assert rows[uid(20)]["distance"] == pytest.approx(1 - 1 / np.sqrt(1.01), abs=1e-3)
    assert (rows[uid(60)]["heldout_uid"], rows[uid(60)]["distance"]) == (uid(2), None)
    assert found.compared == {"bytes": 2, "phash": 1, "cosine": 2}


def test_only_the_images_asked_about_are_compared(tmp_path: Path) -> None:
    """As when a manifest is checked: store, hashes and groups hold the whole pool."""
    axes = np.eye(DIM)
    heldout = side(tmp_path / "held", {1: axes[0]}, {1: WORD})
    whole = side(tmp_path / "pool", {1: axes[0], 2: axes[0], 3: axes[0]}, {2: WORD})
    chosen = leakage.Images(uids(3), whole.store, whole.hashes)
    groups = {uid(number).encode(): 1 for number in (2, 3)}
    assert leakage.find_leaks(heldout, chosen, groups, GUARD).uids.tolist() == [uid(3).encode()]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 3))
def test_leaks_are_those_of_brute_force(
    tmp_path_factory: pytest.TempPathFactory, seed: int, spread: int
) -> None:
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("stores")

    def draw(numbers: range) -> tuple[dict[int, np.ndarray], dict[int, int]]:
        vectors = {number: rng.normal(size=3) for number in numbers}
        flips = rng.integers(0, 2, (len(numbers), 8 * spread))
        hashes = [WORD ^ int("".join(map(str, row)), 2) for row in flips.tolist()]
        return vectors, dict(zip(numbers, hashes, strict=True))

    heldout = side(folder / "held", *draw(range(10)))
    pool = side(folder / "pool", *draw(range(5, 60)))
    found = leakage.find_leaks(heldout, pool, {}, leakage.Settings(0.99, 2))
    expected = {}
    held = heldout.store.vectors_of(heldout.uids).astype(np.float64)
    held_hashes = heldout.hashes["phash"].to_pylist()
    own_hashes = dict(
        zip(pool.hashes["uid"].to_pylist(), pool.hashes["phash"].to_pylist(), strict=True)
    )
    for name in pool.uids.tolist():
        vector = pool.store.vectors_of(np.array([name]))[0].astype(np.float64)
        cosines = held @ vector / np.linalg.norm(held, axis=1) / np.linalg.norm(vector)
        bits = min((own_hashes[name.decode()] ^ other).bit_count() for other in held_hashes)
        if name in heldout.uids:
            expected[name] = ("bytes", 0.0)
        elif bits <= 2:
            expected[name] = ("phash", bits)
        elif cosines.max().round(6) >= 0.99:
            expected[name] = ("cosine", round(1 - cosines.max().round(6), 6))
    rows = zip(found.uids.tolist(), found.how, found.distance.tolist(), strict=True)
    assert {name: (how, distance) for name, how, distance in rows} == expected


def test_the_nearest_held_out_image_of_each_pool_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leakage, "BLOCK", 3)
    rng = np.random.default_rng(4)
    heldout = side(tmp_path / "held", {number: rng.normal(size=DIM) for number in range(5)})
    pool = side(tmp_path / "pool", {number: rng.normal(size=DIM) for number in range(9, 20)})
    nearest = leakage.nearest_heldout(heldout, pool)
    held, own = (
        one.store.gather(np.arange(len(one.uids))).astype(float) for one in (heldout, pool)
    )
    cosines = own @ held.T / np.linalg.norm(own, axis=1)[:, None] / np.linalg.norm(held, axis=1)
    assert nearest.heldout.tolist() == heldout.uids[cosines.argmax(axis=1)].tolist()
    assert nearest.similarity == pytest.approx(cosines.max(axis=1), abs=1e-6)


def test_blocks_do_not_change_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    heldout = side(tmp_path / "held", {n: rng.normal(size=2) for n in range(4)}, {1: WORD})
    pool = side(
        tmp_path / "pool",
        {n: rng.normal(size=2) for n in range(10, 40)},
        {n: WORD ^ (n & 7) for n in range(10, 20)},
    )
    whole = leakage.find_leaks(heldout, pool, {}, GUARD).table()
    monkeypatch.setattr(leakage, "BLOCK", 7)
    seen: list[int] = []
    again = leakage.find_leaks(heldout, pool, {}, GUARD, lambda done, total: seen.append(done))
    assert again.table() == whole
    assert {"phash", "cosine"} <= set(whole["how"].to_pylist())
    assert seen == [7, 14, 21, 28, 30]


def test_a_check_that_cannot_run_raises(tmp_path: Path) -> None:
    one = {1: np.eye(DIM)[0]}
    heldout, pool = side(tmp_path / "held", one), side(tmp_path / "pool", one)
    unembedded = leakage.Images(uids(1, 2), heldout.store, heldout.hashes)
    with pytest.raises(errors.LeakError, match="1 images have no features"):
        leakage.find_leaks(unembedded, pool, {}, GUARD)
    with pytest.raises(errors.LeakError, match="1 images have no features"):
        leakage.find_leaks(heldout, leakage.Images(uids(1, 3), pool.store, pool.hashes), {}, GUARD)
    with pytest.raises(errors.LeakError, match="no held-out images"):
        leakage.find_leaks(leakage.Images(uids(), heldout.store, heldout.hashes), pool, {}, GUARD)
    other = side(tmp_path / "other", one, encoder="other-12345678")
    with pytest.raises(errors.LeakError, match="embed both with the same encoder"):
        leakage.find_leaks(heldout, other, {}, GUARD)
