"""Validation scores: comparisons on a target set's training images, by cross-validation.

In: results of `weakest`, which never reads test images. Out: scores and paired differences with 95%
intervals. Rounds and advice use these; the test split stays closed until the last comparison.
"""

from collections.abc import Sequence

import numpy as np

from sept_core.evaluation import statistics
from sept_core.evaluation.statistics import Difference
from sept_core.services.train.weakest import WeakClasses


def correct(found: Sequence[WeakClasses]) -> np.ndarray:
    """Return (results, images) bool: the images that each run's features classify correctly.

    The images are the same in each row; their order has no meaning.

    Args:
        found: results of one target set.
    """
    missed = sorted({uid for one in found for uid in one.missed})
    places = {uid: place for place, uid in enumerate(missed)}
    right = np.ones((len(found), max(one.images for one in found)), bool)
    for row, one in enumerate(found):
        right[row, [places[uid] for uid in one.missed]] = False
    return right


def interval(found: WeakClasses) -> tuple[float, float]:
    """Return the 95% interval of the score of one run, over images."""
    return statistics.mean(correct([found])[:, None, :]).interval


def difference(own: Sequence[WeakClasses], other: Sequence[WeakClasses]) -> Difference:
    """Compare runs with other runs, pair by pair: each pair has the same seed.

    The interval covers images, and with three or more pairs also seeds.
    """
    right = correct([*own, *other])
    return statistics.difference(right[: len(own), None, :], right[len(own) :, None, :])
