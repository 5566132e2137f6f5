"""TIFF images, of one channel or of many, of bytes or of measurements.

In: the bytes of a TIFF or BigTIFF file, and which bands to take. Out: a `RawImage` of its first
picture. Pillow reads everything it supports without loss; tifffile, an extra, reads the rest.
"""

from collections.abc import Sequence

from PIL import TiffImagePlugin

from sept_core.imaging.decoding import by_pillow, by_tifffile, extras, rejection, tiff_header
from sept_core.imaging.decoding.raw import RawImage
from sept_core.imaging.image_formats import Format


def read(data: bytes, known: Format, bands: Sequence[int] | None) -> RawImage:
    """Decode the first picture of a file.

    Args:
        data: the whole file.
        known: `image_formats.TIFF`.
        bands: numbers from 1 of the one or three channels to take.

    Raises:
        RejectedImage: see `reading.read`.
    """
    header = tiff_header.read(data)
    raw = _by_pillow(data, known, header) if header.is_plain and not bands else None
    if raw is None:
        raw = by_tifffile.read(data, header, bands)
    elif header.spare > 0 and raw.mode == "RGB":
        raw.mode += "; bands 1, 2, 3"
    if header.has_pages and "; " not in raw.mode:
        raw.mode += "; first page"
    return raw


def is_deep(data: bytes) -> bool:
    """Return whether the first picture has over 8 bits a channel, other than inks and palettes."""
    header = tiff_header.read(data)
    return header.bits > 8 and header.photometric not in (tiff_header.CMYK, tiff_header.PALETTE)


def _by_pillow(data: bytes, known: Format, header: tiff_header.TiffHeader) -> RawImage | None:
    """The picture as Pillow gives it, or None where tifffile may know more.

    Raises:
        OSError: it is damaged, which no other library would mend.
    """
    try:
        return by_pillow.read(data, known)
    except OSError as problem:
        is_known = header.compression in TiffImagePlugin.COMPRESSION_INFO
        if rejection.of(problem).reason.startswith("truncated"):
            raise
        if is_known and extras.available("tifffile") is None:
            raise
        return None
    except (rejection.RejectedImage, ValueError, KeyError, SyntaxError):
        return None
