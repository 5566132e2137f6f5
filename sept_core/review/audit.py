"""Audit of a selection: judge a small sample to estimate the precision of the whole.

In: a selection in its order, the review decisions. Out: the images to judge, and the estimated
precision, with a confidence interval, of any prefix of the selection (docs/method.md §3: audit
instead of reviewing everything). Pure.

The sample is stratified by rank, because precision falls along a selection: a plain random sample
would estimate its head, which every smaller budget keeps, less precisely.
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
    """Sample of images to judge.

    Attributes:
        uids: the sample in the order of review, alternating between strata: the images judged when
            the reviewer stops are themselves a stratified sample.
        ranks: rank of each in the selection, from 0.
        edges: strata are the ranks from `edges[i]` up to, but excluding, `edges[i + 1]`.
    """

    uids: tuple[str, ...]
    ranks: tuple[int, ...]
    edges: tuple[int, ...]


@dataclass(frozen=True)
class Precision:
    """Share of correct images among the first `budget`, as estimated from `judged` of them."""

    budget: int
    estimate: float
    low: float
    high: float
    judged: int


@dataclass(frozen=True)
class _Stratum:
    """Part of a prefix: the number of its images, of judged ones, and of those judged correct."""

    size: int
    judged: int
    right: int


def plan(ranked: Sequence[str], size: int, seed: int) -> Plan:
    """Draw a stratified sample, which depends only on `seed` and the ranks.

    Args:
        ranked: the selection's uids in selected order.
        size: number of images to judge; all of them if there are fewer.
        seed: seed of the hash that draws.
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
    do): it grows with unequal weights, has length 0 when everything was judged, and stays valid at
    0% and 100%. It ignores the gain from stratification, so it is rather wide.

    Args:
        plan: the audit.
        state: decisions; keeps and pins count as correct, vetoes as wrong, the rest as not judged.
        budget: a prefix, at most the length of the selection.
        confidence: confidence level of the interval.

    Returns:
        The estimate; None while nothing within the prefix has been judged.
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
    """List the strata within a prefix; one without a judged image is merged with its neighbour."""
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
    """Compute the Clopper–Pearson interval for a real number of samples."""
    if math.isinf(samples):
        return estimate, estimate
    from scipy.stats import beta

    right, wrong, tail = estimate * samples, (1 - estimate) * samples, (1 - confidence) / 2
    low = beta.ppf(tail, right, wrong + 1) if right > 0 else 0.0
    high = beta.ppf(1 - tail, right + 1, wrong) if wrong > 0 else 1.0
    return float(low), float(high)
