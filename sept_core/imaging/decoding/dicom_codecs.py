"""Decoders for packed DICOM frames that pydicom lacks: lossless JPEG, 12-bit JPEG and JPEG-LS.

In: one packed frame. Out: its bytes, as pydicom asks of a plugin (see its guide to decoder
plugins). They are imagecodecs' decoders, of the extra `tiff`.
"""

import functools
from typing import Any

import numpy as np

from sept_core.imaging.decoding import extras

_JPEG = {
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless",
}
_JPEG_LS = {"1.2.840.10008.1.2.4.80": "JPEG-LS", "1.2.840.10008.1.2.4.81": "JPEG-LS"}

DECODER_DEPENDENCIES = dict.fromkeys((*_JPEG, *_JPEG_LS), ("imagecodecs",))
"""Transfer syntax → what its decoder needs; the name is pydicom's."""


def knows(syntax: str) -> bool:
    """Return whether the extra `tiff` would decode it."""
    return str(syntax) in DECODER_DEPENDENCIES


def is_available(syntax: str) -> bool:
    """Return whether it can be decoded; pydicom asks this."""
    return knows(syntax) and extras.available("imagecodecs") is not None


@functools.cache
def register() -> None:
    """Make the decoders known to pydicom, once."""
    pixels = extras.require("pydicom.pixels", "DICOM images", "dicom")
    for syntax in DECODER_DEPENDENCIES:
        decoder = pixels.get_decoder(syntax)
        if "sept" not in decoder.available_plugins:
            decoder.add_plugin("sept", (__name__, "_decode_frame"))


def _decode_frame(packed: bytes, runner: Any) -> bytes:
    """Decode one frame; colours stay as they are stored, since pydicom converts them."""
    imagecodecs = extras.require("imagecodecs", "packed DICOM images", "tiff")
    if str(runner.transfer_syntax) in _JPEG_LS:
        values = np.asarray(imagecodecs.jpegls_decode(packed))
    elif runner.samples_per_pixel > 1:
        values = np.asarray(imagecodecs.jpeg8_decode(packed, colorspace="rgb", outcolorspace="rgb"))
    else:
        values = np.asarray(imagecodecs.jpeg8_decode(packed))
    runner.set_option("bits_allocated", values.dtype.itemsize * 8)
    runner.set_option("planar_configuration", 0)
    return values.tobytes()
