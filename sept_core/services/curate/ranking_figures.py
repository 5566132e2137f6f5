"""Figures of a ranking that do not depend on the budget: similarity by rank, floor, threshold.

In: a ranking and the decisions. Out: `Figures`.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sept_core.review import decision_log
from sept_core.selection import advice
from sept_core.services.curate.rankings import Ranking
from sept_core.services.data import preparation
from sept_core.services.project.project import Project

BINS = 60


@dataclass(frozen=True)
class Figures:
    """Curves and histograms of one ranking.

    Attributes:
        advice: similarity by rank, and where it flattens.
        edges: (BINS + 1,) similarities.
        background: (BINS,) shares of target–random similarities.
        neighbours: (BINS,) shares of target–neighbour similarities.
        percentiles: similarity at the background's 0th, 1st, … 100th percentile, (101,).
    """

    advice: advice.Advice
    edges: np.ndarray
    background: np.ndarray
    neighbours: np.ndarray
    percentiles: np.ndarray


def figures(ranking: Ranking, state: decision_log.ReviewState) -> Figures:
    """Compute the figures of a ranking after some decisions; only target vetoes change them."""
    evidence = ranking.evidence(state.vetoed_targets)
    lists = evidence.neighbours(advice.KNEE_DEPTH)
    near = lists.similarity[np.isfinite(lists.similarity)]
    background = evidence.background
    low = float(min(background.min(), near.min(initial=1.0)))
    high = max(float(near.max(initial=low)), float(background.max()))
    edges = np.linspace(low, high, BINS + 1)
    return Figures(
        advice=advice.advise(lists),
        edges=edges,
        background=_shares(background, edges),
        neighbours=_shares(near, edges),
        percentiles=np.percentile(background, np.arange(101), method="higher"),
    )


def _shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    counts, _ = np.histogram(values, edges)
    shares: np.ndarray = counts / max(1, len(values))
    return shares


def answer(project: Project, ranking: Ranking, state: decision_log.ReviewState) -> dict[str, Any]:
    """Return the figures as JSON values, with the near-duplicate threshold of the encoder."""
    found = figures(ranking, state)
    floor = ranking.request.settings.floor_percentile
    evidence = ranking.evidence(state.vetoed_targets)
    low, median, high = (_listed(column) for column in found.advice.quartiles.T)
    return {
        "curve": {
            "budgets": found.advice.budgets.tolist(),
            "low": low,
            "median": median,
            "high": high,
        },
        "histogram": {
            "edges": _listed(found.edges),
            "background": _listed(found.background),
            "neighbours": _listed(found.neighbours),
        },
        "percentiles": _listed(found.percentiles),
        "floor": None if floor is None else evidence.floor_similarity(floor),
        "threshold": _threshold(preparation.calibration(project, ranking.encoder_id)),
    }


def _listed(values: np.ndarray) -> list[float | None]:
    """Return numbers for JSON, which has no NaN."""
    known = np.isfinite(values).tolist()
    pairs = zip(np.round(values, 6).tolist(), known, strict=True)
    return [value if is_known else None for value, is_known in pairs]


def _threshold(known: dict[str, Any]) -> dict[str, Any]:
    return {**known["histogram"], "tau": known["tau"], "sentence": threshold_sentence(known)}


def threshold_sentence(known: dict[str, Any]) -> str:
    """Describe the near-duplicate threshold of a calibration."""
    sentence = f"Images with a cosine of at least {known['tau']:.3f} count as near-duplicates: "
    if known["copies"]:
        sentence += (
            f"{known['recall']:.0%} of {known['copies']:,} synthetic near-duplicates reach it, and "
        )
    if known["background_images"]:
        return f"{sentence}{known['false_partners']:.1%} of all images have a false match."
    return f"{sentence}no pool image has a neighbour other than its near-duplicates."
