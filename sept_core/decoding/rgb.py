"""From raw images to upright 8-bit sRGB, transparency laid over white."""

import numpy as np
from PIL import Image

from sept_core import pixel_values
from sept_core.decoding import colour
from sept_core.decoding.raw import RawImage

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_ITS_SIDE = (5, 6, 7, 8)
"""EXIF orientations in which width and height change places."""


def upright(raw: RawImage, ranges: pixel_values.ValueRanges | None) -> Image.Image:
    """Return an image in upright sRGB; an ordinary JPEG passes straight through.

    Args:
        raw: as a reader gave it.
        ranges: which values of integers beyond 8 bits and of floats become black and white.
    """
    image = raw.pixels
    if isinstance(image, np.ndarray):
        image = _eight_bit(raw, image, ranges)
    if image.mode != "RGB" or raw.profile or "transparency" in image.info:
        image = _opaque(image, raw.profile)
    turn = _UPRIGHT.get(raw.orientation)
    return image if turn is None else image.transpose(turn)


def _opaque(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not image.has_transparency_data:
        return colour.to_srgb(image, profile)
    rgba = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(colour.to_srgb(rgba, profile), mask=rgba.getchannel("A"))
    return white


def _eight_bit(
    raw: RawImage, values: np.ndarray, ranges: pixel_values.ValueRanges | None
) -> Image.Image:
    """An 8-bit image of mode L, RGB or RGBA."""
    if values.ndim == 2 or values.shape[2] == 3:
        return Image.fromarray(_scaled(raw, values, ranges))
    colours = Image.fromarray(_scaled(raw, values[..., :3], ranges))
    colours.putalpha(Image.fromarray(_opacity(values[..., 3])))
    return colours


def _scaled(
    raw: RawImage, values: np.ndarray, ranges: pixel_values.ValueRanges | None
) -> np.ndarray:
    scaled = pixel_values.to_uint8(values, ranges, bits=raw.bits, nodata=raw.nodata)
    return 255 - scaled if raw.white_is_zero else scaled


def _opacity(values: np.ndarray) -> np.ndarray:
    """(H, W) uint8 of opacity, which goes from 0 to the type's greatest value, or to 1."""
    if values.dtype.kind == "f":
        return np.asarray((np.nan_to_num(values).clip(0, 1) * 255).round(), np.uint8)
    return np.asarray(values.astype(np.float64) * (255 / np.iinfo(values.dtype).max), np.uint8)
