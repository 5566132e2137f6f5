"""Copies of remote images: bounded, and checked when they are read."""

import os
from pathlib import Path

import pytest

from sept_core.manifest.local_copies import LocalCopies
from sept_core.storage import hashing

IMAGES = [bytes([number]) * 1000 for number in range(20)]
UIDS = [hashing.uid_of(data) for data in IMAGES]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEPT_CACHE", str(tmp_path))
    monkeypatch.setenv("SEPT_CACHE_GB", "0.00001")  # ten images
    return tmp_path / "images"


def test_the_oldest_make_room(folder: Path) -> None:
    copies = LocalCopies()
    for number, (uid, data) in enumerate(zip(UIDS, IMAGES, strict=True)):
        copies.put(uid, data)
        os.utime(folder / uid[:2] / uid, ns=(number, number))
        assert sum(path.stat().st_size for path in folder.glob("*/*")) <= 10_000
    assert copies.get(UIDS[-1]) == IMAGES[-1]
    assert copies.get(UIDS[0]) is None


def test_a_damaged_copy_is_not_used(folder: Path) -> None:
    copies = LocalCopies()
    copies.put(UIDS[3], IMAGES[3])
    (folder / UIDS[3][:2] / UIDS[3]).write_bytes(b"damaged")
    assert copies.get(UIDS[3]) is None
    assert not list(folder.glob("*/*"))


def test_nothing_is_kept_where_there_is_no_room(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_CACHE_GB", "0")
    copies = LocalCopies()
    copies.put(UIDS[0], IMAGES[0])
    assert copies.get(UIDS[0]) is None
    assert not folder.exists()
