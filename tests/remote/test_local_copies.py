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


def test_processes_at_the_same_time_stay_near_the_limit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEPT_CACHE_GB", "0.0000005")  # 500 bytes
    images = [bytes([number]) * 10 for number in range(160)]
    workers = [LocalCopies() for _ in range(4)]
    for number, data in enumerate(images):
        workers[number % 4].put(hashing.uid_of(data), data)
    used = sum(path.stat().st_size for path in folder.glob("*/*"))
    assert 300 <= used <= 500 + 4 * 500 // 16


def test_a_copy_that_another_process_deletes_while_room_is_made(folder: Path) -> None:
    (folder / "aa").mkdir(parents=True)
    (folder / "aa" / "gone").symlink_to("nowhere")
    copies = LocalCopies()
    copies.put(UIDS[0], IMAGES[0])
    assert copies.get(UIDS[0]) == IMAGES[0]


def test_a_folder_that_cannot_be_read_counts_as_empty(folder: Path) -> None:
    folder.write_text("a file")
    copies = LocalCopies()
    assert copies.get(UIDS[0]) is None
    copies.put(UIDS[0], IMAGES[0])
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
