"""Images: from the bytes of one file to upright RGB pixels, or to the reason why not.

In: bytes from any source, hostile ones included. Out: a `DecodedImage`, its perceptual hash
and quality figures, thumbnails; or `RejectedImage`, whose reason is listed with the file.
"""

import dataclasses
import io
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from sept_core import high_bit_depth, pixel_values
from sept_core.pixel_values import ValueRanges

MAX_PIXELS = 178_956_970
"""Larger images are rejected by their header, before decoding: 0.5 GB as RGB, Pillow's limit."""

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Decoders that may run; Pillow's others (PostScript among them) never see foreign bytes."""

_GREY_SIDE = 128  # longest side of the copy that hash and quality are computed on
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ON_ITS_SIDE = (5, 6, 7, 8)
_MAY_ORIENT = {"exif", "xmp", "XML:com.adobe.xmp"}
_QUIET_PILLOW = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


class RejectedImage(Exception):
    """One file cannot be used; `reason` is the short text that is listed with it.

    Reasons begin with `empty file`, `not an image`, `truncated`, `too large` or `unreadable`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class DecodedImage:
    """One image, wholly decoded.

    Attributes:
        image: RGB, upright (EXIF orientation applied), transparency laid over white; smaller
            than the file says where that was allowed.
        width: of the upright image at full size, in pixels.
        height: of the upright image at full size, in pixels.
        format: Pillow's name of the file format, such as `JPEG`.
        mode: Pillow's name of the pixel format in the file, such as `CMYK`.
        kind: of an image of more than 8 bits a sample its pixel kind (see `pixel_values`), else ''.
        loss: what the range of its kind takes from such an image, see `pixel_values.Scaled`.
    """

    image: Image.Image
    width: int
    height: int
    format: str
    mode: str
    kind: str = ""
    loss: str = ""


def decode(data: bytes, least: int = 0, ranges: ValueRanges | None = None) -> DecodedImage:
    """Decode one image file completely; of an animation, the first frame.

    Images of more than 8 bits a sample are scaled by the range of their pixel kind.

    Args:
        data: the file's bytes; all of them are read at any scale.
        least: a JPEG may come at 1/2, 1/4 or 1/8 of its size if no side falls below this, in
            pixels, nor below what hash and quality are computed on; 0 keeps its size.
        ranges: of the project; without them, the kinds' defaults.

    Raises:
        RejectedImage: the bytes are not a whole image of a known format, or too large.
    """
    image = _open(data)
    width, height = image.size
    if least:
        side = max(least, _GREY_SIDE)
        image.draft(None, (side, side))
    if high_bit_depth.is_high(image):
        return _scaled(image, _samples(image, data), ranges)
    _load(image)
    return _decoded(image, width, height)


def samples(data: bytes) -> high_bit_depth.Samples | None:
    """The values of an image of more than 8 bits a sample; None, by its header, for others.

    Raises:
        RejectedImage: as in `decode`.
    """
    image = _open(data)
    return _samples(image, data) if high_bit_depth.is_high(image) else None


def may_need_range(data: bytes) -> bool:
    """Return whether an image's pixels may depend on the value ranges, by its header.

    Raises:
        RejectedImage: as in `decode`.
    """
    return high_bit_depth.is_high(_open(data))


def describe_all(upright: Sequence[Image.Image]) -> list[dict[str, int | float]]:
    """`phash` and the figures of `quality` of each RGB image.

    Some ten small images at once take a third of the time they take one by one.
    """
    greys = [_small_grey(image) for image in upright]
    pairs = zip(_hashes_of(greys), _qualities_of(greys), strict=True)
    return [{"phash": phash, **figures} for phash, figures in pairs]


def perceptual_hash(image: Image.Image) -> int:
    """The 64-bit DCT hash ("pHash"), unsigned: near copies differ in few bits.

    The 8×8 lowest frequencies of the 32×32 greyscale image, row by row from the top bit, each
    set when above their median. An image without structure hashes to its top bit at most, so
    equal hashes of flat images say little.
    """
    return _hashes_of([_small_grey(image)])[0]


def quality(image: Image.Image) -> dict[str, float]:
    """Cheap figures from a greyscale copy of at most 128 pixels a side, each in 0..1.

    `brightness` is the mean, `contrast` the standard deviation over its greatest possible
    value, `sharpness` the mean absolute Laplacian (blur lowers it), `entropy` that of the
    grey values over 8 bits (flat images have little).
    """
    return _qualities_of([_small_grey(image)])[0]


def thumbnail(data: bytes, size: int, ranges: ValueRanges | None = None) -> bytes:
    """JPEG bytes of the image, at most `size` pixels a side; small images are not enlarged.

    Raises:
        RejectedImage: as in `decode`.
    """
    return jpeg(decode(data, size, ranges).image, size)


def jpeg(image: Image.Image, size: int) -> bytes:
    """JPEG bytes of a decoded image, at most `size` pixels a side."""
    small = image.copy()
    small.thumbnail((size, size))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=85)
    return out.getvalue()


def _open(data: bytes) -> ImageFile:
    """Read the header only, and reject what is too large to go on with."""
    if not data:
        raise RejectedImage("empty file")
    _keep_pillow_quiet()
    try:
        image: ImageFile = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise RejectedImage("not an image") from None
    except Image.DecompressionBombError as bomb:  # tells the size in its text only
        pixels = re.search(r"\d+", str(bomb))
        raise _too_large(int(pixels[0]) if pixels else MAX_PIXELS) from None
    except Exception as problem:  # the border of one image: hostile headers raise anything
        raise _rejection(problem) from problem
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(image.width * image.height)
    return image


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as problem:  # the border of one image: hostile data raise anything
        raise _rejection(problem) from problem


def _samples(image: ImageFile, data: bytes) -> high_bit_depth.Samples:
    try:
        return high_bit_depth.read(image, lambda: _open(data))
    except Exception as problem:  # the border of one image: hostile data raise anything
        raise _rejection(problem) from problem


def _scaled(
    image: ImageFile, samples: high_bit_depth.Samples, ranges: ValueRanges | None
) -> DecodedImage:
    """Bring an image of more than 8 bits a sample into upright RGB."""
    found = pixel_values.scale(samples.values, ranges, bits=samples.bits, nodata=samples.nodata)
    rgb = Image.fromarray(255 - found.pixels if samples.inverted else found.pixels).convert("RGB")
    if samples.alpha is not None:
        rgb = _over_white(rgb, Image.fromarray(samples.alpha))
    decoded = _decoded(image, *image.size, rgb)
    return dataclasses.replace(decoded, kind=found.kind, loss=found.loss)


def _decoded(
    image: Image.Image, width: int, height: int, rgb: Image.Image | None = None
) -> DecodedImage:
    """Bring a loaded image into upright RGB; an ordinary JPEG passes straight through.

    `rgb` is given where it is not what Pillow would make of the image.
    """
    mode, image_format = image.mode, image.format or ""
    orientation = _orientation(image) if not _MAY_ORIENT.isdisjoint(image.info) else 1
    try:
        if rgb is None:
            rgb = image if mode == "RGB" and "transparency" not in image.info else _to_rgb(image)
    except Exception as problem:  # the border of one image: broken palettes, exotic modes
        raise _rejection(problem) from problem
    if orientation in _UPRIGHT:
        rgb = rgb.transpose(_UPRIGHT[orientation])
    if orientation in _ON_ITS_SIDE:
        width, height = height, width
    return DecodedImage(rgb, width, height, image_format, mode)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return _over_white(rgba, rgba.getchannel("A"))
    return image.convert("RGB")


def _over_white(image: Image.Image, opacity: Image.Image) -> Image.Image:
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=opacity)
    return white


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; `ImageOps.exif_transpose` fails on EXIF it cannot rewrite."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # broken EXIF does not make an image broken
        return 1


def _too_large(pixels: int) -> RejectedImage:
    return RejectedImage(f"too large to decode safely ({pixels / 1e6:.0f} megapixels)")


def _rejection(problem: Exception) -> RejectedImage:
    """Sort what Pillow's decoders raise into the two reasons that people tell apart."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    kind = "truncated" if "truncated" in text or isinstance(problem, EOFError) else "unreadable"
    return RejectedImage(f"{kind}: {text[:200]}")


