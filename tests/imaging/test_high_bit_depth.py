"""Values of more than 8 bits come out of files as they were put in, whatever the layout."""

import functools
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.hostile.pixel_values import TYPES, png_of, tiff_of
from sept_core.imaging import high_bit_depth, images
from sept_core.imaging.pixel_values import ValueRange, ValueRanges


def values(dtype: str, *shape: int) -> np.ndarray:
    """Values all over a type."""
    rng = np.random.default_rng(3)
    if dtype.startswith("f"):
        return rng.normal(0, 1000, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def read(data: bytes) -> high_bit_depth.Samples:
    opening = functools.partial(Image.open, io.BytesIO(data))
    return high_bit_depth.read(opening(), lambda: Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", TYPES)
def test_grey_tiff(dtype: str, order: str, deflate: bool) -> None:
    if (dtype, order) == ("u4", ">"):
        pytest.skip("Pillow does not know them")
    put = values(dtype, 11, 13)
    found = read(tiff_of(put, order=order, deflate=deflate))
    assert found.values.dtype.newbyteorder("=") == put.dtype
    assert (found.values == put).all()
    assert (found.alpha, found.nodata, found.inverted) == (None, None, False)


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("channels", "opacity"), [(3, None), (4, 0), (4, 2)])
def test_colour_tiff(channels: int, opacity: int | None, order: str, deflate: bool) -> None:
    put = values("u2", 11, 13, channels)
    found = read(tiff_of(put, order=order, deflate=deflate, opacity=opacity))
    assert (found.values == put[..., :3]).all()
    if opacity == 2:
        assert found.alpha is not None and (found.alpha == put[..., 3] >> 8).all()
    else:
        assert found.alpha is None


def test_colours_multiplied_by_their_opacity_are_divided() -> None:
    put = values("u2", 11, 13, 4)
    put[..., 3] |= 0x8000  # with less, rounding to the file's 16 bits costs more
    multiplied = put.copy()
    multiplied[..., :3] = (put[..., :3] / 65535 * put[..., 3:]).round()
    found = read(tiff_of(multiplied, opacity=1))
    assert np.abs(found.values.astype(int) - put[..., :3]).max() <= 2


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png(channels: int) -> None:
    put = values("u2", 11, 13, channels)
    found = read(png_of(put))
    if channels < 3:
        assert (np.atleast_3d(found.values) == put[..., :1]).all()
    else:
        assert (found.values == put[..., :3]).all()
    if channels in (2, 4):
        assert found.alpha is not None and (found.alpha == put[..., -1] >> 8).all()


def test_what_a_tiff_says_of_its_values() -> None:
    put = values("u2", 5, 5)
    assert read(tiff_of(put)).bits == 16
    assert read(tiff_of(put, white_is_zero=True)).inverted
    for text, number in (("-9999", -9999), ("1e3", 1000), ("nan", None), ("x", None), ("", None)):
        assert read(tiff_of(put, nodata=text)).nodata == number


def test_twelve_bits_in_one_and_a_half_bytes() -> None:
    put = (values("u2", 4, 6) >> 4).ravel()
    pairs = put.reshape(-1, 2).astype(np.uint32)
    packed = (pairs[:, 0] << 12 | pairs[:, 1]).astype(">u4").tobytes()
    strip = b"".join(packed[low + 1 : low + 4] for low in range(0, len(packed), 4))
    data = bytearray(tiff_of(np.zeros((4, 6), np.uint16)))
    data[8 : 8 + len(strip)] = strip
    place = data.index(b"\x02\x01\x03\x00\x01\x00\x00\x00\x10")  # the tag of the bits
    data[place + 8] = 12
    found = read(bytes(data))
    assert found.bits == 12 and (found.values.ravel() == put).all()
    assert images.decode(bytes(data)).kind == "uint12"


def test_pgm_of_16_bits() -> None:
    put = values("u2", 5, 7)
    data = b"P5 7 5 65535\n" + put.astype(">u2").tobytes()
    found = read(data)
    assert found.values.dtype == np.uint16 and (found.values == put).all()


def test_eight_bits_are_left_to_pillow() -> None:
    for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK"):
        out = io.BytesIO()
        Image.new(mode, (9, 9)).save(out, "TIFF")
        opened: Any = Image.open(out)
        assert not high_bit_depth.is_high(opened), mode
        assert images.samples(out.getvalue()) is None
        assert not images.may_need_range(out.getvalue())


# Through `images`


def test_pixels_of_each_channel_are_scaled_by_the_range() -> None:
    put = np.zeros((8, 8, 3), np.uint16)
    put[..., 0], put[..., 1], put[..., 2] = 7424, 7550, 7676
    ranges = ValueRanges((ValueRange("uint16", 7424, 7676),))
    for data in (png_of(put), tiff_of(put), tiff_of(put, order=">", deflate=True)):
        decoded = images.decode(data, ranges=ranges)
        assert decoded.image.getpixel((4, 4)) == (0, 128, 255)
        assert (decoded.kind, decoded.loss) == ("uint16", "")
        shown = Image.open(io.BytesIO(images.thumbnail(data, 64, ranges)))
        assert np.abs(np.subtract(shown.getpixel((4, 4)), (0, 128, 255))).max() < 4


def test_the_least_value_may_be_white() -> None:
    put = np.array([[0, 65535]], np.uint16)
    decoded = images.decode(tiff_of(put, white_is_zero=True))
    assert np.asarray(decoded.image)[0, :, 0].tolist() == [255, 0]


def test_transparency_is_laid_over_white() -> None:
    put = np.zeros((4, 4, 4), np.uint16)
    put[:2, :, 3] = 65535
    for data in (png_of(put), tiff_of(put, opacity=2)):
        image = images.decode(data).image
        assert image.getpixel((0, 0)) == (0, 0, 0) and image.getpixel((0, 3)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_orientation(orientation: int) -> None:
    put = np.zeros((4, 6), np.uint16)
    put[0, 0] = 65535
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(put).save(out, "PNG", exif=exif)
    decoded = images.decode(out.getvalue())
    corner = {3: (5, 3), 6: (3, 0), 8: (0, 5)}[orientation]
    assert decoded.image.getpixel(corner) == (255, 255, 255)
    assert (decoded.width, decoded.height) == decoded.image.size
