"""Pools that are too small or too uniform: of each kind any number of pictures.

In: the name of a kind and how many. Out: RGB pictures, the same every time, a function a kind.
Their files differ even where their pixels do not.
"""

import functools
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from benchmarks.hostile.corpus import READ, Case

SIDE = 48


def every() -> Iterator[Case]:
    """The kinds of which most can go wrong; tests/encoders/test_degenerate_fits.py has all."""
    for kind in ("dark", "flat", "identical", "hot pixel", "one pixel", "mixed"):
        yield Case(f"pool of 24, {kind}", "pool", functools.partial(write, kind, 24), READ)
    yield Case("pool of one image", "pool", functools.partial(write, "coloured", 1), READ)


def write(kind: str, count: int, folder: Path) -> Path:
    """Write the pictures as PNG files and return their folder."""
    for number in range(count):
        (folder / f"{number:03}.png").write_bytes(png(picture(kind, number), number))
    return folder


def png(image: Image.Image, number: int) -> bytes:
    """PNG bytes that name the number, so that equal pixels are different files."""
    note = PngImagePlugin.PngInfo()
    note.add_text("number", str(number))
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=note)
    return out.getvalue()


def picture(kind: str, number: int) -> Image.Image:
    """Picture `number` of a kind."""
    return KINDS[kind](number)


def _coloured(number: int) -> Image.Image:
    coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def _changed(change: Callable[[np.ndarray], np.ndarray], number: int) -> Image.Image:
    return Image.fromarray(change(np.asarray(_coloured(number))))


def _only_red(pixels: np.ndarray) -> np.ndarray:
    return pixels * np.array([1, 0, 0], np.uint8)


def _flat(number: int) -> Image.Image:
    red, green, blue = np.random.default_rng(number).integers(0, 256, 3).tolist()
    return Image.new("RGB", (SIDE, SIDE), (red, green, blue))


def _two_values(number: int) -> Image.Image:
    coarse = np.random.default_rng(number).integers(0, 2, (8, 8), np.uint8) * np.uint8(255)
    return Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.NEAREST).convert("RGB")


def _noise(number: int) -> Image.Image:
    return Image.fromarray(
        np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    )


def _hot_pixel(number: int) -> Image.Image:
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    row, column = np.random.default_rng(number).integers(0, SIDE, 2)
    pixels[row, column] = 255
    return Image.fromarray(pixels)


def _nearly_black(number: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 2, (SIDE, SIDE, 3), np.uint8))


def _mixed(number: int) -> Image.Image:
    return (_coloured, _flat, _hot_pixel, _noise)[number % 4](number)


KINDS: dict[str, Callable[[int], Image.Image]] = {
    "coloured": _coloured,
    "dark": functools.partial(_changed, lambda pixels: pixels // np.uint8(5)),
    "one channel": functools.partial(_changed, _only_red),
    "grey": lambda number: _coloured(number).convert("L").convert("RGB"),
    "flat": _flat,
    "black": lambda number: Image.new("RGB", (SIDE, SIDE)),
    "identical": lambda number: _coloured(7),
    "two repeated": lambda number: _coloured(number % 2),
    "two values": _two_values,
    "noise": _noise,
    "hot pixel": _hot_pixel,
    "nearly black": _nearly_black,
    "one pixel": lambda number: Image.new("RGB", (1, 1), (number * 4 % 256, 0, 255)),
    "mixed": _mixed,
}
"""`coloured` is what the others are made of; it is not degenerate from 20 images on."""
