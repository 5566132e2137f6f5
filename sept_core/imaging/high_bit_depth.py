"""Images of more than 8 bits a sample, as Pillow opens them: their values, before any bit is lost.

In: an image whose header Pillow has read, its pixels not yet. Out: `Samples`, which `pixel_values`
scales to 8 bits.

Pillow cuts colour of 16 bits to the upper byte. Its readers take the byte order as a name, so that
reading twice, the second time with the other order, gives the lower byte as well.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL.ImageFile import ImageFile

from sept_core.compat import pillow

_GREY_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_COLOUR_MODES = ("RGB", "RGBA")
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT, _GDAL_NODATA = 258, 262, 339, 42113
_WHITE_IS_ZERO = 0
_SIGNED = 2  # of the tag `_SAMPLE_FORMAT`
_GREY_AND_ALPHA = "LA;16B"
_NATIVE = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
"""libtiff returns values in this machine's byte order; Pillow expects it of unsigned ones only."""


@dataclass(frozen=True)
class Samples:
    """An image's values as its file holds them.

    Attributes:
        values: (H, W) or, of a colour image, (H, W, 3), of the file's own type.
        alpha: (H, W) uint8 opacity, or None.
        bits: how many bits of its type the file says that it uses; None where it says nothing.
        nodata: the value that the file names as missing, or None.
        inverted: whether the least value is white.
    """

    values: np.ndarray
    alpha: np.ndarray | None = None
    bits: int | None = None
    nodata: float | None = None
    inverted: bool = False


def is_high(image: ImageFile) -> bool:
    """Return whether an image, opened and not loaded, has more than 8 bits a sample."""
    if image.format == "JPEG":
        return False  # without a look at the rest: they are small and many
    return image.mode in _GREY_MODES or ";16" in _raw_mode(image)


def _raw_mode(image: ImageFile) -> str:
    """Return Pillow's name of how a colour image's pixels are stored; '' where unknown."""
    if image.mode not in _COLOUR_MODES:
        return ""
    found = pillow.raw_mode(image)
    if found == "R" and _tag(image, _BITS_PER_SAMPLE) == 16:  # bands one after the other
        return f"{image.mode};16{'L' if _tags(image).prefix == b'II' else 'B'}"
    return found


def read(image: ImageFile, reopen: Callable[[], ImageFile]) -> Samples:
    """Load the values of an image that `is_high`.

    Args:
        image: opened and not loaded; it is loaded here.
        reopen: opens the same file again.

    Raises:
        Exception: whatever Pillow raises of damaged data.
    """
    if image.mode in _GREY_MODES:
        return _grey(image)
    return _colour(image, reopen())


def _grey(image: ImageFile) -> Samples:
    bits, sample_format = _tag(image, _BITS_PER_SAMPLE), _tag(image, _SAMPLE_FORMAT)
    if pillow.is_read_by_libtiff(image):
        raw = pillow.raw_mode(image)
        pillow.set_raw_mode(image, _NATIVE.get(raw, raw))
    image.load()
    values = np.asarray(image)
    if image.mode == "I":
        values = _integers(values, image.format, bits, sample_format)
    return Samples(
        values,
        bits=bits if image.mode.startswith("I;16") else None,
        nodata=_nodata(image),
        inverted=_tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO,
    )


def _integers(
    values: np.ndarray, image_format: str | None, bits: int | None, sample_format: int | None
) -> np.ndarray:
    """Pillow's 32-bit integers as the type that the file has."""
    if image_format == "PPM":  # 16 bits at most
        return values.astype(np.uint16)
    if bits == 16 and sample_format == _SIGNED:
        return values.astype(np.int16)
    if bits == 32 and sample_format != _SIGNED:
        return values.view(np.uint32)
    return values


def _colour(image: ImageFile, reopened: ImageFile) -> Samples:
    """16-bit colour, read twice; `reopened` is the same image."""
    raw = _raw_mode(image)
    if raw == _GREY_AND_ALPHA:
        pillow.set_raw_mode(image, "RGBA")  # four bytes: grey and alpha, the upper one first
        pairs = np.asarray(image).astype(np.uint16)
        grey, alpha = pairs[..., 0] << 8 | pairs[..., 1], pairs[..., 2].astype(np.uint8)
        return Samples(np.repeat(grey[..., None], 3, axis=2), alpha)
    name, order = raw[:-1], raw[-1]
    premultiplied = name.startswith("RGBa")
    name = name.replace("RGBa", "RGBA")  # Pillow would divide each byte by alpha on its own
    is_little = order == "L" or (order == "N" and sys.byteorder == "little")
    orders = ("L", "B") if is_little else ("B", "L")
    pillow.set_raw_mode(image, name + orders[0])
    pillow.set_raw_mode(reopened, name + orders[1])
    both = np.asarray(image).astype(np.uint16)  # in place: such images may take gigabytes
    both <<= 8
    both |= np.asarray(reopened)
    values = both[..., :3]
    if image.mode == "RGB":
        return Samples(values, nodata=_nodata(image))
    if premultiplied:
        values = _divided(values, both[..., 3])
    return Samples(values, (both[..., 3] >> 8).astype(np.uint8), nodata=_nodata(image))


def _divided(values: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint16 colours whose file holds them multiplied by their opacity."""
    full = np.maximum(alpha, 1)[..., None].astype(np.float64) / 65535
    divided: np.ndarray = np.minimum(values / full, 65535).round().astype(np.uint16)
    return divided


def _tags(image: ImageFile) -> Any:
    """The tags of a TIFF; none of other files."""
    return getattr(image, "tag_v2", {})


def _tag(image: ImageFile, number: int) -> int | None:
    """A number among a TIFF's tags; of several, as for the bits of each band, the first."""
    value = _tags(image).get(number)
    first = value[0] if isinstance(value, tuple) and value else value
    return first if isinstance(first, int) else None


def _nodata(image: ImageFile) -> float | None:
    """The missing value that GDAL and its like write as text into a TIFF."""
    try:
        number = float(_tags(image).get(_GDAL_NODATA, "nan"))
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None  # NaN and infinities are missing anyway
