"""Images that Pillow decodes.

In: bytes of a recognised format. Out: a `RawImage`. Of an animation, the first frame.
"""

import io

from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from sept_core.compat import pillow, warning_filters
from sept_core.imaging import high_bit_depth
from sept_core.imaging.decoding import rejection
from sept_core.imaging.decoding.raw import RawImage
from sept_core.imaging.image_formats import Format

_ORIENTATION_TAG = 0x0112
_MAY_ORIENT = {"exif", "xmp", "XML:com.adobe.xmp"}


def read(data: bytes, known: Format) -> RawImage:
    """Decode one file of any depth; see `reading.read`."""
    image = opened(data, known)
    if high_bit_depth.is_high(image):
        return _deep(image, high_bit_depth.read(image, lambda: opened(data, known)))
    return loaded(image)


def opened(data: bytes, known: Format) -> ImageFile:
    """Read the header only, by the one decoder of this format.

    Raises:
        RejectedImage: the header is broken, or declares too large an image.
    """
    # Warnings about odd metadata: a file is used or rejected, nothing between.
    warning_filters.silence(r"PIL\.")
    try:
        image: ImageFile = Image.open(io.BytesIO(data), formats=(known.pillow,))
    except UnidentifiedImageError:
        raise rejection.RejectedImage(
            f"unreadable: the header of this {known.name} is broken"
        ) from None
    except Image.DecompressionBombError as bomb:
        pixels = pillow.declared_pixels(bomb)
        raise rejection.too_large(pixels or rejection.MAX_PIXELS) from None
    rejection.check_size(*image.size)
    return image


def loaded(image: ImageFile, least: int = 0) -> RawImage:
    """Decode an opened image of at most 8 bits a channel.

    Args:
        image: as `opened` gave it.
        least: a JPEG may come at 1/2, 1/4 or 1/8 of its size if no side falls below this.
    """
    width, height = image.size
    if least:
        image.draft(None, (least, least))
    image.load()
    info = image.info
    orientation = 1 if _MAY_ORIENT.isdisjoint(info) else _orientation(image)
    profile = info.get("icc_profile")
    return RawImage(image, width, height, image.format or "", image.mode, orientation, profile)


def _deep(image: ImageFile, samples: high_bit_depth.Samples) -> RawImage:
    """An image of more than 8 bits a channel, loaded."""
    orientation = 1 if _MAY_ORIENT.isdisjoint(image.info) else _orientation(image)
    profile = image.info.get("icc_profile") if samples.values.ndim == 3 else None
    image_format = image.format or ""
    return RawImage(samples, *image.size, image_format, image.mode, orientation, profile)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; `ImageOps.exif_transpose` fails on EXIF it cannot rewrite."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # broken EXIF does not make an image broken
        return 1
