"""Auditing a selection: judge a small sample, know the precision of the whole.

In: a selection in its order, the reviewer's decisions. Out: which images to judge, and the
estimated precision, with a confidence interval, of any prefix of the selection (docs/method.md §3:
audit instead of reviewing everything). Pure.

The sample is stratified by rank, since precision falls along a selection: a plain random
sample would say less about its head, which every smaller budget keeps.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from sept_core.review import decision_log
from sept_core.storage import hashing

STRATA = 10
"""Number of equal ranges of ranks, each sampled at the same rate."""


@dataclass(frozen=True)
class Plan:
    """Which images to judge.

    Attributes:
        uids: the sample in the order of review, going round the strata: whatever has been
            judged when the reviewer stops is itself a stratified sample.
        ranks: of each, from 0, in the selection.
        edges: strata are the ranks from `edges[i]` up to, without, `edges[i + 1]`.
    """

    uids: tuple[str, ...]
    ranks: tuple[int, ...]
    edges: tuple[int, ...]


@dataclass(frozen=True)
class Precision:
    """The share of right images among the first `budget`, as estimated from `judged` of them."""

    budget: int
    estimate: float
    low: float
    high: float
    judged: int


@dataclass(frozen=True)
class _Stratum:
    """Part of a prefix: how many images it has, how many were judged, and judged right."""

    size: int
    judged: int
    right: int


def plan(ranked: Sequence[str], size: int, seed: int) -> Plan:
    """Draw a stratified sample; which images depends on `seed` and their ranks only.

    Args:
        ranked: the selection's uids in selected order.
        size: images to judge; all of them if there are fewer.
        seed: of the hash that draws.
    """
    strata = max(1, min(STRATA, size, len(ranked)))
    edges = [len(ranked) * number // strata for number in range(strata + 1)]
    turns: list[tuple[int, int]] = []
    for low, high in itertools.pairwise(edges):
        drawn = sorted(
            range(low, high), key=lambda rank: hashing.hashed_uniform(seed, ranked[rank])
        )
        turns += enumerate(drawn)
    ranks = tuple(rank for _, rank in sorted(turns)[:size])
    return Plan(tuple(ranked[rank] for rank in ranks), ranks, tuple(edges))


def precision(
    plan: Plan, state: decision_log.ReviewState, budget: int, confidence: float = 0.95
) -> Precision | None:
    """Estimate the precision of the first `budget` images of the audited selection.

    Strata are weighted by their size. The interval is Clopper and Pearson's for the effective
    sample size 1 / Σ wₕ² (1 − nₕ/Nₕ) / nₕ (as Korn and Graubard, Survey Methodology 1998,
    do): it grows with unequal weights, shrinks to nothing when everything was judged, and
    stays honest at 0% and 100%. It takes no credit for stratification, so it is rather wide.

    Args:
        plan: the audit.
        state: decisions; keeps and pins are right, vetoes wrong, the rest not judged.
        budget: a prefix, at most the length of the selection.
        confidence: of the interval.

    Returns:
        None while nothing within the prefix has been judged.
    """
    budget = min(budget, plan.edges[-1])
    strata = _judged_strata(plan, state, budget)
    if not strata:
        return None
    estimate = sum(s.size * s.right / s.judged for s in strata) / budget
    variance = sum((s.size / budget) ** 2 * (1 - s.judged / s.size) / s.judged for s in strata)
    low, high = _interval(estimate, 1 / variance if variance > 0 else math.inf, confidence)
    return Precision(budget, estimate, low, high, sum(s.judged for s in strata))


def _judged_strata(plan: Plan, state: decision_log.ReviewState, budget: int) -> list[_Stratum]:
    """The strata within a prefix; one without a judged image joins its neighbour."""
    verdicts = {
        rank: verdict
        for rank, uid in zip(plan.ranks, plan.uids, strict=True)
        if (verdict := state.verdict(uid)) is not None
    }
    strata: list[_Stratum] = []
    waiting = 0
    for low, high in itertools.pairwise(plan.edges):
        high = min(high, budget)
        judged = [right for rank, right in verdicts.items() if low <= rank < high]
        waiting += max(0, high - low)
        if judged:
            strata.append(_Stratum(waiting, len(judged), sum(judged)))
            waiting = 0
    if strata and waiting:
        last = strata.pop()
        strata.append(_Stratum(last.size + waiting, last.judged, last.right))
    return strata


def _interval(estimate: float, samples: float, confidence: float) -> tuple[float, float]:
    """Clopper–Pearson for a real number of samples."""
    if math.isinf(samples):
        return estimate, estimate
    from scipy.stats import beta

    right, wrong, tail = estimate * samples, (1 - estimate) * samples, (1 - confidence) / 2
    low = beta.ppf(tail, right, wrong + 1) if right > 0 else 0.0
    high = beta.ppf(1 - tail, right + 1, wrong) if wrong > 0 else 1.0
    return float(low), float(high)
