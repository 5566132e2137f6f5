"""Scaling: one range for all images of a kind, nothing of an image's own."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sept_core import errors
from sept_core.imaging import pixel_values
from sept_core.imaging.pixel_values import ValueRange, ValueRanges, to_uint8

THERMAL = ValueRanges((ValueRange("uint16", 7424, 7676),))
TYPES = ("uint16", "int16", "uint32", "int32", "float16", "float32", "float64")


def ranges_of(kind: str, low: float, high: float) -> ValueRanges:
    return ValueRanges((ValueRange(kind, low, high),))


def test_the_range_of_the_kind_decides() -> None:
    values = np.array([[0, 7424, 7550], [7676, 7700, 65535]], np.uint16)
    assert to_uint8(values, THERMAL).tolist() == [[0, 0, 128], [255, 255, 255]]
    assert to_uint8(values.astype(np.int16), THERMAL)[0, 2] == 157, "another kind, its default"


def test_the_same_value_gives_the_same_pixel_in_every_image() -> None:
    dark, bright = np.full((4, 4), 7450, np.uint16), np.full((4, 4), 7650, np.uint16)
    dark[0, 0] = bright[0, 0] = 7500
    one, other = to_uint8(dark, THERMAL), to_uint8(bright, THERMAL)
    assert one[0, 0] == other[0, 0]
    assert one[1, 1] < one[0, 0] < other[1, 1]


@pytest.mark.parametrize(
    ("dtype", "bits", "kind", "ends"),
    [
        ("uint16", None, "uint16", (0, 65535)),
        ("uint16", 12, "uint12", (0, 4095)),
        ("uint16", 16, "uint16", (0, 65535)),
        ("int16", None, "int16", (-32768, 32767)),
        ("uint32", None, "uint32", (0, 2**32 - 1)),
        ("float32", None, "float32", (0, 1)),
        ("float64", None, "float64", (0, 1)),
    ],
)
def test_kinds_and_their_defaults(
    dtype: str, bits: int | None, kind: str, ends: tuple[float, float]
) -> None:
    assert pixel_values.kind_of(np.dtype(dtype), bits) == kind
    assert pixel_values.default(kind).ends == ends
    values = np.array([[ends[0], ends[1]]]).astype(dtype)
    assert to_uint8(values, None, bits=bits).tolist() == [[0, 255]]


def test_eight_bits_and_fewer_keep_their_values() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert to_uint8(values, THERMAL) is values
    assert pixel_values.scale(values, None).kind == ""
    assert to_uint8(np.array([[True, False]]), None).tolist() == [[255, 0]]
    assert to_uint8(np.array([[0, 15]], np.uint8), None, bits=4).tolist() == [[0, 255]]
    assert to_uint8(np.array([[0, 255]], np.uint16), None, bits=8).tolist() == [[0, 255]]


def test_missing_values_are_black_and_stretch_nothing() -> None:
    ranges = ranges_of("float32", 0, 2)
    values = np.array([[-9999, math.nan, math.inf], [1e38, -math.inf, 1]], np.float32)
    assert to_uint8(values, ranges).tolist() == [[0, 0, 0], [0, 0, 128]]
    clouds = np.array([[65535, 7676, 7424]], np.uint16)
    assert to_uint8(clouds, THERMAL).tolist() == [[255, 255, 0]]
    assert to_uint8(clouds, THERMAL, nodata=65535).tolist() == [[0, 255, 0]]
    assert to_uint8(clouds, THERMAL, nodata=-9999).tolist() == [[255, 255, 0]]
    lowest = np.array([[-3.4028234663852886e38, 2]], np.float32)
    assert to_uint8(lowest, ranges, nodata=-3.4028234663852886e38).tolist() == [[0, 255]]


def test_colour_keeps_its_shape() -> None:
    values = np.zeros((2, 3, 3), np.uint16)
    values[..., 1] = 7676
    assert to_uint8(values, THERMAL).shape == (2, 3, 3)
    assert to_uint8(values, THERMAL)[0, 0].tolist() == [0, 255, 0]


def test_values_in_any_byte_order_and_layout() -> None:
    values = np.arange(7424, 7676, dtype=np.uint16).reshape(12, 21)
    plain = to_uint8(values, THERMAL)
    assert (to_uint8(values.astype(">u2"), THERMAL) == plain).all()
    assert (to_uint8(np.asfortranarray(values)[::2, ::-1], THERMAL) == plain[::2, ::-1]).all()


def test_what_a_range_does_not_suit() -> None:
    ramp = np.arange(7424, 7424 + 64, dtype=np.uint16).reshape(8, 8)
    assert pixel_values.scale(ramp, THERMAL).loss == ""
    assert pixel_values.scale(ramp + 9000, THERMAL).loss == pixel_values.CLIPPED
    assert pixel_values.scale(ramp, None).loss == pixel_values.FLATTENED
    assert pixel_values.scale(np.full((8, 8), 7500, np.uint16), None).loss == "", "flat itself"
    assert pixel_values.scale(np.full((8, 8), math.nan, np.float32), None).loss == ""


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, ValueRanges, float | None]:
    """Values of any type with any range and any missing value."""
    dtype = np.dtype(draw(st.sampled_from(TYPES)))
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=3, max_side=6))
    values = draw(hnp.arrays(dtype, shape))
    low = draw(st.floats(-1e29, 1e29))
    high = draw(st.floats(-1e29, 1e29).filter(lambda high: high > low))
    nodata = draw(st.none() | st.floats() | st.sampled_from([0.0, -9999.0, 65535.0]))
    return values, ranges_of(pixel_values.kind_of(dtype), low, high), nodata


def slowly(value: Any, found: ValueRange, nodata: float | None) -> int:
    """The definition, for one value."""
    number = float(value)
    is_float = isinstance(value, np.floating)
    if is_float and (math.isnan(number) or abs(number) >= pixel_values.MISSING_FROM):
        return 0
    if nodata is not None and math.isfinite(nodata):
        with np.errstate(over="ignore"):
            if number == (type(value)(nodata) if is_float else nodata):
                return 0
    inside = min(max(number, found.low), found.high)
    return round((inside - found.low) / (found.high - found.low) * 255)


@settings(deadline=None)
@given(images())
def test_every_value_is_scaled_by_the_definition(
    image: tuple[np.ndarray, ValueRanges, float | None],
) -> None:
    values, ranges, nodata = image
    found = next(iter(ranges))
    pixels = to_uint8(values, ranges, nodata=nodata)
    assert (pixels.dtype, pixels.shape) == (np.uint8, values.shape)
    expected = [slowly(value, found, nodata) for value in values.ravel()]
    assert pixels.ravel().tolist() == expected


@settings(deadline=None)
@given(images(), st.data())
def test_a_pixel_depends_on_its_own_value_alone(
    image: tuple[np.ndarray, ValueRanges, float | None], data: st.DataObject
) -> None:
    values, ranges, nodata = image
    changed = values.copy()
    changed.flat[0] = data.draw(hnp.from_dtype(values.dtype))
    before, after = (to_uint8(v, ranges, nodata=nodata) for v in (values, changed))
    assert (before.ravel()[1:] == after.ravel()[1:]).all()


def test_ranges_survive_json() -> None:
    ranges = ValueRanges(
        (
            ValueRange("float32", -0.5, 2.25, images=7),
            ValueRange("uint16", 0, 4095, given=True, label_images=2, most_labels=21),
        )
    )
    assert pixel_values.from_json(ranges.to_json()) == ranges
    assert pixel_values.from_json({}) == ValueRanges()


@pytest.mark.parametrize(
    "value",
    [
        None, 5, [], [["uint16"]], {"uint16": 5}, {"uint16": {}}, {"uint16": {"low": 0}}, {"u": 1},
        {"uint16": {"low": "a", "high": 1}}, {"uint16": {"low": 5, "high": 5}},
        {"uint16": {"low": 0, "high": math.inf}}, {"uint16": {"low": math.nan, "high": 1}},
        {"../x": {"low": 0, "high": 1}}, {"uint16": {"low": True, "high": 5}},
        {"uint16": {"low": 0, "high": 10**400}}, {"uint16": {"low": 0, "high": 1, "images": "x"}},
    ],
)  # fmt: skip
def test_foreign_json_is_refused(value: Any) -> None:
    with pytest.raises(errors.InputError):
        pixel_values.from_json(value)


@pytest.mark.parametrize(
    ("texts", "kind", "ends"),
    [
        (["0:4095"], "uint16", (0, 4095)),
        (["uint16=0:4095"], "uint16", (0, 4095)),
        (["-1024:3071.5"], "int16", (-1024, 3071.5)),
        (["0:1", "uint16=5:6"], "uint16", (5, 6)),
        ([" float32 = 1e-3 : 2 "], "float32", (0.001, 2)),
    ],
)
def test_ranges_as_people_write_them(
    texts: list[str], kind: str, ends: tuple[float, float]
) -> None:
    found = pixel_values.parse(texts).find(kind)
    assert found is not None and found.ends == ends and found.given


@pytest.mark.parametrize(
    "texts",
    [
        ["5"], ["5:"], [":5"], ["a:b"], ["5:5"], ["6:5"], ["nan:1"], ["0:inf"], ["=0:1"],
        ["uint8x=0:1"], ["x=0:1"], ["0:1", "0:2"], ["uint16=0:1", "uint16=0:2"], ["0:1:2"], [""],
    ],
)  # fmt: skip
def test_other_texts_are_refused(texts: list[str]) -> None:
    with pytest.raises(errors.InputError):
        pixel_values.parse(texts)


def test_a_range_says_itself_as_it_is_written() -> None:
    for text in ("0:4095", "uint16=7424:7676", "int16=-1024:3071.5", "float32=0:0.1"):
        [found] = pixel_values.parse([text])
        assert found.option == text
    assert ValueRange("uint16", 7424, 7676).text == "7,424 to 7,676"
    assert ValueRange("float32", 0.20392157, 12345.5).text == "0.203922 to 12,345.5"


def test_given_ranges_go_before_fitted_ones() -> None:
    fitted = ranges_of("uint16", 1, 2).updated([ValueRange("float32", 3, 4)])
    one = pixel_values.merged(fitted, pixel_values.parse(["uint16=5:6"]))
    assert [found.ends for found in one] == [(3, 4), (5, 6)]
    everything = pixel_values.merged(fitted, pixel_values.parse(["5:6"]))
    assert (
        everything.find("uint16")
        == everything.find("float32")
        == ValueRange(pixel_values.ANY, 5, 6, given=True)
    )
