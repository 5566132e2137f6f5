"""Statistical conclusions from the accuracies of the arms (docs/method.md §5).

In: accuracies by seed and, for each seed, the correctly classified test images. Out: means, paired
differences with 95% intervals (t over seeds, bootstrap over test images), plain sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 2000

Interval = tuple[float, float]


@dataclass(frozen=True)
class Mean:
    """Mean accuracy of an arm over its seeds; `interval` is None for a single seed."""

    value: float
    interval: Interval | None
    seeds: int


@dataclass(frozen=True)
class Difference:
    """Accuracy of one arm minus that of another, on the same seeds and test images.

    Attributes:
        value: mean difference, in shares (0.02 is two points).
        over_seeds: t interval of the differences by seed; None for a single seed.
        over_images: bootstrap interval, resampling test images, not seeds.
        seeds: number of seeds that both arms have.
    """

    value: float
    over_seeds: Interval | None
    over_images: Interval
    seeds: int

    @property
    def interval(self) -> Interval:
        """Union of both intervals, so that it covers both sources of chance."""
        both = [i for i in (self.over_seeds, self.over_images) if i is not None]
        return min(low for low, _ in both), max(high for _, high in both)

    @property
    def distinguishable(self) -> bool:
        """True if the interval excludes zero."""
        low, high = self.interval
        return low > 0 or high < 0


@dataclass(frozen=True)
class Spread:
    """Standard deviations of a value that has several seeds, and several draws in each.

    Attributes:
        seeds: between seeds, without the part that the draws cause; None for a single seed.
        draws: between draws of one seed; None for a single draw.
    """

    seeds: float | None
    draws: float | None


def spread(values: np.ndarray) -> Spread:
    """Separate the variances of (seeds, draws) values: one-way analysis with random effects."""
    seeds, draws = values.shape
    within = float(values.var(axis=1, ddof=1).mean()) if draws > 1 else None
    if seeds < 2:
        between = None
    else:
        of_means = float(values.mean(axis=1).var(ddof=1))
        between = max(0.0, of_means - (within or 0.0) / draws)
    return Spread(*(None if v is None else float(np.sqrt(v)) for v in (between, within)))


def mean(accuracies: np.ndarray) -> Mean:
    """Compute the mean of (seeds,) accuracies with its t interval."""
    return Mean(float(np.mean(accuracies)), t_interval(accuracies), len(accuracies))


def t_interval(values: np.ndarray) -> Interval | None:
    """Compute the 95% interval of a mean by Student's t; None for fewer than two values."""
    n = len(values)
    if n < 2:
        return None
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    middle = float(np.mean(values))
    return middle - half, middle + half


def p_value(values: np.ndarray) -> float | None:
    """Compute the two-sided p of Student's t for a mean of zero; None for fewer than two values.

    It is below 0.05 exactly if `t_interval` excludes zero.
    """
    if len(values) < 2:
        return None
    spread = float(np.std(values, ddof=1))
    if spread == 0:
        return 1.0 if np.mean(values) == 0 else 0.0
    t = float(np.mean(values)) / (spread / np.sqrt(len(values)))
    return float(2 * stats.t.sf(abs(t), len(values) - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for multiple comparisons (Holm 1979); the order is kept.

    The i-th smallest of m (from 0) is multiplied by m − i; none is adjusted to less than a smaller
    one, or to more than 1. All that are below α afterwards hold together with error rate α.
    """
    adjusted, least = [0.0] * len(p_values), 0.0
    for place, row in enumerate(np.argsort(p_values, kind="stable").tolist()):
        least = max(least, min(1.0, p_values[row] * (len(p_values) - place)))
        adjusted[row] = least
    return adjusted


def difference(correct: np.ndarray, other: np.ndarray) -> Difference:
    """Compare two arms.

    Args:
        correct: (seeds, images): the test images that the arm classifies correctly, as bool, or
            as a share of the draws of labels.
        other: the same for the other arm; rows are the same seeds, columns the same images.
    """
    paired = correct.astype(np.float64) - other.astype(np.float64)
    return Difference(
        value=float(paired.mean()),
        over_seeds=t_interval(paired.mean(axis=1)),
        over_images=_bootstrap(paired.mean(axis=0)),
        seeds=len(paired),
    )


def _bootstrap(values: np.ndarray) -> Interval:
    """Compute the bootstrap percentile interval of the mean of (n,) values."""
    n = len(values)
    rng = np.random.default_rng(0)  # the same values give the same interval
    means = np.array([values[rng.integers(0, n, n)].mean() for _ in range(RESAMPLES)])
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)


def sentence(arm: str, other: str, result: Difference) -> str:
    """Summarise the comparison in one sentence."""
    low, high = (_points(end) for end in result.interval)
    seeds = "1 seed" if result.seeds == 1 else f"{result.seeds} seeds"
    figures = f"{_points(result.value)} points, 95% interval {low} to {high}, {seeds}"
    if not result.distinguishable:
        return f"{arm} and {other} are not distinguishable ({figures})."
    verdict = "better" if result.value > 0 else "worse"
    return f"{arm} is {verdict} than {other} ({figures})."


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
