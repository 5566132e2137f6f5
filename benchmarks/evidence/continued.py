"""Continued pre-training against from scratch at equal CPU time, and against frozen weights.

In: nothing, or the rows. Out: the experiment's parts for `protocol.planned`, and tables in
Markdown with costs and paired differences. An experiment of its own: it is no part of the
registered protocol, and its rows are apart (`rows.CONTINUED`).
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.evidence import protocol, summary
from benchmarks.evidence.protocol import Arm, Part, Pool
from benchmarks.evidence.rows import Rows
from benchmarks.evidence.summary import Table

NAME = "continued"
POOL = Pool(protocol.MIXED.name, protocol.MIXED.sources, ("satellite", "traffic"))
SEEDS = 3
READOUTS = (("knn", "10-shot"), ("linear", "10-shot"), ("finetune", "10-shot"))

STEPS = {"steps": 300, "batch_size": 64, "image_size": 64, "layer_decay": 0.75}
STARTS: dict[str, dict[str, Any]] = {
    "bundled": {"backbone": "resnet10-narrow", "stem": "standard", "lr": 2e-4},
    "published": {"backbone": "tf_efficientnet_lite0", "stem": "standard", "lr": 0.01},
}
"""Backbone of each start, with a low learning rate: a tenth of the default, and that of the preset
`continue`."""
SCRATCH_STEPS = 8700
"""Steps of `protocol.BACKBONE` that cost the CPU time of `STEPS` from the published weights (13
minutes; the rows have the CPU seconds of both)."""

CURATED, RANDOM = protocol.CURATED.name, protocol.RANDOM.name


def _arms(way: str, training: dict[str, Any], start: str = "") -> tuple[Arm, ...]:
    """Return the random and the curated arm of a way to train."""
    return tuple(
        replace(base, name=f"{way}-{base.name}", training=training, start=start)
        for base in (protocol.RANDOM, protocol.CURATED)
    )


def _frozen(start: str) -> Arm:
    still = {"image_size": STEPS["image_size"]}
    return Arm(f"frozen-{start}", shared=True, training=STARTS[start] | still, start=start)


def _part(*arms: Arm) -> Part:
    return Part(NAME, POOL, arms, SEEDS, READOUTS)


PARTS = (
    _part(*(_frozen(start) for start in STARTS)),
    *(_part(*_arms(f"continue-{start}", own | STEPS, start)) for start, own in STARTS.items()),
    _part(*_arms("scratch", {"steps": SCRATCH_STEPS})),
)
"""One part for each way, in the order in which they run: the cheapest first."""
ARMS = [arm.name for part in PARTS for arm in part.arms]


def pairs() -> list[tuple[str, str, str]]:
    """List the differences that are read: title, arm, other arm."""
    found = []
    for start in STARTS:
        own = f"continue-{start}"
        found += [
            (f"{own}: curated − random", f"{own}-{CURATED}", f"{own}-{RANDOM}"),
            (f"{own}: curated − frozen", f"{own}-{CURATED}", f"frozen-{start}"),
            (f"{own}: random − frozen", f"{own}-{RANDOM}", f"frozen-{start}"),
            (f"{own} − scratch, curated", f"{own}-{CURATED}", f"scratch-{CURATED}"),
        ]
    return [*found, ("scratch: curated − random", f"scratch-{CURATED}", f"scratch-{RANDOM}")]


def markdown(rows: Rows) -> str:
    """Return the tables of both tasks."""
    table = Table(rows, READOUTS)
    lines: list[str] = []
    for task in POOL.tasks:
        lines += [f"### {task}, continued pre-training", "", *_task(table, task), ""]
    return "\n".join(lines)


def _task(table: Table, task: str) -> Iterator[str]:
    present = [arm for arm in ARMS if table.seeds(POOL.name, (arm,), (task,))]
    if not present:
        yield "No row yet."
        return
    yield from summary.means(table, POOL.name, task, present)
    yield ""
    yield from _costs(table, task, present)
    asked = [pair for pair in pairs() if {*pair[1:]} <= {*present}]
    yield from summary.compared(table, POOL.name, task, "Differences", asked)


def _costs(table: Table, task: str, arms: list[str]) -> Iterator[str]:
    yield "| arm | CPU minutes of training, median |"
    yield "| --- | --- |"
    for arm in arms:
        seeds = table.seeds(POOL.name, (arm,), (task,))
        rows = [table.row(POOL.name, arm, task, seed) for seed in seeds]
        used = np.median([row["training_cpu_seconds"] for row in rows]) / 60
        yield f"| {arm} | {used:.1f} |"
