"""The subset's images as batches of uint8 tensors, in an order that depends only on the seed.

In: uids and a function that reads their bytes. Out: `Batch`es, from a packed cache in the run
folder if that fits in memory (each image is then decoded once), else decoded by threads a few
batches ahead. The rows of any step can be computed without the steps before it.
"""

import collections
import functools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sept_core import errors
from sept_core.imaging import images
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.pretrain import augment
from sept_core.storage import array_files, atomic, hashing

CACHE_VERSION = 2
"""Increment it whenever `_decode` returns different pixels: older caches are then rebuilt."""

MEMORY_SHARE = 0.5
"""Share of the free memory (of the machine or the GPU) that the packed images may use."""

LOOKAHEAD = 4
"""Number of batches that are decoded ahead of the one in use."""

BandsOf = Callable[[str], images.Bands]
Read = Callable[[str], bytes]


@dataclass(frozen=True)
class Batch:
    """Images squeezed into squares, with their original aspect ratios.

    Attributes:
        images: (B, 3, S, S) uint8 RGB on the training device.
        aspect: (B,) float32 width / height before the squeeze, on the CPU.
    """

    images: Tensor
    aspect: Tensor


class ImageSet(Protocol):
    """Protocol of a set that turns batches of row numbers into batches of images, in order."""

    def batches(self, rows: Iterable[Tensor]) -> Iterator[Batch]: ...


def row_batches(count: int, batch_size: int, seed: int, start: int, stop: int) -> Iterator[Tensor]:
    """Yield the (batch_size,) int64 row numbers of the steps `start` to `stop`.

    Each epoch is a fresh permutation of all rows; its incomplete last batch is dropped.
    """
    in_epoch = count // batch_size
    epoch, order = -1, torch.empty(0)
    for step in range(start, stop):
        if step // in_epoch != epoch:
            epoch = step // in_epoch
            order = torch.randperm(count, generator=augment.generator(seed, "order", epoch))
        place = step % in_epoch * batch_size
        yield order[place : place + batch_size]


class PackedImages:
    """All images, decoded: in memory (mapped from the cache), or on the GPU if they fit there."""

    def __init__(self, pixels: np.ndarray, aspect: np.ndarray, device: torch.device) -> None:
        self.device = device
        self.pixels = torch.from_numpy(pixels)
        self.aspect = torch.from_numpy(aspect)
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            if pixels.nbytes < MEMORY_SHARE * free:
                self.pixels = self.pixels.to(device)

    def batches(self, rows: Iterable[Tensor]) -> Iterator[Batch]:
        """Gather each batch; (N, S, S, 3) on disk is channels-last in memory."""
        for chosen in rows:
            pixels = self.pixels[chosen.to(self.pixels.device)].to(self.device)
            yield Batch(pixels.permute(0, 3, 1, 2), self.aspect[chosen])


class StreamedImages:
    """Images that are decoded for each batch, a few batches ahead."""

    def __init__(
        self,
        uids: list[str],
        read: Read,
        size: int,
        device: torch.device,
        ranges: ValueRanges | None = None,
        bands: BandsOf | None = None,
    ) -> None:
        self.uids, self.read, self.size, self.device = uids, read, size, device
        self.ranges, self.bands = ranges, bands

    def batches(self, rows: Iterable[Tensor]) -> Iterator[Batch]:
        """Decode in threads, yield in order."""
        with ThreadPoolExecutor(_cores()) as pool:
            ahead: collections.deque[list[Future[tuple[np.ndarray, float]]]] = collections.deque()
            try:
                for chosen in rows:
                    ahead.append([pool.submit(self._decode, row) for row in chosen.tolist()])
                    if len(ahead) > LOOKAHEAD:
                        yield self._collect(ahead.popleft())
                while ahead:
                    yield self._collect(ahead.popleft())
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _decode(self, row: int) -> tuple[np.ndarray, float]:
        return _decode(self.uids[row], self.read, self.size, self.ranges, self.bands)

    def _collect(self, futures: list[Future[tuple[np.ndarray, float]]]) -> Batch:
        pixels, aspects = zip(*(future.result() for future in futures), strict=True)
        stacked = torch.from_numpy(np.stack(pixels)).to(self.device)
        return Batch(stacked.permute(0, 3, 1, 2), torch.tensor(aspects, dtype=torch.float32))


