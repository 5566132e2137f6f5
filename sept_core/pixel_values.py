"""Pixel values: stand-in with the agreed signature; helper V's module takes its place."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ValueRanges:
    """One range for each kind of pixel."""


def to_uint8(
    values: np.ndarray,
    ranges: ValueRanges | None,
    *,
    bits: int | None = None,
    nodata: float | None = None,
) -> np.ndarray:
    """Bring values of any integer or float type to uint8, same shape."""
    if values.dtype == np.uint16:
        return (values >> max((bits or 16) - 8, 0)).astype(np.uint8)
    kept = np.isfinite(values) & (values != nodata)
    if not kept.any():
        return np.zeros(values.shape, np.uint8)
    wide = values.astype(np.float64)
    low, high = wide[kept].min(), wide[kept].max()
    scaled = np.where(kept, wide - low, 0) * (255 / max(high - low, 1e-30))
    return np.asarray(scaled.round(), np.uint8)
