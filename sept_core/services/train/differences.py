"""Paired differences of an evaluation: the evidence of its figures, tables and sentences.

In: a finished evaluation and the arm to compare with. Out: one `Difference` for each other arm,
readout and label count, with the accuracies of every seed. With fewer than
`evaluation_archive.LEAST_SEEDS` seeds the interval covers test images only, without a verdict.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sept_core.evaluation import results
from sept_core.evaluation.readout_names import READOUTS
from sept_core.services.train import evaluation_archive
from sept_core.services.train.evaluation_archive import LEAST_SEEDS, Evaluation

Key = tuple[str, str, str]
"""Arm, readout and label count."""


@dataclass(frozen=True)
class Difference:
    """Accuracy of an arm minus that of the reference, on the same seeds and test images; shares.

    Attributes:
        value: mean over the seeds.
        interval: 95%; over seeds and test images, or over test images only, see `covers_seeds`;
            within −1 to 1.
        better: True or False if the interval over seeds excludes zero and the comparison holds
            after Holm's correction for the others with the same reference; else None.
        corrected: True if only the correction makes `better` None.
        pairs: (accuracy of the reference, accuracy of the arm) for each seed, ascending; empty if
            the evaluation's scores were deleted.
    """

    arm: str
    reference: str
    readout: str
    labels: str
    seeds: int
    value: float
    interval: tuple[float, float]
    better: bool | None
    corrected: bool
    pairs: tuple[tuple[float, float], ...]

    @property
    def covers_seeds(self) -> bool:
        """True if the interval covers the chance of seeds."""
        return self.seeds >= LEAST_SEEDS

    @property
    def verdict(self) -> str:
        """The conclusion in two or three words."""
        if not self.covers_seeds:
            return "too few seeds"
        if self.corrected:
            return "no difference after Holm"
        return {True: "better", False: "worse", None: "no difference seen"}[self.better]

    @property
    def group(self) -> str:
        """Readout and label count as a heading."""
        return heading(self.readout, self.labels)


def heading(readout: str, labels: str) -> str:
    """Return `Linear probe, 5 labels a class`."""
    return f"{READOUTS[readout].title}, {labels_said(labels)}"


def labels_said(labels: str) -> str:
    """Return a label count in words: `all labels`, `10% of the labels`, `5 labels a class`."""
    shots, given, _ = labels.partition("-shot")
    if given:
        return f"{shots} label{'' if shots == '1' else 's'} a class"
    return "all labels" if labels == "all" else f"{labels} of the labels"


def of(evaluation: Evaluation, reference: str) -> list[Difference]:
    """Return the differences of all arms to the reference, by readout, then label count and arm."""
    seeds = by_seed(evaluation)
    found = []
    for row in evaluation.summary["differences"]:
        if reference in (row["arm"], row["other"]):
            found.append(_difference(row, reference, seeds))
    places = {arm: place for place, arm in enumerate(evaluation.arms)}
    groups = {
        group: n for n, group in enumerate(dict.fromkeys((d.readout, d.labels) for d in found))
    }
    return sorted(found, key=lambda d: (groups[d.readout, d.labels], places[d.arm]))


def _difference(
    row: dict[str, Any], reference: str, seeds: dict[Key, dict[int, float]]
) -> Difference:
    sign = 1 if row["other"] == reference else -1
    arm = row["arm"] if sign == 1 else row["other"]
    enough = row["seeds"] >= LEAST_SEEDS
    low, high = sorted(sign * end for end in evaluation_archive.difference_interval(row))
    where = row["readout"], row["labels"]
    base, own = seeds.get((reference, *where), {}), seeds.get((arm, *where), {})
    apart = enough and bool(row["distinguishable"])
    certain = apart and bool(row.get("holds", True))  # summaries of earlier versions lack it
    return Difference(
        arm, reference, *where, row["seeds"], sign * row["value"], (low, high),
        sign * row["value"] > 0 if certain else None, apart and not certain,
        tuple((base[seed], own[seed]) for seed in sorted(base.keys() & own.keys())),
    )  # fmt: skip


def by_seed(evaluation: Evaluation) -> dict[Key, dict[int, float]]:
    """Return the accuracy of each seed by arm, readout and label count; the mean over its draws."""
    drawn: dict[Key, dict[int, dict[int, float]]] = {}
    for score in results.read(evaluation.folder).values():  # a later line replaces an earlier one
        seeds = drawn.setdefault((score.arm, score.readout, score.labels), {})
        seeds.setdefault(score.seed, {})[score.draw] = score.accuracy
    return {
        key: {seed: _mean(draws.values()) for seed, draws in sorted(seeds.items())}
        for key, seeds in drawn.items()
    }


def _mean(values: Iterable[float]) -> float:
    held = list(values)
    return sum(held) / len(held)
