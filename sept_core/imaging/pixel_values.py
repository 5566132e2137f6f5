"""Pixel values of more than 8 bits: one range per project and pixel kind scales them to 8 bits.

In: values of any numeric type, the project's `ValueRanges`. Out: uint8 pixels that compare between
images, since an image's own least and greatest value are never used. `value_fit` finds the ranges.

A *pixel kind* is the name of the values' type (`uint16`, `int32`, `float32`), with the number of
bits that are used where the file names it (`uint12`). Images of 8 bits have no kind and keep their
values.
"""

import functools
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sept_core import errors

FILE = "value-ranges.json"
"""File of the fitted ranges, in a project's `encoders/`."""

ANY = "any"
"""Stands for every kind without its own range; only a user gives such a range."""

MISSING_FROM = 1e30
"""Floats of this size and above mean "no data" (rasters use 3.4e38), as do NaN and infinities."""

CLIPPED, FLATTENED = "clipped", "flattened"
"""Losses of an image that is unlike those that the range of its kind was fitted on."""

MOST_CLIPPED = 0.5
"""An image counts as clipped when more than this share of its values lies outside the range."""

FEW_LEVELS = 8
"""An image of different values counts as flattened when its pixels differ by at most this."""

_KIND = re.compile(r"(u?int)(\d+)|float(?:16|32|64)")
_FLOAT_DEFAULT = (0.0, 1.0)
_BLOCK = 1 << 22  # values that are scaled at once, which bounds the memory for wide types


