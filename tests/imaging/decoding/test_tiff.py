"""TIFF of every kind of pixel: the values of the file, three of its bands, or what it needs."""

import io
import struct
import sys

import drawn
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sept_core import errors
from sept_core.imaging import images
from sept_core.imaging.pixel_values import ValueRange, ValueRanges

H, W = 21, 34
KINDS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64")
PACKINGS = (None, "lzw", "deflate", "zstd", "packbits", "lzma")


def written(values: np.ndarray, **options: object) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, values, **options)
    return out.getvalue()


def rejection(data: bytes, bands: images.Bands = None) -> str:
    with pytest.raises(images.RejectedImage) as caught:
        images.decode(data, bands=bands)
    return caught.value.reason


def drawn_values(kind: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    if np.dtype(kind).kind == "f":
        return generator.random(shape).astype(kind)
    limits = np.iinfo(kind)
    return generator.integers(limits.min, limits.max, shape, kind, endpoint=True)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[str, int, dict[str, object]]:
    """A kind of pixel, a number of bands, and a way to write them."""
    kind, bands = draw(st.sampled_from(KINDS)), draw(st.sampled_from([1, 3, 5, 13]))
    options: dict[str, object] = {
        "photometric": "rgb" if bands == 3 and draw(st.booleans()) else "minisblack",
        "compression": draw(st.sampled_from(PACKINGS)),
        "byteorder": draw(st.sampled_from("<>")),
        "bigtiff": draw(st.booleans()),
    }
    if draw(st.booleans()):
        options["tile"] = (16, 32)
    else:
        options["rowsperstrip"] = draw(st.sampled_from([1, 8, H]))
    if bands > 1:
        options["planarconfig"] = draw(st.sampled_from(["contig", "separate"]))
    if options["compression"] in ("lzw", "deflate", "zstd") and kind != "float16":
        options["predictor"] = draw(st.booleans())
    return kind, bands, options


@settings(deadline=None, max_examples=120)
@given(layouts())
def test_values_are_those_of_the_file(layout: tuple[str, int, dict[str, object]]) -> None:
    kind, bands, options = layout
    values = drawn_values(kind, (H, W) if bands == 1 else (H, W, bands))
    stored = values
    if options.get("planarconfig") == "separate":
        stored = np.moveaxis(values, -1, 0)
    data = written(stored, **options)
    decoded, found = images.decode(data), images.samples(data)
    wanted = values if bands == 1 else values[..., :3]
    assert (decoded.width, decoded.height, decoded.format) == (W, H, "TIFF")
    assert decoded.mode.endswith("; bands 1, 2, 3") == (bands > 3)
    if found is not None:
        assert decoded.kind == kind.replace("float16", "float32")
        assert (found.values == wanted).all()
    else:
        shown = np.asarray(decoded.image)
        shift = 128 if kind == "int8" else 0
        assert (shown.reshape(H, W, 3).astype(int) - shift == wanted.reshape(H, W, -1)).all()


def test_bands_are_chosen_by_number() -> None:
    values = drawn_values("uint16", (13, H, W))
    data = written(values, photometric="minisblack", planarconfig="separate")
    found = images.samples(data, (4, 3, 2))
    assert found is not None and (found.values == np.moveaxis(values[[3, 2, 1]], 0, -1)).all()
    assert images.decode(data, bands=(4, 3, 2)).mode == "uint16 x 13; bands 4, 3, 2"
    one = images.samples(data, (13,))
    assert one is not None and (one.values == values[12]).all()
    assert rejection(data, (4, 3, 14)) == "has 13 bands, and --bands asks for band 14"


def test_bands_of_bytes_and_of_pages() -> None:
    naip = drawn_values("uint8", (H, W, 4))
    data = written(naip, photometric="rgb", extrasamples=["unspecified"])
    assert images.decode(data).mode == "RGB; bands 1, 2, 3"
    assert (np.asarray(images.decode(data).image) == naip[..., :3]).all()
    infrared = images.decode(data, bands=(4, 1, 2))
    assert (np.asarray(infrared.image) == naip[..., [3, 0, 1]]).all()
    stack = drawn_values("uint16", (5, H, W))
    paged = written(stack, photometric="minisblack")
    assert images.decode(paged).mode == "I;16; first page"
    found = images.samples(paged, (5, 1, 2))
    assert found is not None and (found.values == np.moveaxis(stack[[4, 0, 1]], 0, -1)).all()


def test_a_file_that_names_its_colours_is_believed() -> None:
    values = drawn_values("uint16", (H, W, 5))
    names = ["Blue", "Green", "Red", "RE", "NIR"]
    items = (
        f'<Item name="DESCRIPTION" sample="{n}" role="description">{name}</Item>'
        for n, name in enumerate(names)
    )
    metadata = f"<GDALMetadata>{''.join(items)}</GDALMetadata>"
    data = written(
        values, photometric="minisblack", planarconfig="contig",
        extratags=[(42112, 2, 0, metadata, True)],
    )  # fmt: skip
    found = images.samples(data)
    assert found is not None and (found.values == values[..., [2, 1, 0]]).all()
    assert images.decode(data).mode == "uint16 x 5; bands 3, 2, 1"


@pytest.mark.parametrize("text", ["4", "4,3,2", " 4 , 3,2 "])
def test_choices_of_bands(text: str) -> None:
    assert images.parse_bands(text) in ((4,), (4, 3, 2))


@pytest.mark.parametrize("text", ["", "4,3", "0,1,2", "a", "1,2,3,4", "1.5", "-1", "9999999"])
def test_choices_that_are_none(text: str) -> None:
    with pytest.raises(errors.SourceError, match="is not a valid choice of bands"):
        images.parse_bands(text)


def test_missing_values_white_zero_and_packed_bits() -> None:
    values = drawn_values("float32", (H, W))
    values[0, 0] = -9999
    data = written(values, extratags=[(42113, 2, 0, "-9999", True)])
    found = images.samples(data)
    assert found is not None and found.nodata == -9999
    ends = ValueRanges((ValueRange("uint16", 0, 65535),))
    inverted = written(drawn_values("uint16", (H, W)), photometric="miniswhite")
    plain = written(drawn_values("uint16", (H, W)), photometric="minisblack")
    both = [np.asarray(images.decode(d, ranges=ends).image, int) for d in (inverted, plain)]
    assert (both[0] + both[1] == 255).all()
    packed = written(drawn_values("uint16", (H, W)) >> 4, bitspersample=12)
    assert images.decode(packed).kind == "uint12"


def test_transparency_of_many_bits() -> None:
    values = np.full((H, W, 4), 60000, np.uint16)
    values[:, :10, 3] = 0
    values[:, 10:, 3] = 65535
    for planar in ("contig", "separate"):
        stored = values if planar == "contig" else np.moveaxis(values, -1, 0)
        data = written(stored, photometric="rgb", planarconfig=planar, extrasamples=["unassalpha"])
        ranges = ValueRanges((ValueRange("uint16", 0, 65535),))
        shown = np.asarray(images.decode(data, ranges=ranges).image)
        assert (shown[:, :10] == 255).all() and (shown[:, 10:] == 233).all()


def test_palettes_inks_and_pages() -> None:
    few = Image.fromarray(drawn.QUADRANTS).quantize(4)
    assert (np.asarray(images.decode(drawn.saved(few, "TIFF")).image) == few.convert("RGB")).all()
    inks = np.asarray(Image.fromarray(drawn.QUADRANTS).convert("CMYK"))
    for values in (inks, inks.astype(np.uint16) * 257):
        shown = np.asarray(images.decode(written(values, photometric="separated")).image, int)
        assert np.abs(shown - drawn.QUADRANTS).max() <= 2
    pages = [Image.fromarray(drawn.QUADRANTS), Image.new("RGB", (9, 9))]
    data = drawn.saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert images.decode(data).mode == "RGB; first page"
    assert (np.asarray(images.decode(data).image) == drawn.QUADRANTS).all()


def test_smaller_copies_of_a_picture_are_no_pages() -> None:
    out = io.BytesIO()
    with tifffile.TiffWriter(out) as writer:
        writer.write(drawn.QUADRANTS, photometric="rgb")
        writer.write(drawn.QUADRANTS[::2, ::2], photometric="rgb", subfiletype=1)
    assert images.decode(out.getvalue()).mode == "RGB"


def test_a_camera_raw_file_is_no_picture_of_its_preview() -> None:
    preview = written(
        drawn.QUADRANTS, photometric="rgb", extratags=[(50706, 1, 4, (1, 4, 0, 0), True)]
    )
    assert rejection(preview).startswith("Camera raw images are not supported")


@pytest.mark.parametrize("packing", ["jpeg2000", "webp", "jpeg"])
def test_pictures_packed_in_strips(packing: str) -> None:
    tall = np.repeat(np.repeat(drawn.QUADRANTS, 4, 0), 4, 1)
    data = written(tall, photometric="rgb", compression=packing)
    assert np.abs(np.asarray(images.decode(data).image, int) - tall).mean() < 6


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    thirteen = written(drawn_values("uint16", (H, W, 13)), photometric="minisblack",
                       planarconfig="contig")  # fmt: skip
    packed = written(drawn_values("uint8", (H, W, 3)), photometric="rgb", compression="jpeg2000")
    colour = written(drawn_values("uint16", (H, W, 3)), photometric="rgb")
    monkeypatch.setitem(sys.modules, "tifffile", None)
    assert rejection(thirteen) == (
        "TIFF images of 13 channels of uint16 need `pip install 'sept[tiff]'`"
    )
    assert rejection(packed) == (
        "TIFF images of 3 channels of uint8 packed by JPEG 2000 need `pip install 'sept[tiff]'`"
    )
    assert images.decode(colour).kind == "uint16"  # all its bits, by Pillow
    damaged = bytearray(written(drawn_values("uint8", (H, W)), compression="deflate"))
    damaged[-60:] = bytes(60)
    assert rejection(bytes(damaged)).startswith("unreadable")


def test_what_is_not_supported_says_so() -> None:
    complex_values = written(drawn_values("float32", (H, W)).astype(np.complex64))
    assert rejection(complex_values).startswith("TIFF images of complex numbers")
    lerc = written(drawn_values("float32", (H, W)), compression="lerc")
    assert rejection(lerc).startswith("TIFF images with compression 34887 are not supported")


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float64"])
@pytest.mark.parametrize("packing", [None, "deflate", "zstd"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_cut_file_is_rejected(kind: str, packing: str | None, kept: float) -> None:
    data = written(
        drawn_values(kind, (64, 64, 5)), photometric="minisblack", planarconfig="contig",
        compression=packing, rowsperstrip=8,
    )  # fmt: skip
    assert rejection(data[: int(len(data) * kept)]).startswith(("truncated", "unreadable"))


def huge(tag: int, value: int, **options: object) -> bytes:
    """A file one of whose tags claims another number."""
    data = bytearray(written(drawn_values("uint16", (16, 16, 5)), photometric="minisblack",
                             planarconfig="contig", **options))  # fmt: skip
    place = struct.unpack_from("<I", data, 4)[0]
    for entry in range(struct.unpack_from("<H", data, place)[0]):
        start = place + 2 + 12 * entry
        if struct.unpack_from("<H", data, start)[0] == tag:
            struct.pack_into("<HII", data, start + 2, 4, 1, value)
    return bytes(data)


@pytest.mark.parametrize("tag", [256, 257, 277, 322, 323])
@pytest.mark.parametrize("packing", [None, "zstd"])
def test_bombs_are_rejected_by_their_header(tag: int, packing: str | None) -> None:
    options: dict[str, object] = {"compression": packing}
    if tag in (322, 323):
        options["tile"] = (16, 16)
    reason = rejection(huge(tag, 50_000_000, **options))
    assert reason.startswith(("too large", "unreadable"))


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=10),
    st.sampled_from([None, "deflate", "jpeg2000"]),
    st.sampled_from(["uint8", "uint16"]),
)
def test_damaged_bytes_give_an_image_or_a_reason(
    damage: list[tuple[int, int]], packing: str | None, kind: str
) -> None:
    data = bytearray(written(drawn_values(kind, (16, 16, 3)), photometric="rgb",
                             compression=packing))  # fmt: skip
    for place, value in damage:
        data[place % len(data)] = value
    try:
        decoded = images.decode(bytes(data))
    except images.RejectedImage as rejected:
        assert rejected.reason
    else:
        assert decoded.image.mode == "RGB"
