"""Hashed randomness: the same for one image as for many."""

import numpy as np

from sept_core.storage import hashing


def test_hashes_of_many_are_those_of_each() -> None:
    uids = np.array([f"{number:032x}" for number in (0, 7, 2**127, 12345)], hashing.UID_DTYPE)
    expected = [hashing.hashed_uniform(9, uid.decode()) for uid in uids.tolist()]
    assert hashing.hashed_uniforms(9, uids).tolist() == expected
    assert hashing.hashed_uniforms(9, uids[:0]).tolist() == []