def _keep_pillow_quiet() -> None:
    """Silence Pillow's warnings about odd metadata: a file is used or rejected, nothing between.

    A filter put in once is lost whenever somebody resets the filters, and
    `warnings.catch_warnings` around each decode is not safe between threads.
    """
    if warnings.filters[:1] != [_QUIET_PILLOW]:
        warnings.filterwarnings("ignore", module=r"PIL\.")


def _small_grey(image: Image.Image) -> Image.Image:
    """A greyscale copy of at most `_GREY_SIDE` pixels a side, averaged over whole blocks."""
    factor = math.ceil(max(image.size) / _GREY_SIDE)
    return (image.reduce(factor) if factor > 1 else image).convert("L")


_COSINES = np.cos(np.pi / 64 * np.outer(np.arange(8), 2 * np.arange(32) + 1))  # (8, 32), DCT-II


def _hashes_of(greys: list[Image.Image]) -> list[int]:
    if not greys:
        return []
    pixels = _stacked([grey.resize((32, 32), Image.Resampling.BOX) for grey in greys])
    # Rounding keeps the coefficients that are zero in theory from deciding bits by noise.
    spectra = np.round(_COSINES @ pixels.astype(np.float64) @ _COSINES.T, 3).reshape(-1, 64)
    ordered = np.sort(spectra, axis=1)
    bits = spectra > (ordered[:, 31:32] + ordered[:, 32:33]) / 2
    hashes: list[int] = np.packbits(bits, axis=1).view(">u8").ravel().tolist()
    return hashes


