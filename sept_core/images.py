"""Images: from the bytes of one file to upright RGB pixels, or to the reason why not.

In: bytes from any source, hostile ones included. Out: a `DecodedImage`, thumbnails, and (from
`image_figures`) hash and quality figures; or `RejectedImage`, whose reason is listed with the file.
What reads which format is in `decoding`.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from sept_core import image_figures, pixel_values
from sept_core.decoding import reading, rejection, rgb
from sept_core.decoding.raw import RawImage
from sept_core.decoding.rejection import MAX_PIXELS, RejectedImage
from sept_core.image_figures import describe_all, perceptual_hash, quality

__all__ = [
    "MAX_PIXELS",
    "DecodedImage",
    "RejectedImage",
    "decode",
    "describe_all",
    "perceptual_hash",
    "quality",
    "thumbnail",
    "values",
]


@dataclass(frozen=True)
class DecodedImage:
    """One image, wholly decoded.

    Attributes:
        image: sRGB, upright (EXIF orientation applied), transparency laid over white; smaller
            than the file says where that was allowed.
        width: of the upright image at full size, in pixels.
        height: of the upright image at full size, in pixels.
        format: Pillow's name of the file format, or one like it, such as `JPEG` or `DICOM`.
        mode: the pixel type in the file, such as `CMYK`; behind `; ` what was taken of more, such
            as `bands 1, 2, 3`.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    mode: str


def decode(
    data: bytes,
    least: int = 0,
    ranges: pixel_values.ValueRanges | None = None,
    bands: Sequence[int] | None = None,
) -> DecodedImage:
    """Decode one image file completely; of an animation or a TIFF of pages, the first.

    Args:
        data: the file's bytes; all of them are read at any scale.
        least: a JPEG may come at 1/2, 1/4 or 1/8 of its size if no side falls below this, in
            pixels, nor below what hash and quality are computed on; 0 keeps its size.
        ranges: which values of integers beyond 8 bits and of floats become black and white.
        bands: of a TIFF, numbers from 1 of the one or three channels to take.

    Raises:
        RejectedImage: the bytes are not a whole image of a known format, or too large.
    """
    return _decode(data, max(least, image_figures.GREY_SIDE) if least else 0, ranges, bands)


def thumbnail(
    data: bytes,
    size: int,
    ranges: pixel_values.ValueRanges | None = None,
    bands: Sequence[int] | None = None,
) -> bytes:
    """JPEG bytes of the image, at most `size` pixels a side; small images are not enlarged.

    Raises:
        RejectedImage: as in `decode`.
    """
    small = _decode(data, size, ranges, bands).image
    small.thumbnail((size, size))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85)
    return out.getvalue()


def values(data: bytes, bands: Sequence[int] | None = None) -> RawImage | None:
    """Return the values of an image before they are scaled, for finding their range.

    Returns:
        A raw image whose `pixels` are an array; None where 8 bits a channel leave nothing to find.

    Raises:
        RejectedImage: as in `decode`.
    """
    try:
        raw = reading.read(data, bands=bands)
    except RejectedImage:
        raise
    except Exception as problem:  # the border of one image
        raise rejection.of(problem) from problem
    return raw if isinstance(raw.pixels, np.ndarray) else None


def _decode(
    data: bytes,
    least: int,
    ranges: pixel_values.ValueRanges | None,
    bands: Sequence[int] | None,
) -> DecodedImage:
    """See `decode`; `least` is kept to exactly."""
    try:
        raw = reading.read(data, least, bands)
        image = rgb.upright(raw, ranges)
    except RejectedImage:
        raise
    except Exception as problem:  # the border of one image: hostile bytes raise anything
        raise rejection.of(problem) from problem
    width, height = raw.width, raw.height
    if raw.orientation in rgb.ON_ITS_SIDE:
        width, height = height, width
    return DecodedImage(image, width, height, raw.format, raw.mode)
