"""Class-balanced instance search: fair turns with a quota for every target label.

In: neighbour lists and target labels. Out: picks in the order of the rounds. The quotas depend
on the budget, so the picks of a smaller budget are not a prefix of a larger one's.
"""

import numpy as np

from sept_core import errors
from sept_core.selection import evidence as ev
from sept_core.selection import gate, instance_search, lists, settings


def class_balanced(
    options: settings.SelectionSettings, evidence: ev.Evidence, ledger: gate.Ledger
) -> ev.Outcome:
    """Fill equal quotas by largest remainder, with instance search per class (docs/method.md §3).

    Quotas are in proportion to the mean weight of each class's targets. Targets without a label
    form a separate class. A quota that its class cannot fill is left unfilled, or donated in the
    same proportion to the classes that still have images.

    Raises:
        InputError: no target has a label.
    """
    rounds = instance_search.Rounds(options, evidence, ledger)
    classes, count = _classes(evidence, rounds.targets)
    weights = np.bincount(classes, rounds.weights) / np.bincount(classes)
    quota = largest_remainder(ledger.room, weights).tolist()
    picks = []
    for phase, floor in lists.floors(options, evidence):
        if ledger.room:
            rounds.open_floor(floor)
            rounds.run(classes, quota)
            while options.unfilled_quota == "donate" and ledger.room and (live := rounds.live()):
                able = np.isin(np.arange(count), [classes[row] for row in live])
                quota = largest_remainder(ledger.room, able * weights).tolist()
                rounds.run(classes, quota)
            picks.append(rounds.close_floor(phase))
    blocked = bool(ledger.room and rounds.live())
    return ev.Outcome(picks, "quota" if blocked else rounds.short_because())


def largest_remainder(seats: int, weights: np.ndarray) -> np.ndarray:
    """Share `seats` in proportion to `weights` (float, not all 0); int64, sums to `seats`.

    Ties go to the earlier entry.
    """
    exact = seats * weights / weights.sum()
    shares: np.ndarray = np.floor(exact).astype(np.int64)
    order = np.argsort(np.round(shares - exact, 9), kind="stable")
    shares[order[: seats - int(shares.sum())]] += 1
    return shares


def _classes(evidence: ev.Evidence, targets: np.ndarray) -> tuple[list[int], int]:
    """Return the class number of each of `targets`, and the number of classes."""
    labels = dict(zip(evidence.target_uids.tolist(), evidence.target_labels, strict=True))
    named = [labels[target] for target in targets.tolist()]
    if all(label is None for label in named):
        raise errors.InputError(
            "class-balanced needs target labels, and no target has one; "
            "add labels (folders by class, or a label column) or choose another strategy."
        )
    known = sorted({label for label in named if label is not None})
    number = {label: place for place, label in enumerate([*known, None])}
    count = len(known) + (None in named)
    return [number[label] for label in named], count
