"""Results of evaluations: the matched-compute table, its sentences and its files.

In: the folders under `runs/evaluations/`. Out: plain rows, compared with a reference arm.
"""

import csv
import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.storage import atomic, project_paths

LEAST_SEEDS = 3
"""Fewest seeds for an interval over seeds: two give a t interval of thirteen standard errors."""

COMPARED = ("difference", "difference_low", "difference_high", "distinguishable", "p", "p_holm",
            "difference_by_seed")  # fmt: skip
"""Columns that compare an arm with the reference."""
COLUMNS = ("arm", "readout", "labels", "seeds", "draws", "steps", "images_seen", "mean", "low",
           "high", "over", "sd_seeds", "sd_draws", "by_seed", *COMPARED)  # fmt: skip
"""`low` and `high` are a 95% interval `over` seeds or images. `sd_seeds` and `sd_draws` are
standard deviations between seeds, without the part that draws of labels cause, and between draws.
"""


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation.

    Attributes:
        folder: its folder.
        request: see `evaluations.Request` or `studies.Study`.
        summary: see `evaluation.summary`; with the `compute` of each arm.
        at: time of the summary, in seconds since 1970.
    """

    folder: Path
    request: dict[str, Any]
    summary: dict[str, Any]
    at: float

    @property
    def id(self) -> str:
        """The name of its folder."""
        return self.folder.name

    @property
    def arms(self) -> list[str]:
        return list(dict.fromkeys(row["arm"] for row in self.summary["means"]))

    def unmatched(self) -> str | None:
        """Return a sentence if the trained arms saw different numbers of images."""
        costs = {arm: self.summary["compute"].get(arm) for arm in self.arms}
        seen = {arm: int(cost["images_seen"]) for arm, cost in costs.items() if cost}
        seen = {arm: count for arm, count in seen.items() if count}  # none: random initialisation
        if len(set(seen.values())) < 2:
            return None
        parts = ", ".join(f"{arm} {count:,}" for arm, count in seen.items())
        return f"Compute is not matched: the arms saw unequal numbers of images ({parts})."


def every(paths: project_paths.ProjectPaths) -> list[Evaluation]:
    """List all finished evaluations, latest first."""
    found = [
        Evaluation(
            path.parent,
            atomic.read_json(path.parent / "request.json"),
            atomic.read_json(path),
            path.stat().st_mtime,
        )
        for path in (paths.runs / project_paths.EVALUATIONS).glob("*/summary.json")
        if (path.parent / "request.json").exists()
    ]
    return sorted(found, key=lambda evaluation: -evaluation.at)


def find(paths: project_paths.ProjectPaths, name: str) -> Evaluation:
    """Return one finished evaluation.

    Raises:
        NotFoundError: the name is unknown.
    """
    for evaluation in every(paths):
        if evaluation.id == name:
            return evaluation
    raise errors.NotFoundError(f"This project has no finished evaluation {name!r}.")


def table(evaluation: Evaluation, reference: str) -> list[dict[str, Any]]:
    """Return one row for each arm, readout and label count, with `COLUMNS`.

    Args:
        evaluation: a finished evaluation.
        reference: the arm that the others are compared with; its own differences are None.
    """
    rows = []
    for mean in evaluation.summary["means"]:
        where = {key: mean[key] for key in ("arm", "readout", "labels", "seeds")}
        low, high = _mean_interval(mean)
        more = {key: mean.get(key) for key in ("draws", "over", "by_seed")}  # None: older summaries
        spread = mean.get("spread", {})
        more |= {f"sd_{key}": spread.get(key) for key in ("seeds", "draws")}
        known = evaluation.summary["compute"].get(mean["arm"]) or {}
        cost = {key: known.get(key) for key in ("steps", "images_seen")}
        rows.append(
            where
            | more
            | cost
            | {"mean": mean["value"], "low": low, "high": high}
            | _difference(evaluation.summary["differences"], mean, reference)
        )
    return rows


def _mean_interval(mean: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return the interval within 0 to 1; None with too few seeds in an older summary."""
    if "over" in mean:  # over seeds, or over test images with too few seeds
        low, high = mean["interval"]
        return low, high
    if mean["interval"] is None or mean["seeds"] < LEAST_SEEDS:
        return None, None
    low, high = mean["interval"]
    return max(0.0, low), min(1.0, high)


def difference_interval(row: dict[str, Any]) -> tuple[float, float]:
    """Return the interval of a stored difference that may be shown, within −1 to 1.

    It covers seeds and test images; with too few seeds, test images only.
    """
    low, high = row["interval"] if row["seeds"] >= LEAST_SEEDS else row["over_images"]
    return max(-1.0, low), min(1.0, high)


def _difference(
    differences: list[dict[str, Any]], mean: dict[str, Any], reference: str
) -> dict[str, Any]:
    """Return the paired difference of a row's arm to the reference; stored once per pair."""
    for row in differences:
        if (row["readout"], row["labels"]) != (mean["readout"], mean["labels"]):
            continue
        low, high = difference_interval(row)
        sign = {(mean["arm"], reference): 1, (reference, mean["arm"]): -1}.get(
            (row["arm"], row["other"])
        )
        if sign:
            low, high = sorted((sign * low, sign * high))
            by_seed = row.get("by_seed")  # None: a summary of an earlier version
            return {
                "difference": sign * row["value"],
                "difference_low": low,
                "difference_high": high,
                "distinguishable": row["distinguishable"] if row["seeds"] >= LEAST_SEEDS else None,
                "p": row.get("p"),
                "p_holm": row.get("p_holm"),
                "difference_by_seed": None if by_seed is None else [sign * d for d in by_seed],
            }
    return dict.fromkeys(COMPARED)


def sentences(evaluation: Evaluation, reference: str) -> list[str]:
    """Return sentences about the comparisons with the reference."""
    pairs = zip(evaluation.summary["differences"], evaluation.summary["sentences"], strict=True)
    return [said for row, said in pairs if reference in (row["arm"], row["other"])]


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Return the table as csv."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_json(evaluation: Evaluation) -> str:
    """Return request and summary as JSON."""
    return json.dumps({"request": evaluation.request, **evaluation.summary}, indent=2)


def size(paths: project_paths.ProjectPaths, name: str) -> int:
    """Return the size on disk in bytes."""
    return atomic.folder_size(paths.runs / project_paths.EVALUATIONS / name)


def delete(paths: project_paths.ProjectPaths, name: str) -> None:
    """Delete an evaluation's folder, including its scores.

    Raises:
        NotFoundError: the name is unknown.
    """
    shutil.rmtree(paths.runs / project_paths.EVALUATIONS / find(paths, name).id)