def _qualities_of(greys: list[Image.Image]) -> list[dict[str, float]]:
    same_size: dict[tuple[int, int], list[int]] = {}
    for i, grey in enumerate(greys):
        same_size.setdefault(grey.size, []).append(i)
    figures: list[dict[str, float]] = [{} for _ in greys]
    for rows in same_size.values():
        group = [greys[i] for i in rows]
        for i, found in zip(rows, _qualities_of_one_size(group), strict=True):
            figures[i] = found
    return figures


def _qualities_of_one_size(greys: list[Image.Image]) -> list[dict[str, float]]:
    pixels = _stacked(greys)
    values = pixels.reshape(len(greys), -1).astype(np.float64)  # sums of integers stay exact
    means = values.mean(axis=1)
    variances = np.maximum(np.einsum("ij,ij->i", values, values) / values.shape[1] - means**2, 0)
    columns = {
        "brightness": means / 255,
        "contrast": np.sqrt(variances) / 127.5,
        "sharpness": _laplacians(pixels) / 255,
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        # Pillow gives −0.0 for the entropy of a flat image.
        dict(zip(columns, row, strict=True)) | {"entropy": abs(grey.entropy()) / 8}
        for grey, row in zip(greys, rows, strict=True)
    ]


def _laplacians(greys: np.ndarray) -> np.ndarray:
    """Mean absolute difference of (n, H, W) uint8 pixels from their four neighbours' mean: (n,)."""
    if min(greys.shape[1:]) < 3:
        return np.zeros(len(greys))
    values = greys.astype(np.int16)
    difference = values[:, 1:-1, 1:-1] * 4
    difference -= values[:, :-2, 1:-1]
    difference -= values[:, 2:, 1:-1]
    difference -= values[:, 1:-1, :-2]
    difference -= values[:, 1:-1, 2:]
    np.abs(difference, out=difference)
    per_image = difference.reshape(len(greys), -1)
    return np.asarray(per_image.sum(axis=1, dtype=np.int64) / per_image.shape[1] / 4)


def _stacked(greys: list[Image.Image]) -> np.ndarray:
    """(n, H, W) uint8 of greyscale images of one size."""
    width, height = greys[0].size
    data = b"".join(grey.tobytes() for grey in greys)
    return np.frombuffer(data, np.uint8).reshape(len(greys), height, width)
