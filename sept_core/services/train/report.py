"""Report of an evaluation in one file: plots, tables, cost, plain sentences.

In: an `Evaluation`. Out: HTML that needs no network and no other file.
"""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sept_core.figures import evaluation as figures
from sept_core.services.train import evaluation_archive
from sept_core.services.train.evaluation_archive import Evaluation
from sept_core.services.train.evaluations import RANDOM_INIT, READOUTS
from sept_core.storage import atomic

NAME = "report.html"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1rem;
  color: #1f2523; background: #fbfcfa; }
h1, h2 { font-weight: 600; line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.93rem; }
th, td { text-align: left; padding: 0.3rem 0.9rem 0.3rem 0; border-bottom: 1px solid #dfe3df; }
.note { color: #55605b; }
"""


def write(evaluation: Evaluation) -> Path:
    """Write the report next to the evaluation's summary; return its path."""
    path = evaluation.folder / NAME
    with atomic.write_then_rename(path) as temporary:
        temporary.write_text(page(evaluation))
    return path


def page(evaluation: Evaluation) -> str:
    """Return the report as HTML; names of target sets and arms are escaped."""
    title = f"Evaluation on {evaluation.request['target']}"
    rows = evaluation_archive.table(evaluation, reference(evaluation))
    plot = figures.intervals(rows, READOUTS).to_html(full_html=False, include_plotlyjs=True)
    found = evaluation.summary["target"]
    task = (
        f"{len(found['classes']):,} classes, {found['train']:,} training images, "
        f"{found['test']:,} test images."
    )
    parts = [
        f"<h1>{_text(title)}</h1><p class=note>{task}</p>",
        "<h2>Accuracy on the test images</h2>",
        plot,
        _table(SCORES, ([_score(row) for row in rows])),
        "<h2>What training cost</h2>",
        _table(COSTS, _costs(evaluation)),
        _list(evaluation_archive.cost_sentences(evaluation)),
        "<h2>What this shows</h2>",
        _list(evaluation.summary["sentences"]),
        "".join(f"<p class=note>{_text(note)}</p>" for note in evaluation.summary["notes"]),
    ]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{_text(title)}</title>"
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>"
    )


def reference(evaluation: Evaluation) -> str:
    """Return the reference arm of the table: a random subset, else the first arm."""
    arms = evaluation.arms
    return next((arm for arm in arms if arm.startswith("random") and arm != RANDOM_INIT), arms[0])


SCORES = ("Arm", "Readout", "Labels", "Seeds", "Accuracy, %", "95% interval", "Difference, points")
COSTS = ("Arm", "Images in it", "Steps", "Images seen", "FLOP", "Minutes", "On")


def _score(row: dict[str, Any]) -> list[str]:
    interval = "–" if row["low"] is None else f"{100 * row['low']:.1f} to {100 * row['high']:.1f}"
    compared = "–"
    if row["difference"] is not None:
        ends = f"{100 * row['difference_low']:+.1f} to {100 * row['difference_high']:+.1f}"
        compared = f"{100 * row['difference']:+.1f} ({ends})"
    mean = f"{100 * row['mean']:.1f}"
    readout = READOUTS[row["readout"]]
    return [row["arm"], readout, row["labels"], str(row["seeds"]), mean, interval, compared]


def _costs(evaluation: Evaluation) -> Iterable[list[str]]:
    for arm, cost in evaluation.summary["compute"].items():
        if cost is None:
            yield [arm, *["unknown"] * 6]
        else:
            yield [
                arm, f"{cost['subset']:,}", f"{cost['steps']:,.0f}",
                f"{cost['images_seen']:,.0f}", f"{cost['flops']:.2g}",
                f"{cost['seconds'] / 60:.1f}", str(cost["device"] or "–"),
            ]  # fmt: skip


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _list(sentences: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{_text(said)}</li>" for said in sentences) + "</ul>"


def _text(value: str) -> str:
    return html.escape(value)
