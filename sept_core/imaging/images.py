"""Images: from the bytes of one file to upright RGB pixels, or to the reason why not.

In: bytes from any source, hostile ones included. Out: a `DecodedImage`, thumbnails, and (from
`image_figures`) hash and quality figures; or `RejectedImage`, whose reason is listed with the file.
The readers of the formats are in `decoding`.
"""

import functools
import io
from dataclasses import dataclass

from PIL import Image

from sept_core import errors
from sept_core.imaging import image_figures, image_formats
from sept_core.imaging.decoding import reading, rejection, rgb
from sept_core.imaging.decoding.rejection import (
    MAX_PIXELS,
    RejectedImage,
    UnreadableFile,
    UnusableFile,
    failure,
)
from sept_core.imaging.high_bit_depth import Samples
from sept_core.imaging.image_figures import describe_all, perceptual_hash, quality
from sept_core.imaging.pixel_values import ValueRanges

__all__ = [
    "MAX_PIXELS",
    "Bands",
    "DecodedImage",
    "RejectedImage",
    "UnreadableFile",
    "UnusableFile",
    "check_begins_as_image",
    "decode",
    "describe_all",
    "failure",
    "jpeg",
    "may_need_range",
    "parse_bands",
    "perceptual_hash",
    "quality",
    "samples",
    "thumbnail",
]


Bands = tuple[int, ...] | None
"""Numbers from 1 of the one or three channels to take of a TIFF; None leaves it to the file."""


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
        kind: of an image of more than 8 bits a channel its pixel kind (see `pixel_values`), or ''.
        loss: what such an image loses by the range of its kind, see `pixel_values.Scaled`.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    mode: str
    kind: str = ""
    loss: str = ""


def decode(
    data: bytes,
    least: int = 0,
    ranges: ValueRanges | None = None,
    bands: Bands = None,
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
        UnreadableFile: the machine has no memory left to decode it.
    """
    return _decode(data, max(least, image_figures.GREY_SIDE) if least else 0, ranges, bands)


def thumbnail(
    data: bytes,
    size: int,
    ranges: ValueRanges | None = None,
    bands: Bands = None,
) -> bytes:
    """JPEG bytes of the image, at most `size` pixels a side; small images are not enlarged.

    Raises:
        RejectedImage: as in `decode`.
    """
    return jpeg(_decode(data, size, ranges, bands).image, size)


def jpeg(image: Image.Image, size: int) -> bytes:
    """Return JPEG bytes of a decoded image, at most `size` pixels a side."""
    small = image.copy()
    small.thumbnail((size, size))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85)
    return out.getvalue()


def samples(data: bytes, bands: Bands = None) -> Samples | None:
    """Return the values of an image before they are scaled, for finding their range.

    Returns:
        The values of an image of more than 8 bits a channel, None for any other; for the usual
        formats, the header alone tells.

    Raises:
        RejectedImage: as in `decode`.
    """
    try:
        raw = reading.read(data, bands=bands) if may_need_range(data) else None
    except UnusableFile:
        raise
    except Exception as problem:  # the border of one image, as in `_decode`
        raise rejection.of(problem) from problem
    return raw.pixels if raw and isinstance(raw.pixels, Samples) else None


def check_begins_as_image(head: bytes) -> None:
    """Refuse a file by its first bytes, 4096 or all of them, before the rest is read.

    Raises:
        RejectedImage: no image begins so.
    """
    if image_formats.recognise(head) is None:
        raise reading.not_an_image(head)


@functools.lru_cache(maxsize=64)
def parse_bands(text: str | None) -> Bands:
    """Read a choice of bands such as `4,3,2`; None where there is none.

    Raises:
        SourceError: it is not one number or three, each from 1.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    numbers = tuple(int(part) for part in parts if part.isdecimal() and len(part) < 6)
    if len(numbers) != len(parts) or len(parts) not in (1, 3) or min(numbers) < 1:
        raise errors.SourceError(
            f"{text!r} is not a valid choice of bands; give one or three numbers, counted from 1, "
            "such as 4,3,2."
        )
    return numbers


def may_need_range(data: bytes) -> bool:
    """Return whether pixels may depend on the project's value ranges, by a cheap check."""
    return reading.may_be_deep(data)


def _decode(
    data: bytes,
    least: int,
    ranges: ValueRanges | None,
    bands: Bands,
) -> DecodedImage:
    """See `decode`; `least` is kept to exactly."""
    try:
        raw = reading.read(data, least, bands)
        found = rgb.upright(raw, ranges)
    except UnusableFile:
        raise
    except Exception as problem:  # the border of one image: hostile bytes raise anything
        raise rejection.of(problem) from problem
    width, height = raw.width, raw.height
    if raw.orientation in rgb.ON_ITS_SIDE:
        width, height = height, width
    return DecodedImage(found.image, width, height, raw.format, raw.mode, found.kind, found.loss)
