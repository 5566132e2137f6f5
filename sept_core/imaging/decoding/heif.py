"""HEIC and HEIF images, as phones take them, by the extra `heic` (pi-heif, which only decodes).

In: the bytes of the file. Out: a `RawImage` of its primary image, upright as libheif gives it.
"""

import io

from sept_core.imaging.decoding import by_pillow, extras, rejection
from sept_core.imaging.decoding.raw import RawImage
from sept_core.imaging.image_formats import Format


def read(data: bytes, known: Format) -> RawImage:
    """Decode one file; see `reading.read`."""
    plugin = extras.require("pi_heif.as_plugin", f"{known.name} images", "heic")
    image = plugin.HeifImageFile(io.BytesIO(data))
    rejection.check_size(*image.size)
    raw = by_pillow.loaded(image)
    rejection.check_size(*image.size)  # the pixels may differ from what the container says
    raw.width, raw.height = image.size
    return raw