def load(
    uids: list[str],
    read: Read,
    *,
    size: int,
    folder: Path,
    content_hash: str,
    device: torch.device,
    progress: Callable[[int, int], None],
    ranges: ValueRanges | None = None,
    bands: BandsOf | None = None,
) -> ImageSet:
    """Load the images of `uids`, packed if they fit in memory, else streamed.

    Args:
        uids: defines the row numbers; sorted, so that the order of files does not matter.
        read: the original bytes of a uid; called from several threads.
        size: side in pixels of the cached squares.
        folder: the run folder, which has the cache.
        content_hash: hash of the manifest; names the cache together with size and version.
        device: device of the batches.
        progress: called with (done, total) while the cache is written.
        ranges: value ranges of images of more than 8 bits; part of the cache's name.
        bands: returns the bands to read of a uid, see `image_reader.ImageReader.bands`.

    Raises:
        ManifestError: an image of the manifest is missing or cannot be decoded.
    """
    if not fits(len(uids), size):
        return StreamedImages(uids, read, size, device, ranges, bands)
    chosen = [list(taken) for uid in uids if (taken := bands(uid))] if bands else []
    scaled = ranges.ends() if ranges else {}
    depends = [content_hash, len(uids), size, CACHE_VERSION, scaled]
    key = hashing.fingerprint([*depends, *([chosen] if chosen else [])])
    pixels_path, aspect_path = folder / f"cache-{key}.npy", folder / f"cache-{key}.aspect.npy"
    if not pixels_path.exists():
        decode = functools.partial(_decode, read=read, size=size, ranges=ranges, bands=bands)
        _pack(uids, decode, size, pixels_path, aspect_path, progress)
    # copy-on-write mapping: processes on one machine share the pages
    return PackedImages(np.load(pixels_path, mmap_mode="c"), np.load(aspect_path), device)


def fits(count: int, size: int) -> bool:
    """Return True if that many images of that side fit in memory now."""
    return count * size * size * 3 <= MEMORY_SHARE * _free_memory()


def remove_cache(folder: Path) -> None:
    """Delete the cache once the run is complete."""
    for path in folder.glob("cache-*.npy"):
        path.unlink()


def _pack(
    uids: list[str],
    decode: Callable[[str], tuple[np.ndarray, float]],
    size: int,
    pixels_path: Path,
    aspect_path: Path,
    progress: Callable[[int, int], None],
) -> None:
    """Decode everything once; the file of pixels is written last and means complete."""
    aspect = np.empty(len(uids), np.float32)
    with atomic.write_then_rename(pixels_path) as temporary:
        pixels = np.lib.format.open_memmap(
            temporary, mode="w+", dtype=np.uint8, shape=(len(uids), size, size, 3)
        )
        with ThreadPoolExecutor(_cores()) as pool:
            for start in range(0, len(uids), 256):
                part = uids[start : start + 256]
                for row, decoded in enumerate(pool.map(decode, part)):
                    pixels[start + row], aspect[start + row] = decoded
                progress(start + len(part), len(uids))
        pixels.flush()
        array_files.write(aspect_path, aspect)


def _decode(
    uid: str,
    read: Read,
    size: int,
    ranges: ValueRanges | None = None,
    bands: BandsOf | None = None,
) -> tuple[np.ndarray, float]:
    """Decode to (size, size, 3) uint8, squeezed, not cropped, and width / height."""
    try:
        decoded = images.decode(read(uid), ranges=ranges, bands=bands(uid) if bands else None)
    except images.UnusableFile as problem:
        raise errors.ManifestError(
            f"image {uid} of the manifest cannot be used ({problem.reason}); its file changed "
            "since the selection: run `sept verify` on the manifest."
        ) from None
    image = decoded.image
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(image), decoded.width / decoded.height


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _free_memory() -> int:
    """Return the bytes available without swapping."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
