"""PBM, PGM and PPM images, and floats in PFM.

In: the bytes of the file. Out: a `RawImage`. Pillow stretches 16-bit grey to the full range; here
the values come as they are stored.
"""

import re

import numpy as np

from sept_core.imaging.decoding import by_pillow, rejection
from sept_core.imaging.decoding.raw import RawImage
from sept_core.imaging.high_bit_depth import Samples
from sept_core.imaging.image_formats import Format

_MOST = re.compile(rb"P[25](?:\s+|#[^\n]*\n)+\d+(?:\s+|#[^\n]*\n)+\d+(?:\s+|#[^\n]*\n)+(\d{1,5})")
_PFM = re.compile(rb"P([Ff])\s+(\d{1,9})\s+(\d{1,9})\s+([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s")


def read(data: bytes, known: Format) -> RawImage:
    """Decode one PBM, PGM or PPM file; see `reading.read`."""
    raw = by_pillow.read(data, known)
    most = _MOST.match(data[:4096])
    if isinstance(raw.pixels, Samples) and most is not None:
        greatest = int(most[1])
        values = np.rint(raw.pixels.values * (greatest / 65535)).astype(np.uint16)
        raw.pixels = Samples(values, bits=max(greatest.bit_length(), 9))
    return raw


def is_deep(data: bytes) -> bool:
    """Return whether a PGM file has more than 8 bits a channel."""
    most = _MOST.match(data[:4096])
    return most is not None and int(most[1]) > 255


def read_floats(data: bytes, known: Format) -> RawImage:
    """Decode one PFM file: rows from the bottom up; a negative scale means little-endian."""
    header = _PFM.match(data[:256])
    if header is None:
        raise rejection.RejectedImage(f"unreadable: the header of this {known.name} is broken")
    width, height, channels = int(header[2]), int(header[3]), 3 if header[1] == b"F" else 1
    rejection.check_size(width, height, 4 * channels)
    count = width * height * channels
    if len(data) < header.end() + 4 * count:
        raise rejection.RejectedImage("truncated: the file ends before its last pixels")
    order = "<f4" if header[4].startswith(b"-") else ">f4"
    values = np.frombuffer(data, order, count, header.end()).astype(np.float32)
    shaped = values.reshape((height, width, channels) if channels > 1 else (height, width))[::-1]
    mode = "float32 x 3" if channels > 1 else "float32"
    return RawImage(Samples(np.ascontiguousarray(shaped)), width, height, known.name, mode)
