"""Reading: the bytes of any file to a raw image, by the one reader that knows its format."""

from collections.abc import Callable, Sequence

from sept_core.imaging import image_formats, other_files
from sept_core.imaging.decoding import (
    by_pillow,
    dicom,
    heif,
    jpeg,
    jpeg2000,
    netpbm,
    rejection,
    tiff,
)
from sept_core.imaging.decoding.raw import RawImage
from sept_core.imaging.image_formats import Format

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


_DEPTH: dict[Format, Callable[[bytes], bool]] = {
    image_formats.JPEG: jpeg.is_deep,
    image_formats.PNG: lambda data: data[24:25] == b"\x10",  # bits a channel
    image_formats.TIFF: tiff.is_deep,
    image_formats.JPEG2000: jpeg2000.is_deep,
    image_formats.PGM: netpbm.is_deep,
    image_formats.PFM: lambda data: True,
    image_formats.DICOM: lambda data: True,  # a look at its window would read it whole
}


def may_be_deep(data: bytes) -> bool:
    """Return whether an image may have more than 8 bits a channel, judging by its header.

    Raises:
        RejectedImage: the header is broken.
    """
    known = image_formats.recognise(data)
    return known in _DEPTH and _DEPTH[known](data)


def not_an_image(data: bytes) -> rejection.RejectedImage:
    """Return a rejection that describes the bytes; the first 4096 are enough."""
    if not data:
        return rejection.RejectedImage("empty file")
    what = other_files.description(data)
    return rejection.RejectedImage(f"not an image ({what})" if what else "not an image")