@dataclass(frozen=True)
class ValueRange:
    """The range that one pixel kind is scaled from: `low` becomes 0 and `high` becomes 255.

    Attributes:
        kind: see the module; or `ANY`.
        low: the greatest value that is black.
        high: the least value that is white, above `low`.
        images: how many it was fitted on; 0 where a user gave it, or where there was nothing to
            fit it on and it is the default.
        given: whether a user gave it.
        label_images: how many of those look like label masks, not like pictures.
        most_labels: the most distinct values that one of those has.
    """

    kind: str
    low: float
    high: float
    images: int = 0
    given: bool = False
    label_images: int = 0
    most_labels: int = 0

    def __post_init__(self) -> None:
        numbers = (self.low, self.high)
        finite = all(math.isfinite(v) and abs(v) < MISSING_FROM for v in numbers)
        if not finite or self.low >= self.high:
            raise errors.InputError(
                f"{self.low:g}:{self.high:g} is not a valid range; give the lower value first."
            )
        if self.kind != ANY and not _KIND.fullmatch(self.kind):
            raise errors.InputError(
                f"{self.kind!r} is not a pixel kind; use one such as uint16, int16 or float32."
            )

    @property
    def ends(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def text(self) -> str:
        """Return the ends for display, such as `7,424 to 7,676`."""
        form = ",.0f" if all(float(end).is_integer() for end in self.ends) else ",.6g"
        return f"{self.low:{form}} to {self.high:{form}}"

    @property
    def option(self) -> str:
        """The range as `parse` reads it, such as `uint16=7424:7676`."""
        ends = f"{self.low:.15g}:{self.high:.15g}"
        return ends if self.kind == ANY else f"{self.kind}={ends}"

    def fields(self) -> dict[str, Any]:
        """All but the kind, as JSON."""
        return {name: value for name, value in vars(self).items() if name != "kind"}


@dataclass(frozen=True)
class ValueRanges:
    """The ranges of a project, by kind; at most one each, in order of the kinds' names."""

    ranges: tuple[ValueRange, ...] = ()

    def __post_init__(self) -> None:
        kinds = [found.kind for found in self.ranges]
        if kinds != sorted(set(kinds)):
            raise errors.InputError("Value ranges must be one for each pixel kind, in order.")

    def __iter__(self) -> Iterator[ValueRange]:
        return iter(self.ranges)

    def find(self, kind: str) -> ValueRange | None:
        """Return the range of a kind, its own before that of `ANY`; None if there is neither."""
        by_kind = {found.kind: found for found in self.ranges}
        return by_kind.get(kind) or by_kind.get(ANY)

    def updated(self, others: Iterable[ValueRange]) -> "ValueRanges":
        """These ranges, those of `others` instead where a kind has both."""
        by_kind = {found.kind: found for found in (*self.ranges, *others)}
        return ValueRanges(tuple(by_kind[kind] for kind in sorted(by_kind)))

    def to_json(self) -> dict[str, dict[str, Any]]:
        """Everything, by kind; `from_json` reads it."""
        return {found.kind: found.fields() for found in self.ranges}

    def ends(self) -> dict[str, list[float]]:
        """`{kind: [low, high]}`: everything that determines the pixels, for example for a cache
        key.
        """
        return {found.kind: list(found.ends) for found in self.ranges}


def merged(fitted: ValueRanges, given: ValueRanges) -> ValueRanges:
    """Merge ranges; those that a user gave replace fitted ones, one for `ANY` kind all of them."""
    return given if given.find(ANY) else fitted.updated(given)


def from_json(value: Any) -> ValueRanges:
    """The inverse of `ValueRanges.to_json`.

    Raises:
        InputError: it is something else.
    """
    try:
        kinds = sorted(value.keys())
        found = [ValueRange(kind=kind, **_fields(value[kind])) for kind in kinds]
    except (AttributeError, TypeError, ValueError, KeyError, OverflowError):
        raise errors.InputError("The value ranges are not in SEPT's JSON format.") from None
    return ValueRanges(tuple(found))


def _fields(value: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a range with their types: some JSON writers write 5.0 as 5."""
    if any(isinstance(value[name], bool) for name in ("low", "high")):
        raise TypeError
    counts = {name: int(value.get(name, 0)) for name in ("images", "label_images", "most_labels")}
    return {
        "low": float(value["low"]),
        "high": float(value["high"]),
        "given": value.get("given", False) is True,
        **counts,
    }


def parse(texts: Iterable[str]) -> ValueRanges:
    """Parse ranges as a user writes them: `0:4095` for every kind, `uint16=0:4095` for one.

    Raises:
        InputError: a text is not a range, or a kind is named twice.
    """
    found = [_parse(text) for text in texts]
    if len({one.kind for one in found}) < len(found):
        raise errors.InputError("Give each pixel kind one value range.")
    return ValueRanges().updated(found)


def _parse(text: str) -> ValueRange:
    kind, equals, ends = text.strip().rpartition("=")
    low, colon, high = ends.partition(":")
    try:
        numbers = float(low), float(high)
    except ValueError:
        numbers = None
    if numbers is None or not colon or (equals and not kind):
        raise errors.InputError(
            f"{text!r} is not a value range; write LOW:HIGH or KIND=LOW:HIGH, such as 0:4095 or "
            "uint16=0:4095."
        )
    return ValueRange(kind.strip() or ANY, *numbers, given=True)


def kind_of(dtype: np.dtype, bits: int | None = None) -> str:
    """Return the pixel kind of a type of which `bits` are used; '' for 8 bits and fewer."""
    kind, width = dtype.kind, dtype.itemsize * 8
    if kind == "f":
        return f"float{width}"
    if kind not in "iu" or min(width, bits or width) <= 8:
        return ""
    return f"{'u' if kind == 'u' else ''}int{min(width, bits or width)}"


def default(kind: str) -> ValueRange:
    """Return the range of a kind without one: all that its integers can hold, or 0 to 1.

    It is fixed, so that images that are decoded one by one, without a project, still compare.
    """
    name = _KIND.fullmatch(kind)
    if name is None or name[1] is None:
        return ValueRange(kind, *_FLOAT_DEFAULT)
    bits = int(name[2])
    if name[1] == "int":
        return ValueRange(kind, -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)
    return ValueRange(kind, 0.0, 2.0**bits - 1)


@dataclass(frozen=True)
class Scaled:
    """An image's values, scaled.

    Attributes:
        pixels: uint8, of the shape of the values.
        kind: see the module; '' where nothing was scaled by a project's range.
        loss: `CLIPPED`, `FLATTENED`, or '' where the range suits the image.
    """

    pixels: np.ndarray
    kind: str
    loss: str


def to_uint8(
    values: np.ndarray,
    ranges: ValueRanges | None,
    *,
    bits: int | None = None,
    nodata: float | None = None,
) -> np.ndarray:
    """The pixels of `scale`: uint8, of the shape of the values."""
    return scale(values, ranges, bits=bits, nodata=nodata).pixels


def scale(
    values: np.ndarray,
    ranges: ValueRanges | None,
    *,
    bits: int | None = None,
    nodata: float | None = None,
) -> Scaled:
    """Scale an image's values to 0..255 by the range of their kind.

    Values outside the range are clipped to its ends. Missing values (NaN, infinities, floats of
    `MISSING_FROM` and above, and `nodata`) become 0. Values of 8 bits and fewer stay as they are,
    spread to 0..255 where `bits` says that they use less.

    Args:
        values: (H, W) or (H, W, C) bool, integers or floats.
        ranges: of the project; None, or without the kind: its `default`.
        bits: how many bits the integers use, such as 12 of 16.
        nodata: the value that the file names as missing.
    """
    kind = kind_of(values.dtype, bits)
    if not kind:
        return Scaled(_narrow(values, bits, nodata), "", "")
    found = (ranges.find(kind) if ranges else None) or default(kind)
    pixels = _scaled(values, found.ends, nodata)
    return Scaled(pixels, kind, _loss(values, pixels, found.ends, nodata))


def missing(values: np.ndarray, nodata: float | None) -> np.ndarray:
    """bool of the shape of `values`: which of them mean "no data"."""
    found = np.zeros(values.shape, bool)
    if values.dtype.kind == "f":
        with np.errstate(invalid="ignore", over="ignore"):
            found |= ~(np.abs(values) < values.dtype.type(MISSING_FROM))  # NaN is not
    if nodata is not None and math.isfinite(nodata):
        found |= values == _as_stored(nodata, values.dtype)
    return found


def grid(values: np.ndarray, side: int) -> np.ndarray:
    """Every n-th row and column, less than 2 `side` of each; the same for every run."""
    rows, columns = (max(1, length // side) for length in values.shape[:2])
    return values[::rows, ::columns]


def _as_stored(nodata: float, dtype: np.dtype) -> Any:
    """A nodata value as values of the type can hold it: -3.4028234663852886e38 in float32."""
    if dtype.kind != "f":
        return nodata
    with np.errstate(over="ignore"):
        return dtype.type(nodata)


def _narrow(values: np.ndarray, bits: int | None, nodata: float | None) -> np.ndarray:
    """Values of at most 8 bits as uint8."""
    if values.dtype == np.uint8 and (bits or 8) == 8 and nodata is None:
        return values
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    width = min(bits or 8, 8)
    ends = (-(2.0 ** (width - 1)), 2.0 ** (width - 1) - 1)
    if values.dtype.kind == "u":
        ends = (0.0, 2.0**width - 1)
    return _scaled(values, ends, nodata)


def _scaled(values: np.ndarray, ends: tuple[float, float], nodata: float | None) -> np.ndarray:
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2:
        native = values.astype(values.dtype.newbyteorder("="), copy=False)
        unsigned = np.dtype(f"u{native.dtype.itemsize}")
        return np.asarray(_table(native.dtype.str, ends, nodata)[native.view(unsigned)])
    flat, out = values.reshape(-1), np.empty(values.size, np.uint8)
    for low in range(0, len(flat), _BLOCK):
        block = flat[low : low + _BLOCK]
        out[low : low + _BLOCK] = _computed(block, ends, nodata)
    return out.reshape(values.shape)


@functools.lru_cache(maxsize=16)
def _table(dtype: str, ends: tuple[float, float], nodata: float | None) -> np.ndarray:
    """The pixel of each value of one or two bytes, by its bits: (256 or 65536,) uint8."""
    width = np.dtype(dtype).itemsize
    every = np.arange(1 << 8 * width, dtype=f"u{width}").view(dtype)
    return _computed(every, ends, nodata)


def _computed(values: np.ndarray, ends: tuple[float, float], nodata: float | None) -> np.ndarray:
    """(n,) uint8: clipped first, so that no value is too large to compute with."""
    low, high = ends
    known = np.where(missing(values, nodata), low, values.astype(np.float64))
    return np.round((known.clip(low, high) - low) / (high - low) * 255).astype(np.uint8)


def _loss(
    values: np.ndarray, pixels: np.ndarray, ends: tuple[float, float], nodata: float | None
) -> str:
    """See `Scaled.loss`; judged by some thousand of the pixels."""
    seen = grid(values, 64)
    known = ~missing(seen, nodata)
    kept = seen[known].astype(np.float64)
    if not kept.size:
        return ""
    if ((kept < ends[0]) | (kept > ends[1])).mean() > MOST_CLIPPED:
        return CLIPPED
    is_flat = bool(kept.min() == kept.max())
    left = grid(pixels, 64)[known]
    return FLATTENED if not is_flat and int(left.max()) - int(left.min()) <= FEW_LEVELS else ""
