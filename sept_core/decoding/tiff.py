"""TIFF images, of one channel or of many, of bytes or of measurements.

In: the bytes of a TIFF or BigTIFF file, and which bands to take. Out: a `RawImage` of its first
picture. Pillow reads what it gives without loss; tifffile, an extra, reads the rest.
"""

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from sept_core.decoding import by_pillow, by_tifffile, extras, rejection, tiff_header
from sept_core.decoding.raw import RawImage
from sept_core.decoding.tiff_header import TiffHeader
from sept_core.image_formats import Format

_DTYPES = {(12, 1): "uint16", (16, 1): "uint16", (16, 2): "int16", (32, 1): "uint32"}


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
    plain = _by_pillow(data, known, header) if header.is_plain and not bands else None
    raw = plain or by_tifffile.read(data, header, bands)
    return replace(raw, mode=f"{raw.mode}; first page") if header.has_pages else raw


def _by_pillow(data: bytes, known: Format, header: TiffHeader) -> RawImage | None:
    """The picture as Pillow gives it, or None where it does not know the pixels or packing."""
    try:
        raw = by_pillow.read(data, known)
    except (rejection.RejectedImage, OSError, ValueError, KeyError, SyntaxError) as problem:
        if extras.available("tifffile") and not str(problem).startswith("t"):
            return None
        raise
    if isinstance(raw.pixels, Image.Image):
        return raw
    dtype = _DTYPES.get((header.bits, header.sample_format), str(raw.pixels.dtype))
    is_turned = dtype == "uint32"  # Pillow keeps these 32 bits as signed ones
    values = raw.pixels.view(dtype) if is_turned else raw.pixels.astype(dtype, copy=False)
    return replace(
        raw,
        pixels=values,
        mode=header.type,
        bits=header.bits if header.bits < 16 else None,
        nodata=header.nodata,
        white_is_zero=header.photometric == tiff_header.WHITE_IS_ZERO,
    )
