"""HEIC, AVIF, JPEG 2000, netpbm and the unusual JPEGs: their pixels, or the extra they need."""

import sys
from pathlib import Path

import drawn
import imagecodecs
import numpy as np
import pytest
from PIL import Image

from sept_core.imaging import decoders, images
from sept_core.imaging.pixel_values import ValueRange, ValueRanges

FIXTURES = Path(__file__).parents[2] / "fixtures"
PICTURE = Image.fromarray(drawn.QUADRANTS)
GREY = np.asarray(PICTURE.convert("L")).astype(np.uint16)


def rejection(data: bytes) -> str:
    with pytest.raises(images.RejectedImage) as caught:
        images.decode(data)
    return caught.value.reason


def pixels(data: bytes, *ends: float) -> np.ndarray:
    """Decoded by a range of its own, where `ends` give one."""
    found = images.samples(data)
    kind = images.decode(data).kind
    ranges = ValueRanges((ValueRange(kind, *ends),)) if ends else None
    assert bool(kind) == (found is not None)
    return np.asarray(images.decode(data, ranges=ranges).image, int)


def test_a_phones_photograph_is_upright_and_in_srgb() -> None:
    decoded = images.decode((FIXTURES / "phone.heic").read_bytes())
    assert (decoded.width, decoded.height, decoded.format) == (48, 32, "HEIF")
    wanted = drawn.to_srgb(drawn.QUADRANTS, drawn.P3).astype(int)
    assert np.abs(np.asarray(decoded.image) - wanted)[2:-2].mean() < 4
    plain = images.decode((FIXTURES / "quadrants.heic").read_bytes())
    assert np.abs(np.asarray(plain.image) - drawn.QUADRANTS.astype(int)).mean() < 3


@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9, 0.99])
def test_a_cut_heic_is_rejected(kept: float) -> None:
    data = (FIXTURES / "quadrants.heic").read_bytes()
    assert rejection(data[: int(len(data) * kept)]).startswith(("truncated", "unreadable"))


@pytest.mark.parametrize(
    ("image_format", "options"),
    [
        ("AVIF", {"quality": 100, "subsampling": "4:4:4"}),
        *(("JPEG2000", {}), ("JPEG2000", {"no_jp2": True}), ("PPM", {}), ("JPEG2000", {"plt": 1})),
    ],
)
def test_formats_of_pillow(image_format: str, options: dict[str, object]) -> None:
    data = drawn.saved(PICTURE, image_format, **options)
    decoded = images.decode(data)
    assert (decoded.width, decoded.height) == (48, 32)
    assert np.abs(np.asarray(decoded.image) - drawn.QUADRANTS.astype(int)).mean() < 3
    assert images.samples(data) is None
    for kept in (0.5, 0.9):
        cut = data[: int(len(data) * kept)]
        assert rejection(cut).startswith(("truncated", "unreadable"))


@pytest.mark.parametrize("mode", ["1", "L"])
def test_bitmaps_and_grey_maps(mode: str) -> None:
    grey = PICTURE.convert(mode)
    found = pixels(drawn.saved(grey, "PPM"))
    assert (found[..., 0] == np.asarray(grey.convert("L"))).all()


