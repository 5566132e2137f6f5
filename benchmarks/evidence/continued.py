"""Compare continued pre-training with frozen weights and with training from scratch.

    python -m benchmarks.evidence.continued $SEPT_DATA WORK_FOLDER [--limit 4]
    python -m benchmarks.evidence.continued --summary

An experiment of its own: it is no part of the registered protocol, and its rows are apart
(`rows.CONTINUED`). From scratch are the networks of part A: the same subsets, seeds and draws of
labels, at about the CPU time of the continued ones. The summary has costs and paired differences.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.evidence import command, protocol, summary
from benchmarks.evidence.protocol import Arm, Part, Planned
from benchmarks.evidence.rows import CONTINUED, FOLDER, Rows
from benchmarks.evidence.summary import Table

POOL, TASKS, SEEDS = protocol.MIXED, ("satellite", "traffic"), 3
READOUTS = (("knn", "10-shot"), ("linear", "10-shot"), ("finetune", "10-shot"))

STEPS = {"steps": 300, "batch_size": 64, "image_size": 64, "layer_decay": 0.75}
STARTS: dict[str, dict[str, Any]] = {
    "bundled": {"backbone": "resnet10-narrow", "stem": "standard", "lr": 2e-4},
    "published": {"backbone": "tf_efficientnet_lite0", "stem": "standard", "lr": 0.01},
}
"""Backbone of each start, with a low learning rate: a tenth of the default, and that of the preset
`continue`."""
CURATED, RANDOM = protocol.CURATED.name, protocol.RANDOM.name


def _arms(start: str) -> tuple[Arm, ...]:
    """Return the random and the curated arm that continue from a start."""
    training = STARTS[start] | STEPS
    return tuple(
        replace(base, name=f"continue-{start}-{base.name}", training=training, start=start)
        for base in (protocol.RANDOM, protocol.CURATED)
    )


def _frozen(start: str) -> Arm:
    still = {"image_size": STEPS["image_size"]}
    return Arm(f"frozen-{start}", shared=True, training=STARTS[start] | still, start=start)


def _part(*arms: Arm) -> Part:
    return Part("continued", POOL, arms, SEEDS, TASKS, READOUTS)


PARTS = (
    _part(*(_frozen(start) for start in STARTS)),
    *(_part(*_arms(start)) for start in STARTS),
)
"""Frozen weights, then one part for each start, the cheapest first."""
ARMS = [RANDOM, CURATED, *(arm.name for part in PARTS for arm in part.arms)]


def main() -> None:
    options = command.parsed(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    rows = Rows(options.trial or CONTINUED)
    if options.summary:
        return print(markdown(rows, Rows(FOLDER)))
    return command.finish(planned(), options, rows)


def planned() -> Iterator[Planned]:
    """Yield the networks of all parts."""
    for part in PARTS:
        yield from protocol.planned(part)


def pairs() -> list[tuple[str, str, str]]:
    """List the differences that are read: title, arm, other arm."""
    found = []
    for start in STARTS:
        own = f"continue-{start}"
        found += [
            (f"{own}: curated − random", f"{own}-{CURATED}", f"{own}-{RANDOM}"),
            (f"{own}: curated − frozen", f"{own}-{CURATED}", f"frozen-{start}"),
            (f"{own}: random − frozen", f"{own}-{RANDOM}", f"frozen-{start}"),
            (f"{own} − from scratch, curated", f"{own}-{CURATED}", CURATED),
        ]
    return [*found, ("from scratch: curated − random", CURATED, RANDOM)]


def markdown(rows: Rows, part_a: Rows) -> str:
    """Return the tables of both tasks."""
    table = Table(rows, READOUTS, (part_a,))
    lines: list[str] = []
    for task in TASKS:
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


if __name__ == "__main__":
    main()
