"""Decoding what people's folders really hold: every file gives RGB pixels or a reason."""

import io
import struct
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sept_core.imaging import images

QUADRANTS = np.zeros((32, 48, 3), np.uint8)  # red, green / blue, white: shows any wrong turn
QUADRANTS[:16, :24] = (255, 0, 0)
QUADRANTS[:16, 24:] = (0, 255, 0)
QUADRANTS[16:, :24] = (0, 0, 255)
QUADRANTS[16:, 24:] = (255, 255, 255)


def saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, image_format, **options)
    return out.getvalue()


def photo(seed: int, width: int = 200, height: int = 150) -> Image.Image:
    """Smooth random structure, like a photograph seen from afar."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (7, 9, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def rejection(data: bytes) -> str:
    with pytest.raises(images.RejectedImage) as caught:
        images.decode(data)
    return caught.value.reason


@pytest.mark.parametrize(
    ("image_format", "options"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("GIF", {}),
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
    ],
)
def test_formats(image_format: str, options: dict[str, object]) -> None:
    decoded = images.decode(saved(Image.fromarray(QUADRANTS), image_format, **options))
    assert (decoded.width, decoded.height, decoded.format) == (48, 32, image_format)
    assert decoded.image.mode == "RGB"
    difference = np.abs(np.asarray(decoded.image, int) - QUADRANTS)
    assert difference[2:-2, 2:-2].mean() < 4


def test_cmyk_jpeg() -> None:
    decoded = images.decode(saved(Image.fromarray(QUADRANTS).convert("CMYK"), "JPEG", quality=95))
    assert decoded.mode == "CMYK"
    assert np.abs(np.asarray(decoded.image, int) - QUADRANTS).mean() < 6


def test_16_bits_without_a_project_are_those_of_8_bits() -> None:
    grey = np.arange(64, dtype=np.uint16).reshape(8, 8) * 4
    decoded = images.decode(saved(Image.fromarray(grey * 257), "PNG"))
    assert decoded.mode.startswith("I;16")
    assert (np.asarray(decoded.image)[:, :, 1] == grey).all()


def test_floats_without_a_project_go_from_0_to_1() -> None:
    values = np.array([[0.25, 0.5], [np.nan, 1.75]], np.float32)
    decoded = images.decode(saved(Image.fromarray(values), "TIFF"))
    assert np.asarray(decoded.image)[:, :, 0].tolist() == [[64, 128], [0, 255]]


def test_transparency_is_laid_over_white() -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2] = (200, 0, 0, 255)
    for mode in ("RGBA", "LA"):
        rgb = images.decode(saved(Image.fromarray(pixels).convert(mode), "PNG")).image
        assert rgb.getpixel((0, 3)) == (255, 255, 255)
        assert rgb.getpixel((0, 0)) != (255, 255, 255)


@pytest.mark.parametrize("transparency", [1, b"\xff\x00"], ids=["one colour", "per colour"])
def test_palette_with_transparency(transparency: int | bytes) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 0, 0, 0])
    image.putdata([0, 1])
    decoded = images.decode(saved(image, "PNG", transparency=transparency))
    assert decoded.mode == "P"
    assert [decoded.image.getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), (255, 255, 255)]


def test_rgb_png_with_a_transparent_colour() -> None:
    image = Image.fromarray(QUADRANTS)
    decoded = images.decode(saved(image, "PNG", transparency=(255, 0, 0)))
    assert decoded.image.getpixel((0, 0)) == (255, 255, 255)
    assert decoded.image.getpixel((47, 0)) == (0, 255, 0)


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for image_format in ("GIF", "WEBP"):
        options = {"lossless": True} if image_format == "WEBP" else {}
        data = saved(frames[0], image_format, save_all=True, append_images=frames[1:], **options)
        assert images.decode(data).image.getpixel((4, 4)) == (255, 0, 0)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation(orientation: int, image_format: str) -> None:
    upright = Image.fromarray(QUADRANTS)
    undo: dict[int, Callable[[Image.Image], Image.Image]] = {
        2: lambda i: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda i: i.rotate(180),
        4: lambda i: i.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda i: i.transpose(Image.Transpose.TRANSPOSE),
        6: lambda i: i.rotate(90, expand=True),
        7: lambda i: i.transpose(Image.Transpose.TRANSVERSE),
        8: lambda i: i.rotate(-90, expand=True),
    }
    stored = undo.get(orientation, lambda i: i)(upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = images.decode(saved(stored, image_format, exif=exif))
    assert (decoded.width, decoded.height) == upright.size
    assert np.abs(np.asarray(decoded.image, int) - QUADRANTS).mean() < 8


@pytest.mark.parametrize(("least", "size"), [(0, (1200, 800)), (300, (600, 400)), (1, (300, 200))])
def test_a_jpeg_comes_smaller_where_that_is_allowed(least: int, size: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = photo(1, 800, 1200)
    data = saved(turned, "JPEG", quality=95, exif=exif)
    whole, decoded = images.decode(data), images.decode(data, least)
    assert (decoded.width, decoded.height) == (whole.width, whole.height) == (1200, 800)
    assert decoded.image.size == size
    small = np.asarray(whole.image.resize((30, 20), Image.Resampling.BOX), int)
    assert (
        np.abs(np.asarray(decoded.image.resize((30, 20), Image.Resampling.BOX)) - small).max() < 4
    )
    one, other = (images.perceptual_hash(found.image) for found in (whole, decoded))
    assert (one ^ other).bit_count() <= 2
    with pytest.raises(images.RejectedImage, match="truncated"):
        images.decode(data[: len(data) * 9 // 10], least)


def test_small_images_and_other_formats_keep_their_size() -> None:
    for data in (saved(photo(1, 250, 250), "JPEG"), saved(photo(1, 900, 900), "PNG")):
        assert images.decode(data, 10).image.size == images.decode(data).image.size


def test_broken_exif_does_not_break_an_image() -> None:
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x30" + b"\xff" * 40
    decoded = images.decode(saved(Image.fromarray(QUADRANTS), "JPEG", exif=exif))
    assert decoded.width == 48


def test_pillow_stays_quiet_whatever_the_filters() -> None:
    one_entry = b"MM\x00*\x00\x00\x00\x08\x00\x01"
    exif = b"Exif\x00\x00" + one_entry + b"\x01\x12\x00\x02\x00\x00\xff\xff\x00\x00\xff\xff"
    data = saved(Image.fromarray(QUADRANTS), "JPEG", exif=exif)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Image.open(io.BytesIO(data)).getexif().get(0x0112)
    assert caught, "this EXIF no longer makes Pillow warn; find another"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images.decode(data)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_truncated_files_are_rejected(image_format: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = saved(Image.fromarray(noise), image_format)
    reason = rejection(data[: int(len(data) * kept)])
    assert reason.startswith(("truncated", "unreadable"))


def test_reasons_for_rejection() -> None:
    assert rejection(b"") == "empty file"
    assert rejection(b"just some words, named x.jpg") == "not an image (a text file)"
    assert rejection(b"\x9c\xd2\x11" * 99) == "not an image"
    postscript = rejection(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    assert postscript == "PostScript images are not supported; render them to PNG first"
    jpeg = saved(photo(0), "JPEG")
    assert rejection(jpeg[: len(jpeg) // 2]).startswith("truncated")


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\r" + header + struct.pack(">I", zlib.crc32(header))


def test_bombs_are_rejected_by_their_header() -> None:
    no_pixels = b"\x00\x00\x00\x00IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    reasons = [rejection(png_header(*size) + no_pixels) for size in ((30_000, 30_000), (1000, 999))]
    assert reasons[0] == "too large to decode safely (900 megapixels)"
    assert reasons[1].startswith("truncated")


def test_own_limit_holds_where_pillows_is_lifted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    no_pixels = b"\x00\x00\x00\x00IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    reason = rejection(png_header(20_000, 9_000) + no_pixels)
    assert reason == "too large to decode safely (180 megapixels)"


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=12),
)
def test_damaged_bytes_give_an_image_or_a_reason(
    image_format: str, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(saved(Image.fromarray(QUADRANTS), image_format))
    for place, value in damage:
        data[place % len(data)] = value
    try:
        decoded = images.decode(bytes(data))
    except images.RejectedImage as rejected:
        assert rejected.reason
    else:
        assert decoded.image.mode == "RGB"


def slow_hash(image: Image.Image) -> int:
    """The definition, term by term."""
    factor = -(-max(image.size) // 128)
    grey = (image.reduce(factor) if factor > 1 else image).convert("L")
    pixels = np.asarray(grey.resize((32, 32), Image.Resampling.BOX), float)
    place = np.arange(32)
    wave = [np.cos(np.pi * (2 * place + 1) * k / 64) for k in range(8)]
    spectrum = [
        round(float((pixels * wave[v][:, None] * wave[u][None, :]).sum()), 3)
        for v in range(8)
        for u in range(8)
    ]
    median = float(np.median(spectrum))
    return int("".join("1" if value > median else "0" for value in spectrum), 2)


def test_hash_equals_its_definition() -> None:
    for image in (photo(1), photo(2, 40, 30), Image.fromarray(QUADRANTS)):
        assert images.perceptual_hash(image) == slow_hash(image)


def test_hash_of_a_flat_image_has_no_noise_in_it() -> None:
    assert images.perceptual_hash(Image.new("RGB", (50, 40), (90, 120, 30))) == 1 << 63
    assert images.perceptual_hash(Image.new("RGB", (500, 400))) == 0


def distance(one: Image.Image, other: Image.Image) -> int:
    return (images.perceptual_hash(one) ^ images.perceptual_hash(other)).bit_count()


def test_hash_survives_copies_and_separates_images() -> None:
    pictures = [photo(seed) for seed in range(20)]
    for picture in pictures:
        again = images.decode(saved(picture, "JPEG", quality=50)).image
        assert distance(picture, again) <= 4
        assert distance(picture, picture.resize((90, 68))) <= 6
    apart = [distance(a, b) for a in pictures for b in pictures if a is not b]
    assert min(apart) > 10


def test_quality_figures() -> None:
    black, white = Image.new("RGB", (64, 64)), Image.new("RGB", (64, 64), "white")
    assert images.quality(black) == dict.fromkeys(
        ("brightness", "contrast", "sharpness", "entropy"), 0.0
    )
    assert images.quality(white)["brightness"] == 1.0
    board = Image.fromarray(np.indices((64, 64)).sum(0).astype(np.uint8) % 2 * 255).convert("RGB")
    figures = images.quality(board)
    assert figures["contrast"] == pytest.approx(1.0)
    assert figures["sharpness"] == pytest.approx(1.0)
    assert figures["entropy"] == pytest.approx(1 / 8)
    sharp, blurred = photo(3), photo(3).resize((20, 15)).resize((200, 150))
    assert images.quality(sharp)["sharpness"] > images.quality(blurred)["sharpness"]


def test_quality_against_numpy() -> None:
    grey = photo(4, 100, 80).convert("L")
    pixels = np.asarray(grey, float)
    inner = pixels[1:-1, 1:-1]
    around = (pixels[:-2, 1:-1] + pixels[2:, 1:-1] + pixels[1:-1, :-2] + pixels[1:-1, 2:]) / 4
    share = np.bincount(np.asarray(grey).ravel()) / grey.size[0] / grey.size[1]
    share = share[share > 0]
    assert images.quality(grey.convert("RGB")) == pytest.approx(
        {
            "brightness": pixels.mean() / 255,
            "contrast": pixels.std() / 127.5,
            "sharpness": np.abs(inner - around).mean() / 255,
            "entropy": -(share * np.log2(share)).sum() / 8,
        }
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 9))
def test_any_size_is_described(width: int, height: int, seed: int) -> None:
    image = photo(seed, width, height)
    [described] = images.describe_all([image])
    assert described == {"phash": images.perceptual_hash(image), **images.quality(image)}
    assert 0 <= described.pop("phash") < 2**64
    assert all(0 <= value <= 1 for value in described.values())


def test_images_of_mixed_sizes_are_described_as_each_alone() -> None:
    sizes = [(64, 64), (30, 20), (64, 64), (500, 300), (2, 90), (30, 20), (64, 64)]
    many = [photo(seed, *size) for seed, size in enumerate(sizes)]
    alone = [{"phash": images.perceptual_hash(i), **images.quality(i)} for i in many]
    assert images.describe_all(many) == alone
    assert images.describe_all([]) == []


def test_thumbnails() -> None:
    small = Image.open(io.BytesIO(images.thumbnail(saved(photo(5, 900, 600), "JPEG"), 128)))
    assert small.size == (128, 85)
    assert distance(small.convert("RGB"), photo(5, 900, 600)) <= 4
    tiny = Image.open(io.BytesIO(images.thumbnail(saved(photo(5, 20, 10), "PNG"), 128)))
    assert tiny.size == (20, 10)
    with pytest.raises(images.RejectedImage, match="not an image"):
        images.thumbnail(b"nothing", 128)


def test_turned_thumbnails() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = images.thumbnail(saved(photo(6, 900, 600), "JPEG", exif=exif), 128)
    assert Image.open(io.BytesIO(turned)).size == (85, 128)
