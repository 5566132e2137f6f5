"""PNG images: the ordinary ones, and colour ones of 16 bits a channel.

In: the bytes of a PNG file. Out: a `RawImage`. Pillow keeps the upper 8 bits of 16-bit colours;
with the extra `tiff` all of them are read.
"""

import numpy as np

from sept_core.decoding import by_pillow, extras, rejection
from sept_core.decoding.raw import RawImage, from_array
from sept_core.image_formats import Format

_BITS, _COLOUR = 24, 25  # bytes of the header
_COLOURED = (2, 4, 6)  # RGB, grey with opacity, RGB with opacity


def read(data: bytes, known: Format) -> RawImage:
    """Decode one file; see `reading.read`."""
    is_deep = len(data) > _COLOUR and data[_BITS] == 16 and data[_COLOUR] in _COLOURED
    imagecodecs = extras.available("imagecodecs") if is_deep else None
    if imagecodecs is None:
        return by_pillow.read(data, known)
    plain = by_pillow.read(data, known)  # all that is said of the pixels, and whether they are whole
    if "transparency" in getattr(plain.pixels, "info", {}):
        return plain  # one colour is opacity
    rejection.check_size(plain.width, plain.height, 8)
    deep = from_array(np.asarray(imagecodecs.png_decode(data)), "PNG", 16)
    deep.orientation, deep.profile = plain.orientation, plain.profile
    return deep
