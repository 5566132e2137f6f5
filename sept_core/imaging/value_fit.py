"""Fit the value range of a pixel kind on a sample of images, robust to a few odd ones.

In: a `Sample` of each image. Out: a `pixel_values.ValueRange`. The order of the images does not
matter:

- an image counts with its 0.1th to its 99.9th percentile. Missing values are left out, and so is a
  single value far from all others, which rasters use for "no data";
- flat images are ignored, and label masks too where there are enough pictures;
- images far outside the range of all others are ignored;
- a range that covers most of a usual one (0..4095, 0..1) becomes that one, so that full-range
  images come out as their 8-bit versions do.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sept_core.imaging import pixel_values
from sept_core.imaging.pixel_values import ValueRange

PERCENTILES = (0.1, 99.9)
"""Of one image's values."""

FEW_VALUES = 32
"""An image of integers with at most this many distinct values may be a label mask."""

LEAST_PIXELS = 1024
"""Smaller images have few distinct values anyway."""

SMALL_LABELS = 256
"""Few distinct values below this are class ids."""

SHARED = 8
"""Larger values are class ids where all images have at most so many times the values of one."""

TRIMMED = 0.02
"""The share of images at either end, at least one of five, that may be ignored as odd."""

USUAL = 0.8
"""The share of a usual range that a fitted one must cover to be replaced by it."""

_PICTURE_VALUES = 16  # distinct values from which the spread of an image's values says something
_USUAL_FLOATS = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (0.0, 65535.0))


@dataclass(frozen=True)
class Sample:
    """Facts about one image that `fit` needs.

    Attributes:
        kind: see `pixel_values`.
        low, high: the percentiles of its values.
        values: its distinct values where they are few (`FEW_VALUES`), else empty.
        pixels: how many values were examined.
    """

    kind: str
    low: float
    high: float
    values: tuple[float, ...]
    pixels: int

    @property
    def flat(self) -> bool:
        return self.low == self.high


def sample(
    values: np.ndarray, *, bits: int | None = None, nodata: float | None = None
) -> Sample | None:
    """Summarise one image for `fit`; None where it has no value, or none of more than 8 bits.

    Args:
        values, bits, nodata: see `pixel_values.scale`.
    """
    kind = pixel_values.kind_of(values.dtype, bits)
    if not kind:
        return None
    seen = pixel_values.grid(values, 256)
    known = seen[~pixel_values.missing(seen, nodata)].astype(np.float64)
    if not known.size:
        return None
    distinct = np.unique(known)
    low, high = _without_markers(distinct)
    kept = known[(known >= low) & (known <= high)]
    ends = np.percentile(kept, PERCENTILES, method="inverted_cdf")
    few = distinct if len(distinct) <= FEW_VALUES else distinct[:0]
    return Sample(kind, float(ends[0]), float(ends[1]), tuple(few.tolist()), int(known.size))


def fit(kind: str, samples: Iterable[Sample]) -> ValueRange | None:
    """Return the range of a kind; None where no image has two different values.

    Args:
        kind: samples of others are skipped.
        samples: in any order.
    """
    own = [found for found in samples if found.kind == kind]
    labels = _label_masks(own) if not kind.startswith("float") else []
    wanted = _to_fit_on(own)
    if not wanted:
        return None
    low, high = _usual(kind, *_joined([(found.low, found.high) for found in wanted]))
    most = max((len(found.values) for found in labels), default=0)
    return ValueRange(kind, low, high, len(own), label_images=len(labels), most_labels=most)


def _without_markers(distinct: np.ndarray) -> tuple[float, float]:
    """Return the ends of the values, without single ones further off than the others are apart.

    Args:
        distinct: (n,) float64, ascending.
    """
    first, last = 0, len(distinct) - 1
    while last - first >= 3:
        width = distinct[last - 1] - distinct[first + 1]
        far = width * (1 if last - first > _PICTURE_VALUES else 10)
        drop_first = distinct[first + 1] - distinct[first] > far
        drop_last = distinct[last] - distinct[last - 1] > far
        if not (drop_first or drop_last):
            break
        first, last = first + int(drop_first), last - int(drop_last)
    return float(distinct[first]), float(distinct[last])


def _label_masks(samples: Sequence[Sample]) -> list[Sample]:
    """Return the images with few distinct values that are small, or few in all images together."""
    few = [s for s in samples if len(s.values) > 1 and s.pixels >= LEAST_PIXELS]
    small = [s for s in few if s.values[0] >= -1 and s.values[-1] < SMALL_LABELS]
    large = [s for s in few if s not in small]
    every = {value for s in large for value in s.values}
    if large and len(every) <= SHARED * statistics.median(len(s.values) for s in large):
        return few
    return small


def _to_fit_on(samples: Sequence[Sample]) -> list[Sample]:
    """Return the images to fit on: pictures, or other images that are not flat."""
    varied = [found for found in samples if not found.flat]
    pictures = [found for found in varied if not found.values]
    return pictures if 4 * len(pictures) >= len(varied) else varied


def _joined(ranges: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return the least low and the greatest high, without those far outside the others."""
    lows, highs = (np.sort(ends) for ends in zip(*ranges, strict=True))
    trimmed = max(1, int(len(ranges) * TRIMMED)) if len(ranges) >= 5 else 0
    inner_low, inner_high = lows[trimmed], highs[-1 - trimmed]
    width = inner_high - inner_low
    low = lows[lows >= inner_low - width].min()
    high = highs[highs <= inner_high + width].max()
    return float(low), float(high)


def _usual(kind: str, low: float, high: float) -> tuple[float, float]:
    """Return the narrowest usual range that a fitted one nearly fills, else the fitted one."""
    for least, most in _usual_ranges(kind):
        inside = least <= low and high <= most
        if inside and high - low >= USUAL * (most - least):
            return least, most
    return low, high


def _usual_ranges(kind: str) -> list[tuple[float, float]]:
    if kind.startswith("float"):
        return list(_USUAL_FLOATS)
    full = pixel_values.default(kind).ends
    powers = [(0.0, 2.0**bits - 1) for bits in range(8, 33)]
    return [*(ends for ends in powers if ends[1] <= full[1]), full]
