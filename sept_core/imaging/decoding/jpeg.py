"""JPEG images: the ordinary ones, and those of more than 8 bits or without loss.

In: the bytes of a JPEG file. Out: a `RawImage`.
"""

import numpy as np

from sept_core.imaging.decoding import by_pillow, extras, jpeg_header, rejection
from sept_core.imaging.decoding.jpeg_header import Frame
from sept_core.imaging.decoding.raw import RawImage, from_array
from sept_core.imaging.image_formats import Format


def read(data: bytes, known: Format, least: int) -> RawImage:
    """Decode one file; see `reading.read`."""
    try:
        return by_pillow.loaded(by_pillow.opened(data, known), least)
    except (rejection.RejectedImage, OSError, SyntaxError, ValueError):
        frame = jpeg_header.frame(data)
        if frame is None or not _is_special(frame):
            raise
    return _special(data, frame)


def is_deep(data: bytes) -> bool:
    """Return whether a JPEG has more than 8 bits a channel."""
    frame = jpeg_header.frame(data)
    return frame is not None and frame.bits > 8


def _is_special(frame: Frame) -> bool:
    """Return whether Pillow has no decoder for it."""
    return frame.bits != 8 or frame.marker in (jpeg_header.LOSSLESS, jpeg_header.JPEG_LS)


def _special(data: bytes, frame: Frame) -> RawImage:
    names = {jpeg_header.JPEG_LS: "JPEG-LS", jpeg_header.LOSSLESS: "Lossless JPEG"}
    kind = names.get(frame.marker, f"{frame.bits}-bit JPEG")
    imagecodecs = extras.require("imagecodecs", f"{kind} images", "tiff")
    rejection.check_size(frame.width, frame.height, max(1, frame.channels) * 2)
    if not frame.is_whole:
        raise rejection.RejectedImage("truncated: this JPEG has no end")
    if frame.channels not in (1, 3):
        raise rejection.RejectedImage(
            f"{kind} images of {frame.channels} channels are not supported; convert them to RGB "
            "first"
        )
    is_ls = frame.marker == jpeg_header.JPEG_LS
    values = imagecodecs.jpegls_decode(data) if is_ls else imagecodecs.jpeg8_decode(data)
    return from_array(np.asarray(values), "JPEG", frame.bits)
