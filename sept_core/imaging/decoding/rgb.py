"""From raw images to upright 8-bit sRGB, transparency laid over white."""

from dataclasses import dataclass

from PIL import Image

from sept_core.imaging import pixel_values
from sept_core.imaging.decoding import colour, raw
from sept_core.imaging.decoding.raw import RawImage

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_ITS_SIDE = (5, 6, 7, 8)
"""EXIF orientations in which width and height change places."""


@dataclass(slots=True)
class Upright:
    """An image in sRGB, and how its values were scaled (see `pixel_values.Scaled`)."""

    image: Image.Image
    kind: str = ""
    loss: str = ""


def upright(found: RawImage, ranges: pixel_values.ValueRanges | None) -> Upright:
    """Return an image in upright sRGB; an ordinary JPEG passes straight through.

    Args:
        found: as a reader gave it.
        ranges: which values of integers beyond 8 bits and of floats become black and white.
    """
    if not isinstance(found.pixels, Image.Image):
        return _scaled(found, ranges)
    return Upright(_turned(found.pixels, found))


def _scaled(found: RawImage, ranges: pixel_values.ValueRanges | None) -> Upright:
    samples = found.pixels
    assert not isinstance(samples, Image.Image)
    scaled = pixel_values.scale(samples.values, ranges, bits=samples.bits, nodata=samples.nodata)
    values = 255 - scaled.pixels if samples.inverted else scaled.pixels
    image = raw.picture(values, samples.alpha)
    return Upright(_turned(image, found), scaled.kind, scaled.loss)


def _turned(image: Image.Image, found: RawImage) -> Image.Image:
    if image.mode != "RGB" or found.profile or "transparency" in image.info:
        image = _opaque(image, found.profile)
    turn = _UPRIGHT.get(found.orientation)
    return image if turn is None else image.transpose(turn)


def _opaque(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not image.has_transparency_data:
        return colour.to_srgb(image, profile)
    rgba = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(colour.to_srgb(rgba, profile), mask=rgba.getchannel("A"))
    return white