@pytest.mark.parametrize("most", [1023, 4095, 65535])
def test_grey_maps_of_more_bits_keep_their_values(most: int) -> None:
    values = (GREY * (most // 255)).astype(">u2")
    data = b"P5\n# made by hand\n48 32\n%d\n" % most + values.tobytes()
    found = images.samples(data)
    assert found is not None and (found.values == values).all()
    assert images.decode(data).kind == f"uint{most.bit_length()}"
    assert (pixels(data, 0, most // 255 * 255)[..., 0] == GREY).all()


@pytest.mark.parametrize(("scale", "order"), [(-1.0, "<f4"), (1.0, ">f4")])
def test_floats_in_pfm_stand_upside_down(scale: float, order: str) -> None:
    colours = (drawn.QUADRANTS / 255).astype(order)
    data = b"PF\n48 32\n%.1f\n" % scale + colours[::-1].tobytes()
    assert (pixels(data, 0, 1) == drawn.QUADRANTS).all()
    grey = b"Pf\n48 32\n%.1f\n" % scale + colours[::-1, :, 0].tobytes()
    assert (pixels(grey, 0, 1)[..., 2] == drawn.QUADRANTS[..., 0]).all()
    assert rejection(data[:-1]).startswith("truncated")


@pytest.mark.parametrize("bits", [10, 12, 15, 16])
@pytest.mark.parametrize("codec", ["j2k", "jp2"])
def test_jpeg_2000_of_more_bits_keeps_its_values(bits: int, codec: str) -> None:
    values = GREY << (bits - 8)
    data = imagecodecs.jpeg2k_encode(
        values, level=0, bitspersample=bits, codecformat=codec, reversible=True
    )
    found = images.samples(data)
    assert found is not None and (found.values == values).all()
    assert images.decode(data).kind == f"uint{bits}"


def test_jpeg_2000_of_signed_and_of_coloured_values() -> None:
    signed = GREY.astype(np.int16) - 100
    data = imagecodecs.jpeg2k_encode(signed, level=0, codecformat="j2k", reversible=True)
    found = images.samples(data)
    assert found is not None and (found.values == signed).all()
    colours = drawn.QUADRANTS.astype(np.uint16) << 4
    data = imagecodecs.jpeg2k_encode(
        colours, level=0, bitspersample=12, codecformat="j2k", reversible=True
    )
    found = images.samples(data)
    assert found is not None and (found.values == colours).all()
    assert np.abs(pixels(data, 0, 255 << 4) - drawn.QUADRANTS).max() <= 1


def test_twelve_bit_and_lossless_jpegs() -> None:
    twelve = imagecodecs.jpeg8_encode(GREY << 4, bitspersample=12, level=98)
    assert images.decode(twelve).kind == "uint12"
    assert np.abs(pixels(twelve, 0, 255 << 4)[..., 0] - GREY).mean() < 3
    for encode in (imagecodecs.ljpeg_encode, imagecodecs.jpegls_encode):
        for values in (GREY.astype(np.uint8), GREY << 6):
            data = encode(values)
            found = images.samples(data)
            kept = pixels(data)[..., 0] if found is None else found.values
            assert (kept == values).all(), encode.__name__
            assert rejection(data[: len(data) * 3 // 4]).startswith(("truncated", "unreadable"))


NEEDED = {
    "HEIC images": ("pi_heif.as_plugin", "heic"),
    "12-bit JPEG images": ("imagecodecs", "tiff"),
    "JPEG-LS images": ("imagecodecs", "tiff"),
}


@pytest.mark.parametrize("what", NEEDED)
def test_what_needs_an_extra_names_it(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {
        "HEIC images": (FIXTURES / "quadrants.heic").read_bytes(),
        "12-bit JPEG images": imagecodecs.jpeg8_encode(GREY << 4, bitspersample=12),
        "JPEG-LS images": imagecodecs.jpegls_encode(GREY << 6),
    }[what]
    images.decode(data)
    module, extra = NEEDED[what]
    monkeypatch.setitem(sys.modules, module, None)
    assert rejection(data) == f"{what} need `pip install 'sept[{extra}]'`"


def test_the_decoder_version_names_the_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decoders.version()
    assert whole.startswith(f"{decoders.RULES} pillow-") and " pi-heif-" in whole
    monkeypatch.setattr(decoders, "_changed_at", lambda folder: 1)
    monkeypatch.setattr(decoders, "_installed", lambda package: None)
    assert decoders.version() == whole.partition(" pi-heif-")[0]


def bomb(data: bytes, place: int, width: int, height: int, order: str = "big") -> bytes:
    changed = bytearray(data)
    changed[place : place + 4] = width.to_bytes(4, order)
    changed[place + 4 : place + 8] = height.to_bytes(4, order)
    return bytes(changed)


def test_what_claims_to_be_huge_is_rejected_by_its_header() -> None:
    stream = imagecodecs.jpeg2k_encode(GREY << 4, bitspersample=12, codecformat="j2k")
    heic = (FIXTURES / "quadrants.heic").read_bytes()
    for data in (
        bomb(stream, 8, 2**31, 2**31),
        bomb(heic, heic.index(b"ispe") + 8, 60_000, 60_000),
        b"PF\n99999 99999\n-1.0\n" + bytes(99),
        b"P5\n99999 99999\n255\n" + bytes(99),
    ):
        assert rejection(data).startswith(("too large", "unreadable"))
