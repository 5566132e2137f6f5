"""Walking a store in blocks gives every allowed row once, in order, in full blocks."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index_worlds import clustered, uids_of, write_store

from sept_core.features import feature_store
from sept_core.index import blocks


@settings(deadline=None, max_examples=30)
@given(
    n=st.integers(0, 30),
    shard_rows=st.integers(6, 31),
    block_rows=st.one_of(st.none(), st.integers(1, 35)),
    seed=st.one_of(st.none(), st.integers(0, 100)),
)
def test_blocks_are_the_allowed_rows(
    tmp_path_factory: pytest.TempPathFactory,
    n: int,
    shard_rows: int,
    block_rows: int | None,
    seed: int | None,
) -> None:
    uids, vectors = uids_of(n), clustered(n, 5).astype(np.float16)
    store = write_store(tmp_path_factory.mktemp("s"), uids, vectors, shard_rows)
    allowed = None if seed is None else np.random.default_rng(seed).random(n) < 0.6
    rows = np.arange(n) if allowed is None else np.flatnonzero(allowed)
    walked = [
        (block.rows.copy(), block.uids.copy(), block.vectors.copy())
        for block in blocks.stream(store, allowed=allowed, block_rows=block_rows)
    ]
    assert [len(part[0]) for part in walked[:-1]] == [block_rows] * (len(walked) - 1)
    assert all(len(part[0]) for part in walked)
    if walked:
        found = [np.concatenate(column) for column in zip(*walked, strict=True)]
        assert (found[0] == rows).all()
        assert (found[1] == uids[rows]).all()
        assert (found[2] == vectors[rows]).all()
    else:
        assert not len(rows)


def test_a_missing_store_has_no_blocks(tmp_path: Path) -> None:
    assert list(blocks.stream(feature_store.FeatureStore(tmp_path / "none"))) == []


def test_longer_vectors_make_fewer_rows() -> None:
    assert blocks.default_rows(384) * 384 <= blocks.BLOCK_VALUES
    assert blocks.default_rows(768) == blocks.default_rows(384) // 2
