"""JPEG 2000 images, as a file (JP2) or as a bare stream (J2K).

In: the bytes of the file. Out: a `RawImage`. Pillow fills 16 bits with values of fewer bits; here
they come as they are stored. Colours of more than 8 bits, and more than four channels, need the
extra `tiff`.
"""

from dataclasses import dataclass

import numpy as np

from sept_core.imaging.decoding import by_pillow, extras, rejection
from sept_core.imaging.decoding.raw import RawImage, from_array
from sept_core.imaging.high_bit_depth import Samples
from sept_core.imaging.image_formats import Format

_START, _END = b"\xff\x4f\xff\x51", b"\xff\xd9"


@dataclass(frozen=True)
class _Stream:
    """The header of a stream; bits and sign are those of the first channel."""

    width: int
    height: int
    channels: int
    bits: int
    is_signed: bool


def read(data: bytes, known: Format) -> RawImage:
    """Decode one file; see `reading.read`."""
    stream = _stream(data)
    rejection.check_size(stream.width, stream.height, stream.channels * (-(-stream.bits // 8)))
    if data.rfind(_END) < data.find(_START):
        raise rejection.RejectedImage("truncated: this JPEG 2000 image has no end")
    is_deep = stream.channels > 1 and stream.bits > 8
    if stream.channels > 4 or (is_deep and extras.available("imagecodecs")):
        return _all_channels(data, stream)
    raw = by_pillow.read(data, known)
    if isinstance(raw.pixels, Samples):
        raw.pixels = _as_stored(raw.pixels, stream)
    return raw


def _as_stored(samples: Samples, stream: _Stream) -> Samples:
    values = samples.values >> (16 - stream.bits)
    if stream.is_signed:
        return Samples((values.astype(np.int32) - (1 << (stream.bits - 1))).astype(np.int16))
    return Samples(values, bits=stream.bits)


def is_deep(data: bytes) -> bool:
    """Return whether a file or stream has more than 8 bits a channel."""
    return _stream(data).bits > 8


def is_one(data: bytes) -> bool:
    """Return whether bytes begin as a JPEG 2000 file or stream."""
    return data.startswith((_START, b"\0\0\0\x0cjP  "))


def size(data: bytes) -> tuple[int, int]:
    """Width and height in the header.

    Raises:
        RejectedImage: there is none.
    """
    stream = _stream(data)
    return stream.width, stream.height


def _stream(data: bytes) -> _Stream:
    start = data.find(_START)
    if start < 0 or len(data) < start + 43:
        raise rejection.RejectedImage("truncated: this JPEG 2000 file has no image in it")
    width, height, left, top = (
        int.from_bytes(data[start + i : start + i + 4], "big") for i in (8, 12, 16, 20)
    )
    channels, sample = int.from_bytes(data[start + 40 : start + 42], "big"), data[start + 42]
    return _Stream(width - left, height - top, channels, (sample & 127) + 1, sample > 127)


def _all_channels(data: bytes, stream: _Stream) -> RawImage:
    what = f"JPEG 2000 images of {stream.channels} channels"
    imagecodecs = extras.require("imagecodecs", what, "tiff")
    if stream.is_signed or stream.bits > 16:
        raise rejection.RejectedImage(f"{what} of signed or very large numbers are not supported")
    values = np.asarray(imagecodecs.jpeg2k_decode(data))
    if values.ndim == 3 and values.shape[2] > 4:
        mode = f"{values.dtype} x {stream.channels}; bands 1, 2, 3"
        return from_array(values[..., :3], "JPEG2000", stream.bits, mode)
    return from_array(values, "JPEG2000", stream.bits)
