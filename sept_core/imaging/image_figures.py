"""Image figures: the perceptual hash and quality figures of decoded images.

In: upright RGB images. Out: for each its 64-bit hash and cheap figures in 0..1, from a greyscale
copy of at most `GREY_SIDE` pixels a side.
"""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

GREY_SIDE = 128
"""Longest side of the copy that hash and quality are computed on."""


def describe_all(upright: Sequence[Image.Image]) -> list[dict[str, int | float]]:
    """`phash` and the figures of `quality` of each RGB image.

    Some ten small images at once take a third of the time they take one by one.
    """
    greys = [_small_grey(image) for image in upright]
    pairs = zip(_hashes_of(greys), _qualities_of(greys), strict=True)
    return [{"phash": phash, **figures} for phash, figures in pairs]


def perceptual_hash(image: Image.Image) -> int:
    """The 64-bit DCT hash ("pHash"), unsigned: near copies differ in few bits.

    The 8×8 lowest frequencies of the 32×32 greyscale image, row by row from the top bit, each
    set when above their median. An image without structure hashes to its top bit at most, so
    equal hashes of flat images say little.
    """
    return _hashes_of([_small_grey(image)])[0]


def quality(image: Image.Image) -> dict[str, float]:
    """Cheap figures from a greyscale copy of at most 128 pixels a side, each in 0..1.

    `brightness` is the mean, `contrast` the standard deviation over its greatest possible
    value, `sharpness` the mean absolute Laplacian (blur lowers it), `entropy` that of the
    grey values over 8 bits (flat images have little).
    """
    return _qualities_of([_small_grey(image)])[0]


def _small_grey(image: Image.Image) -> Image.Image:
    """A greyscale copy of at most `GREY_SIDE` pixels a side, averaged over whole blocks."""
    factor = math.ceil(max(image.size) / GREY_SIDE)
    return (image.reduce(factor) if factor > 1 else image).convert("L")


_COSINES = np.cos(np.pi / 64 * np.outer(np.arange(8), 2 * np.arange(32) + 1))  # (8, 32), DCT-II


def _hashes_of(greys: list[Image.Image]) -> list[int]:
    if not greys:
        return []
    pixels = _stacked([grey.resize((32, 32), Image.Resampling.BOX) for grey in greys])
    # Rounding keeps the coefficients that are zero in theory from deciding bits by noise.
    spectra = np.round(_COSINES @ pixels.astype(np.float64) @ _COSINES.T, 3).reshape(-1, 64)
    ordered = np.sort(spectra, axis=1)
    bits = spectra > (ordered[:, 31:32] + ordered[:, 32:33]) / 2
    hashes: list[int] = np.packbits(bits, axis=1).view(">u8").ravel().tolist()
    return hashes


def _qualities_of(greys: list[Image.Image]) -> list[dict[str, float]]:
    same_size: dict[tuple[int, int], list[int]] = {}
    for i, grey in enumerate(greys):
        same_size.setdefault(grey.size, []).append(i)
    figures: list[dict[str, float]] = [{} for _ in greys]
    for rows in same_size.values():
        group = [greys[i] for i in rows]
        for i, found in zip(rows, _qualities_of_one_size(group), strict=True):
            figures[i] = found
    return figures


def _qualities_of_one_size(greys: list[Image.Image]) -> list[dict[str, float]]:
    pixels = _stacked(greys)
    values = pixels.reshape(len(greys), -1).astype(np.float64)  # sums of integers stay exact
    means = values.mean(axis=1)
    variances = np.maximum(np.einsum("ij,ij->i", values, values) / values.shape[1] - means**2, 0)
    columns = {
        "brightness": means / 255,
        "contrast": np.sqrt(variances) / 127.5,
        "sharpness": _laplacians(pixels) / 255,
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        # Pillow gives −0.0 for the entropy of a flat image.
        dict(zip(columns, row, strict=True)) | {"entropy": abs(grey.entropy()) / 8}
        for grey, row in zip(greys, rows, strict=True)
    ]


def _laplacians(greys: np.ndarray) -> np.ndarray:
    """Mean absolute difference of (n, H, W) uint8 pixels from their four neighbours' mean: (n,)."""
    if min(greys.shape[1:]) < 3:
        return np.zeros(len(greys))
    values = greys.astype(np.int16)
    difference = values[:, 1:-1, 1:-1] * 4
    difference -= values[:, :-2, 1:-1]
    difference -= values[:, 2:, 1:-1]
    difference -= values[:, 1:-1, :-2]
    difference -= values[:, 1:-1, 2:]
    np.abs(difference, out=difference)
    per_image = difference.reshape(len(greys), -1)
    return np.asarray(per_image.sum(axis=1, dtype=np.int64) / per_image.shape[1] / 4)


def _stacked(greys: list[Image.Image]) -> np.ndarray:
    """(n, H, W) uint8 of greyscale images of one size."""
    width, height = greys[0].size
    data = b"".join(grey.tobytes() for grey in greys)
    return np.frombuffer(data, np.uint8).reshape(len(greys), height, width)
