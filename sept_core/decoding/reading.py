"""Reading: the bytes of any file to a raw image, by the one reader that knows its format."""

from collections.abc import Callable, Sequence

from sept_core import image_formats, other_files
from sept_core.decoding import (
    by_pillow,
    dicom,
    heif,
    jpeg,
    jpeg2000,
    jpeg_header,
    netpbm,
    rejection,
    tiff,
)
from sept_core.decoding.raw import RawImage
from sept_core.image_formats import Format

READERS: dict[str, Callable[[bytes, Format], RawImage]] = {
    "pillow": by_pillow.read,
    "jpeg2000": jpeg2000.read,
    "netpbm": netpbm.read,
    "pfm": netpbm.read_floats,
    "heif": heif.read,
    "dicom": dicom.read,
}
"""Readers by the names in `image_formats.Format.reader`; `jpeg` and `tiff` take more than these."""


def read(data: bytes, least: int = 0, bands: Sequence[int] | None = None) -> RawImage:
    """Decode one file completely: the first frame, page or picture of several.

    Args:
        data: the whole file.
        least: a JPEG may come at 1/2, 1/4 or 1/8 of its size if no side falls below this.
        bands: of a TIFF, numbers from 1 of the one or three channels to take.

    Raises:
        RejectedImage: the bytes are not a whole image of a format that is read, or too large.
        Exception: whatever a decoder raises on damaged bytes.
    """
    known = image_formats.recognise(data)
    if known is image_formats.JPEG:
        return jpeg.read(data, known, least)
    if known is None:
        raise not_an_image(data)
    if not known.reader:
        raise rejection.RejectedImage(f"{known.name} images are not supported; {known.advice}")
    if known is image_formats.TIFF:
        return tiff.read(data, known, bands)
    return READERS[known.reader](data, known)


_DEEP = {
    *(image_formats.TIFF, image_formats.JPEG2000, image_formats.DICOM, image_formats.PFM),
    *(image_formats.PGM, image_formats.PPM),
}


def may_be_deep(data: bytes) -> bool:
    """Whether an image may have more than 8 bits a channel, as far as a cheap look tells."""
    known = image_formats.recognise(data)
    if known is image_formats.JPEG:
        frame = jpeg_header.frame(data)
        return frame is not None and frame.bits > 8
    if known is image_formats.PNG:
        return len(data) > _PNG_BITS and data[_PNG_BITS] == 16
    return known in _DEEP


_PNG_BITS = 24  # the byte of the header that tells the bits a channel


def not_an_image(data: bytes) -> rejection.RejectedImage:
    """Say what the bytes are instead; the first 4096 are enough."""
    if not data:
        return rejection.RejectedImage("empty file")
    what = other_files.description(data)
    return rejection.RejectedImage(f"not an image ({what})" if what else "not an image")
