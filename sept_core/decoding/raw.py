"""Raw images: the pixels of one file as the file holds them, before they become upright sRGB."""

from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(slots=True)
class RawImage:
    """What a reader found in a file.

    Attributes:
        pixels: a Pillow image of at most 8 bits a channel; or an array (H, W), (H, W, 3) or
            (H, W, 4) of integers of more bits or of floats, whose range is still to be chosen.
            The fourth channel is opacity.
        width: of the whole image, in pixels; a JPEG's `pixels` may be smaller.
        height: as `width`.
        format: Pillow's name of the format, or one like it: `JPEG`, `HEIF`, `DICOM`.
        mode: the pixel type, such as `RGB` or `uint16 x 13`; behind `; ` what was taken of more,
            such as `bands 1, 2, 3` or `first page`.
        orientation: as in EXIF, 1 to 8.
        profile: the ICC profile.
        bits: how many bits of an integer type carry values; None means all.
        nodata: the value that stands for no measurement.
        white_is_zero: the least value is the brightest.
    """

    pixels: Image.Image | np.ndarray
    width: int
    height: int
    format: str
    mode: str
    orientation: int = 1
    profile: bytes | None = None
    bits: int | None = None
    nodata: float | None = None
    white_is_zero: bool = False


def from_array(values: np.ndarray, image_format: str, bits: int, mode: str = "") -> RawImage:
    """Make a raw image of decoded values.

    Args:
        values: (H, W) or (H, W, C) of unsigned integers, C at most 4; the second of two channels
            and the fourth of four is opacity.
        image_format: see `RawImage`.
        bits: how many bits of each value are used.
        mode: see `RawImage`; by default type and number of the channels.
    """
    shaped = colour_last(values[..., None] if values.ndim == 2 else values)
    channels = 1 if values.ndim == 2 else values.shape[2]
    mode = mode or (f"{values.dtype} x {channels}" if channels > 1 else str(values.dtype))
    height, width = shaped.shape[:2]
    if shaped.dtype != np.uint8:
        narrow = bits if bits < shaped.dtype.itemsize * 8 else None
        return RawImage(shaped, width, height, image_format, mode, bits=narrow)
    if bits < 8:
        shaped = (shaped.astype(np.uint16) * 255 // (2**bits - 1)).astype(np.uint8)
    return RawImage(Image.fromarray(shaped), width, height, image_format, mode)


def colour_last(values: np.ndarray) -> np.ndarray:
    """(H, W), (H, W, 3) or (H, W, 4) of (H, W, 1 to 4); grey with opacity gets three channels."""
    if values.shape[2] == 1:
        return np.ascontiguousarray(values[..., 0])
    if values.shape[2] == 2:
        return np.ascontiguousarray(values[..., [0, 0, 0, 1]])
    return np.ascontiguousarray(values)
