"""Statistical conclusions from the accuracies of the arms (docs/method.md §5).

In: the correctly classified test images of each seed, and of each draw of labels within it. Out:
means, paired differences with 95% intervals (t over seeds, bootstrap over test images), p values,
plain sentences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 2000
LEAST_SEEDS = 3
"""With fewer seeds, t intervals are too wide to be of use: intervals cover test images only."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Spread:
    """Standard deviations of a value that has several seeds, and several draws in each.

    Attributes:
        seeds: between seeds, without the part that the draws cause; None for a single seed.
        draws: between draws of one seed; None for a single draw.
    """

    seeds: float | None
    draws: float | None


UNKNOWN = Spread(None, None)


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


@dataclass(frozen=True)
class Mean:
    """Mean accuracy of an arm.

    Attributes:
        value: mean over seeds, draws and test images.
        interval: 95% interval, within 0 and 1: by Student's t over `LEAST_SEEDS` seeds or more,
            else a bootstrap over test images.
        over: what the interval covers, "seeds" or "images".
        by_seed: accuracy of each seed, averaged over its draws.
        spread: over seeds and draws.
    """

    value: float
    interval: Interval
    over: str
    by_seed: tuple[float, ...]
    spread: Spread


@dataclass(frozen=True)
class Difference:
    """Accuracy of one arm minus that of another, on the same seeds, draws and test images.

    Attributes:
        value: mean difference, in shares (0.02 is two points).
        over_seeds: t interval of the differences by seed; None for a single seed.
        over_images: bootstrap interval, resampling test images, not seeds.
        seeds: number of seeds that both arms have.
        p: two-sided, of a difference of zero: the larger one of both sources of chance.
        by_seed: difference of each seed, averaged over its draws.
        spread: of the differences, over seeds and draws.
    """

    value: float
    over_seeds: Interval | None
    over_images: Interval
    seeds: int
    p: float = 1.0
    by_seed: tuple[float, ...] = ()
    spread: Spread = UNKNOWN

    @property
    def covers_seeds(self) -> bool:
        """True if there are enough seeds for an interval over them."""
        return self.seeds >= LEAST_SEEDS

    @property
    def interval(self) -> Interval:
        """Union of both intervals, or that over test images if there are too few seeds."""
        if not self.covers_seeds or self.over_seeds is None:
            return self.over_images
        both = (self.over_seeds, self.over_images)
        return _within(min(low for low, _ in both), max(high for _, high in both), -1.0, 1.0)

    @property
    def distinguishable(self) -> bool:
        """True if the interval excludes zero."""
        low, high = self.interval
        return low > 0 or high < 0


def mean(correct: np.ndarray) -> Mean:
    """Compute the mean accuracy of an arm.

    Args:
        correct: (seeds, draws, images) bool: the test images that the arm classifies correctly.
    """
    by_seed = correct.mean(axis=(1, 2))
    over_seeds = t_interval(by_seed) if len(correct) >= LEAST_SEEDS else None
    return Mean(
        value=float(by_seed.mean()),
        interval=_within(*over_seeds, 0.0, 1.0)
        if over_seeds
        else _bootstrap(correct.mean(axis=(0, 1)))[0],
        over="seeds" if over_seeds else "images",
        by_seed=tuple(by_seed.tolist()),
        spread=spread(correct.mean(axis=2)),
    )


def _within(low: float, high: float, least: float, most: float) -> Interval:
    return max(low, least), min(high, most)


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
        correct: (seeds, draws, images) bool: the test images that the arm classifies correctly.
        other: the same for the other arm, with the same seeds, draws of labels and images.
    """
    paired = correct.astype(np.float64) - other.astype(np.float64)
    by_seed = paired.mean(axis=(1, 2))
    over_images, p = _bootstrap(paired.mean(axis=(0, 1)))
    p_seeds = p_value(by_seed)
    if len(paired) >= LEAST_SEEDS and p_seeds is not None:
        p = max(p, p_seeds)
    return Difference(
        value=float(paired.mean()),
        over_seeds=t_interval(by_seed),
        over_images=over_images,
        seeds=len(paired),
        p=p,
        by_seed=tuple(by_seed.tolist()),
        spread=spread(paired.mean(axis=2)),
    )


def _bootstrap(values: np.ndarray) -> tuple[Interval, float]:
    """Bootstrap the mean of (n,) values: percentile interval, and two-sided p of zero."""
    n = len(values)
    rng = np.random.default_rng(0)  # the same values give the same interval
    means = np.array([values[rng.integers(0, n, n)].mean() for _ in range(RESAMPLES)])
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    rarer = min((means <= 0).sum(), (means >= 0).sum())
    return (float(low), float(high)), min(1.0, 2 * (1 + int(rarer)) / (RESAMPLES + 1))


def sentence(arm: str, other: str, result: Difference) -> str:
    """Summarise the comparison in one sentence, which claims no more than the interval covers."""
    low, high = (_points(end) for end in result.interval)
    seeds = "1 seed" if result.seeds == 1 else f"{result.seeds} seeds"
    over = "" if result.covers_seeds else " over test images"
    figures = f"{_points(result.value)} points, 95% interval{over} {low} to {high}, {seeds}"
    if not result.distinguishable:
        return f"{arm} and {other} are not distinguishable ({figures})."
    if not result.covers_seeds:
        verdict = "higher" if result.value > 0 else "lower"
        return f"With these networks, {arm} scores {verdict} than {other} ({figures})."
    verdict = "better" if result.value > 0 else "worse"
    return f"{arm} is {verdict} than {other} ({figures})."


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
