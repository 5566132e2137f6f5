"""Colours are those that the file's profile means, in sRGB; a broken profile means nothing."""

import io
from concurrent.futures import ThreadPoolExecutor

import drawn
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from sept_core.imaging import images
from sept_core.imaging.decoding import colour

PALETTE = np.array(
    [[r, g, b] for r in range(0, 256, 51) for g in range(0, 256, 51) for b in range(0, 256, 51)],
    np.uint8,
).reshape(12, 18, 3)


def decoded(image: Image.Image, image_format: str, profile: bytes | None) -> np.ndarray:
    options = {} if profile is None else {"icc_profile": profile}
    if image_format in ("WEBP",):
        options["lossless"] = True
    data = drawn.saved(image, image_format, **options)
    return np.asarray(images.decode(data).image, np.int16)


@pytest.mark.parametrize("primaries", [drawn.P3, drawn.ADOBE], ids=["Display P3", "Adobe RGB"])
@pytest.mark.parametrize("image_format", ["PNG", "WEBP", "TIFF"])
def test_a_wide_gamut_is_converted(primaries: tuple, image_format: str) -> None:
    found = decoded(Image.fromarray(PALETTE), image_format, drawn.profile(primaries))
    wanted = drawn.to_srgb(PALETTE, primaries)
    assert np.abs(found - wanted).max() <= 3
    assert np.abs(found - PALETTE).max() > 20


def test_jpeg_with_a_profile() -> None:
    flat = np.full((16, 16, 3), (60, 180, 60), np.uint8)
    data = drawn.saved(
        Image.fromarray(flat), "JPEG", quality=100, icc_profile=drawn.profile(drawn.P3)
    )
    found = np.asarray(images.decode(data).image, int)[8, 8]
    assert np.abs(found - drawn.to_srgb(flat, drawn.P3)[8, 8]).max() <= 4
    small = np.asarray(Image.open(io.BytesIO(images.thumbnail(data, 8))), int)[4, 4]
    assert np.abs(small - found).max() <= 4


def test_srgb_itself_costs_nothing() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(PALETTE)
    assert (decoded(image, "PNG", profile) == PALETTE).all()
    assert colour.to_srgb(image, profile).tobytes() == image.tobytes()


def test_grey_profiles() -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    dark = decoded(ramp, "PNG", drawn.profile((), 1.6, b"GRAY"))
    light = (np.arange(256) / 255).reshape(16, 16) ** 1.6
    wanted = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(dark[..., 1] - wanted).max() <= 3
    assert np.abs(dark[..., 1] - np.asarray(ramp)).max() > 20
    assert (decoded(ramp, "PNG", drawn.profile((), 2.2, b"GRAY"))[15, 15] == 255).all()


def test_transparency_and_palettes_are_converted_before_they_are_laid_over_white() -> None:
    rgba = Image.fromarray(PALETTE).convert("RGBA")
    rgba.putalpha(Image.new("L", rgba.size, 255))
    wanted = drawn.to_srgb(PALETTE, drawn.P3)
    assert np.abs(decoded(rgba, "PNG", drawn.profile(drawn.P3)) - wanted).max() <= 3
    rgba.putalpha(0)
    assert (decoded(rgba, "PNG", drawn.profile(drawn.P3)) == 255).all()
    few = Image.fromarray(drawn.QUADRANTS).quantize(4)
    plain = np.asarray(few.convert("RGB"))
    found = decoded(few, "PNG", drawn.profile(drawn.ADOBE))
    assert np.abs(found - drawn.to_srgb(plain, drawn.ADOBE)).max() <= 3


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_inks_of_a_press(image_format: str) -> None:
    inks = {(0, 0, 0, 0): (100, 0, 0), (1, 0, 0, 0): (55, -37, -50), (0, 1, 0, 0): (48, 74, -3)}
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    data = drawn.saved(cyan, image_format, icc_profile=drawn.cmyk_profile(inks))
    found = np.asarray(images.decode(data).image, int)[8, 8]
    assert np.abs(found - drawn.lab_to_srgb(55, -37, -50)).max() <= 4
    assert np.abs(found - (0, 255, 255)).max() > 50  # what it is without the profile


def test_lab_tiff() -> None:
    lab = ImageCms.createProfile("LAB")
    srgb = ImageCms.createProfile("sRGB")
    image = ImageCms.profileToProfile(Image.fromarray(drawn.QUADRANTS), srgb, lab, outputMode="LAB")
    assert image is not None
    found = np.asarray(images.decode(drawn.saved(image, "TIFF")).image, int)
    assert np.abs(found - drawn.QUADRANTS).max() <= 8


def test_a_profile_of_another_kind_of_pixel_is_ignored() -> None:
    image = Image.fromarray(PALETTE)
    assert (decoded(image, "PNG", drawn.profile((), 1.0, b"GRAY")) == PALETTE).all()
    grey = image.convert("L")
    found = decoded(grey, "PNG", drawn.profile(drawn.P3))
    assert (found[..., 0] == np.asarray(grey)).all()


def test_a_profile_that_turns_white_dark_is_ignored() -> None:
    black = tuple(tuple(value / 50 for value in xyz) for xyz in drawn.SRGB)
    assert (decoded(Image.fromarray(PALETTE), "PNG", drawn.profile(black)) == PALETTE).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8), st.integers(0))
def test_a_broken_profile_never_costs_the_image(damage: list[tuple[int, int]], length: int) -> None:
    profile = bytearray(drawn.profile(drawn.P3))
    for place, value in damage:
        profile[place % len(profile)] = value
    cut = bytes(profile[: len(profile) - length % len(profile)])
    found = decoded(Image.fromarray(PALETTE), "PNG", cut)
    assert found.shape == PALETTE.shape


def test_many_threads_convert_alike() -> None:
    profile = drawn.profile(drawn.ADOBE)
    pictures = [Image.fromarray(np.roll(PALETTE, n, 1)).resize((180, 120)) for n in range(8)]
    alone = [colour.to_srgb(picture, profile).tobytes() for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = pool.map(lambda n: colour.to_srgb(pictures[n % 8], profile).tobytes(), range(64))
        assert all(found == alone[n % 8] for n, found in enumerate(together))
