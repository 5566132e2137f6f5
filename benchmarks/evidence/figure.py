"""Draw the differences between curated and random subsets as a forest plot.

    python -m benchmarks.evidence.figure [OUT.svg]

In: the committed rows. Out: an SVG file that follows the reader's light or dark theme. A row for
each pool and task: every seed a dot, their mean, and its 95% interval over the seeds.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.evidence import protocol, summary
from benchmarks.evidence.rows import Rows
from benchmarks.evidence.summary import Table
from sept_core.evaluation import statistics

OUT = Path(__file__).parents[2] / "docs/screenshots/evidence.svg"
Place = Callable[[float], float]
WIDTH, ROW, TOP, LEFT, RIGHT = 760, 34, 46, 250, 30
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2430 }
.quiet { fill: #6b7280; font-size: 12px }
.axis { stroke: #d1d5db } .zero { stroke: #6b7280 }
.interval { stroke: #0e7c86; stroke-width: 2 }
.seed { fill: #0e7c86; fill-opacity: .35 } .mean { fill: #0e7c86 }
@media (prefers-color-scheme: dark) {
  text { fill: #e5e7eb } .quiet { fill: #9ca3af }
  .axis { stroke: #374151 } .zero { stroke: #9ca3af }
  .interval { stroke: #4fc3ce } .seed, .mean { fill: #4fc3ce }
}
"""


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    out.write_text(svg(measured(Table(Rows()))))


def measured(table: Table) -> dict[str, np.ndarray]:
    """Return the (seeds,) differences in points by the name of a row; rows without data are left
    out.
    """
    found: dict[str, np.ndarray] = {}
    readout = " ".join(protocol.ENDPOINT)
    both = (protocol.CURATED.name, protocol.RANDOM.name)
    for part in summary.REGISTERED.values():
        pool, tasks = part.pool.name, part.pool.tasks
        for task in tasks:
            if seeds := table.seeds(pool, both, (task,)):
                values = summary.paired(table, pool, task, readout, seeds)
                found[f"{task}, {pool} pool"] = 100 * values.mean(axis=1)
        seeds = table.seeds(pool, both, tasks)
        if pool == protocol.MIXED.name and seeds:
            own = [summary.paired(table, pool, task, readout, seeds) for task in tasks]
            found["mean of the three (the endpoint)"] = 100 * np.mean(own, axis=(0, 2))
    return found


def svg(rows: dict[str, np.ndarray]) -> str:
    """Return the plot of differences in points."""
    ends = {name: statistics.t_interval(values) for name, values in rows.items()}
    shown = [
        *np.concatenate(list(rows.values())),
        *(x for pair in ends.values() for x in pair or ()),
    ]
    low, high = 5 * np.floor(min(0, *shown) / 5), 5 * np.ceil(max(0, *shown) / 5)

    def place(points: float) -> float:
        return float(LEFT + (points - low) / (high - low) * (WIDTH - LEFT - RIGHT))

    height = TOP + ROW * len(rows) + 34
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="Accuracy of curated minus random subsets, by task">',
        f"<style>{STYLE}</style>",
        f'<text x="{LEFT}" y="18">Accuracy of curated minus random, in points</text>',
        f'<text x="{LEFT}" y="36" class="quiet">linear probe, 10 labels per class; '
        "a dot is a seed; bars are 95% intervals over seeds</text>",
        *_axis(low, high, height, place),
    ]
    for n, (name, values) in enumerate(rows.items()):
        lines += _row(TOP + ROW * n + ROW / 2 + 4, name, values, ends[name], place)
    return "\n".join([*lines, "</svg>", ""])


def _axis(low: float, high: float, height: float, place: Place) -> Iterator[str]:
    bottom = height - 26
    for tick in np.arange(low, high + 1, 5):
        kind = "zero" if tick == 0 else "axis"
        x = place(tick)
        yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>'
        yield (
            f'<text class="quiet" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">'
            f"{tick:+.0f}</text>".replace("+0", "0")
        )


def _row(
    y: float, name: str, values: np.ndarray, ends: statistics.Interval | None, place: Place
) -> Iterator[str]:
    yield f'<text x="{LEFT - 14}" y="{y + 5:.1f}" text-anchor="end">{name}</text>'
    if ends:
        first, last = map(place, ends)
        yield f'<line class="interval" x1="{first:.1f}" x2="{last:.1f}" y1="{y}" y2="{y}"/>'
    for value in values:
        yield f'<circle class="seed" cx="{place(value):.1f}" cy="{y}" r="4"/>'
    yield f'<circle class="mean" cx="{place(values.mean()):.1f}" cy="{y}" r="5.5"/>'


if __name__ == "__main__":
    main()
