"""Summary of all scores: a mean for each arm, a difference for each pair, sentences.

In: the scores of one evaluation, by readout and label budget. Out: plain JSON.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from sept_core.evaluation import statistics
from sept_core.evaluation.readout_names import READOUTS
from sept_core.evaluation.results import Score

NOT_ADAPTED = "{arms}: features without a network to adapt, so there is no fine-tuned score."

ONE_TRAINING = (
    "Each of {arms} is one pre-trained network used for all seeds: the intervals do not "
    "cover how another pre-training run would differ."
)


def summarise(
    scores: list[Score], correct: Callable[[Score], np.ndarray], trained_once: list[str]
) -> dict[str, Any]:
    """Compute means, paired differences and sentences about them.

    Args:
        scores: every arm with the same seeds, readouts and label budgets; arms keep this order.
        correct: returns the (n_test,) bool of a score.
        trained_once: the arms whose seeds share one network.
    """
    means, differences, sentences = [], [], []
    for (readout, labels), group in _groups(scores):
        right = {arm: _by_seed(of_arm, correct) for arm, of_arm in group.items()}
        where = {"readout": readout, "labels": labels}
        for arm, matrix in right.items():
            value = statistics.mean(matrix.mean(axis=1))
            means.append(where | {"arm": arm} | dataclasses.asdict(value))
        # a later arm is compared with each earlier one, so baselines come first
        for other, arm in itertools.combinations(right, 2):
            result = statistics.difference(right[arm], right[other])
            differences.append(where | {"arm": arm, "other": other} | _as_json(result))
            said = statistics.sentence(arm, other, result)
            sentences.append(f"{READOUTS[readout].said}, {labels} labels: {said}")
    notes = [ONE_TRAINING.format(arms=", ".join(trained_once))] if trained_once else []
    return {"means": means, "differences": differences, "sentences": sentences, "notes": notes}


def _by_seed(scores: list[Score], correct: Callable[[Score], np.ndarray]) -> np.ndarray:
    """Return (seeds, images) float64: the share of draws that classify an image correctly."""
    draws: dict[int, list[np.ndarray]] = {}
    for score in scores:
        draws.setdefault(score.seed, []).append(correct(score))
    return np.stack([np.mean(of_seed, axis=0) for of_seed in draws.values()])


def _groups(
    scores: Iterable[Score],
) -> Iterable[tuple[tuple[str, str], dict[str, list[Score]]]]:
    """Group by readout and labels, then by arm; seeds ascending, so that they can be paired."""
    groups: dict[tuple[str, str], dict[str, list[Score]]] = {}
    for score in scores:
        group = groups.setdefault((score.readout, score.labels), {})
        group.setdefault(score.arm, []).append(score)
    for group in groups.values():
        for of_arm in group.values():
            of_arm.sort(key=lambda score: score.seed)
    return groups.items()


def _as_json(result: statistics.Difference) -> dict[str, Any]:
    return dataclasses.asdict(result) | {
        "interval": result.interval,
        "distinguishable": result.distinguishable,
    }
