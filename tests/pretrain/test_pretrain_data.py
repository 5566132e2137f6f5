"""Order by seed alone; packed, streamed and re-read images are the same."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sept_core import errors
from sept_core.imaging.pixel_values import ValueRange, ValueRanges
from sept_core.pretrain import data
from sept_core.storage import hashing

CPU = torch.device("cpu")


def _png(seed: int, width: int, height: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


STORE = {hashing.uid_of(png): png for png in (_png(i, 8 + 4 * (i % 3), 8) for i in range(10))}
UIDS = sorted(STORE)


def _load(folder: Path, read: data.Read = STORE.__getitem__) -> data.ImageSet:
    return data.load(
        UIDS, read, size=8, folder=folder, content_hash="h", device=CPU, progress=lambda *_: None
    )


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 100), st.integers(0, 30))
def test_any_step_is_known_without_those_before(
    count: int, batch: int, seed: int, start: int
) -> None:
    batch = min(batch, count)
    whole = [rows.tolist() for rows in data.row_batches(count, batch, seed, 0, 40)]
    resumed = [rows.tolist() for rows in data.row_batches(count, batch, seed, start, 40)]
    assert resumed == whole[start:]
    in_epoch = count // batch
    for epoch in range(40 // in_epoch):
        seen = list(itertools.chain(*whole[epoch * in_epoch : (epoch + 1) * in_epoch]))
        assert len(seen) == in_epoch * batch == len(set(seen)) and set(seen) <= set(range(count))


def test_epochs_and_seeds_differ() -> None:
    orders = {
        tuple(next(data.row_batches(100, 100, seed, step, step + 1)).tolist())
        for seed in (0, 1)
        for step in (0, 1)
    }
    assert len(orders) == 4


def test_packed_and_streamed_images_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [torch.tensor([3, 1]), torch.tensor([9, 9]), *(torch.tensor([i, 0]) for i in range(9))]
    packed = _load(tmp_path)
    monkeypatch.setattr(data, "_free_memory", lambda: 10)
    streamed = _load(tmp_path)
    assert isinstance(packed, data.PackedImages) and isinstance(streamed, data.StreamedImages)
    for one, other in zip(packed.batches(rows), streamed.batches(rows), strict=True):
        assert one.images.dtype == torch.uint8 and one.images.shape == (2, 3, 8, 8)
        assert torch.equal(one.images, other.images) and torch.equal(one.aspect, other.aspect)


def test_pixels_and_aspect(tmp_path: Path) -> None:
    batch = next(_load(tmp_path).batches([torch.arange(len(UIDS))]))
    for uid, pixels, aspect in zip(UIDS, batch.images, batch.aspect.tolist(), strict=True):
        original = Image.open(io.BytesIO(STORE[uid]))
        assert aspect == pytest.approx(original.width / original.height)
        if original.size == (8, 8):
            assert np.array_equal(pixels.permute(1, 2, 0).numpy(), np.asarray(original))


def test_images_of_16_bits_are_scaled_by_the_ranges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.BytesIO()
    Image.fromarray((np.arange(64).reshape(8, 8) * 4 + 7424).astype(np.uint16)).save(out, "PNG")
    deep, grey = hashing.uid_of(out.getvalue()), np.arange(64).reshape(8, 8) * 4

    def shown(*ranges: ValueRange) -> np.ndarray:
        loaded = data.load(
            [deep],
            lambda uid: out.getvalue(),
            size=8,
            folder=tmp_path,
            content_hash="h",
            device=CPU,
            progress=lambda *_: None,
            ranges=ValueRanges(ranges),
        )
        return next(loaded.batches([torch.tensor([0])])).images[0, 0].numpy()

    narrow = ValueRange("uint16", 7424, 7679)
    assert np.array_equal(shown(narrow), grey)
    assert shown().max() < 40, "another range has a cache of its own"
    assert np.array_equal(shown(narrow), grey)
    monkeypatch.setattr(data, "_free_memory", lambda: 10)
    assert np.array_equal(shown(narrow), grey), "streamed"


def test_the_cache_is_made_once_and_removed(tmp_path: Path) -> None:
    def no_reading(uid: str) -> bytes:
        raise AssertionError("the cache was there")

    first = next(_load(tmp_path).batches([torch.arange(4)]))
    again = next(_load(tmp_path, no_reading).batches([torch.arange(4)]))
    assert torch.equal(first.images, again.images) and torch.equal(first.aspect, again.aspect)
    data.remove_cache(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_bad_image_is_named_and_leaves_no_cache(tmp_path: Path) -> None:
    def read(uid: str) -> bytes:
        return b"no image" if uid == UIDS[4] else STORE[uid]

    with pytest.raises(errors.ManifestError, match=UIDS[4]):
        _load(tmp_path, read)
    assert not list(tmp_path.iterdir())
