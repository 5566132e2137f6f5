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

NOT_ADAPTED = (
    "{arms}: features without a network to adapt, or frozen, so there is no fine-tuned score."
)

ONE_TRAINING = (
    "Each of {arms} is one pre-trained network used for all seeds: the intervals do not "
    "cover how another pre-training run would differ."
)

FEW_SEEDS = (
    f"With fewer than {statistics.LEAST_SEEDS} seeds, the intervals cover the choice of test "
    "images only, not how another training would differ."
)

HOLM = (
    " With Holm's correction for {count} comparisons with {other}, they are not distinguishable "
    "(p = {p:.3f})."
)


def summarise(
    scores: list[Score], correct: Callable[[Score], np.ndarray], trained_once: list[str]
) -> dict[str, Any]:
    """Compute means, paired differences and sentences about them.

    The comparisons of one readout and label budget with the same other arm are a family: their p
    values are adjusted by Holm's method.

    Args:
        scores: every arm with the same seeds, draws, readouts and label budgets; arms keep this
            order.
        correct: returns the (n_test,) bool of a score.
        trained_once: the arms whose seeds share one network.
    """
    means, differences = [], []
    for (readout, labels), group in _groups(scores):
        right = {arm: _right(of_arm, correct) for arm, of_arm in group.items()}
        where = {"readout": readout, "labels": labels}
        for arm, matrix in right.items():
            value = statistics.mean(matrix)
            counted = {"seeds": matrix.shape[0], "draws": matrix.shape[1]}
            means.append(where | {"arm": arm} | counted | dataclasses.asdict(value))
        # a later arm is compared with each earlier one, so baselines come first
        for other, arm in itertools.combinations(right, 2):
            result = statistics.difference(right[arm], right[other])
            said = f"{READOUTS[readout].said}, {labels} labels: "
            said += statistics.sentence(arm, other, result)
            names = {"arm": arm, "other": other}
            differences.append(where | names | _as_json(result) | {"sentence": said})
    _adjust(differences)
    notes = [ONE_TRAINING.format(arms=", ".join(trained_once))] if trained_once else []
    if any(row["seeds"] < statistics.LEAST_SEEDS for row in means):
        notes.append(FEW_SEEDS)
    sentences = [row.pop("sentence") for row in differences]
    return {"means": means, "differences": differences, "sentences": sentences, "notes": notes}


def _adjust(differences: list[dict[str, Any]]) -> None:
    """Add `p_holm`, the number of `comparisons` and `holds` to each difference, in place."""
    families: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in differences:
        families.setdefault((row["readout"], row["labels"], row["other"]), []).append(row)
    for (_, _, other), family in families.items():
        adjusted = statistics.holm([row["p"] for row in family])
        for row, p in zip(family, adjusted, strict=True):
            holds = row["distinguishable"] and p < 1 - statistics.CONFIDENCE
            row |= {"p_holm": p, "comparisons": len(family), "holds": holds}
            if row["distinguishable"] and not holds and len(family) > 1:
                row["sentence"] += HOLM.format(count=len(family), other=other, p=p)


def _right(scores: list[Score], correct: Callable[[Score], np.ndarray]) -> np.ndarray:
    """Return (seeds, draws, images) bool: the test images that each score classifies correctly."""
    draws: dict[int, list[np.ndarray]] = {}
    for score in scores:
        draws.setdefault(score.seed, []).append(correct(score))
    return np.stack([np.stack(of_seed) for of_seed in draws.values()])


def _groups(
    scores: Iterable[Score],
) -> Iterable[tuple[tuple[str, str], dict[str, list[Score]]]]:
    """Group by readout and labels, then by arm; seeds and draws ascend, so that they pair."""
    groups: dict[tuple[str, str], dict[str, list[Score]]] = {}
    for score in scores:
        group = groups.setdefault((score.readout, score.labels), {})
        group.setdefault(score.arm, []).append(score)
    for group in groups.values():
        for of_arm in group.values():
            of_arm.sort(key=lambda score: (score.seed, score.draw))
    return groups.items()


def _as_json(result: statistics.Difference) -> dict[str, Any]:
    return dataclasses.asdict(result) | {
        "interval": result.interval,
        "distinguishable": result.distinguishable,
    }
