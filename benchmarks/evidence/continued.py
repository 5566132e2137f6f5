"""Summary of continued pre-training: against from scratch at equal CPU time, and against frozen.

In: the rows of `protocol.CONTINUED`. Out: Markdown with costs and paired differences.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks.evidence import protocol, summary
from benchmarks.evidence.rows import Rows
from benchmarks.evidence.summary import Table

CURATED, RANDOM = protocol.CURATED.name, protocol.RANDOM.name


def pairs() -> list[tuple[str, str, str]]:
    """List the differences: title, arm, other arm."""
    found = []
    for start in protocol.STARTS:
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
    part = protocol.CONTINUED
    table = Table(rows, part.readouts)
    lines: list[str] = []
    for task in part.pool.tasks:
        lines += [f"### {task}, continued pre-training", "", *_task(table, task), ""]
    return "\n".join(lines)


def _task(table: Table, task: str) -> Iterator[str]:
    pool = protocol.CONTINUED.pool.name
    arms = [arm.name for arm in protocol.CONTINUED.arms]
    present = [arm for arm in arms if table.seeds(pool, (arm,), (task,))]
    if not present:
        yield "No row yet."
        return
    yield from summary.means(table, pool, task, present)
    yield ""
    yield from _costs(table, task, present)
    asked = [one for one in pairs() if {one[1], one[2]} <= set(present)]
    yield from summary.compared(table, pool, task, "Differences", asked)


def _costs(table: Table, task: str, arms: list[str]) -> Iterator[str]:
    yield "| arm | CPU minutes of training |"
    yield "| --- | --- |"
    pool = protocol.CONTINUED.pool.name
    for arm in arms:
        seeds = table.seeds(pool, (arm,), (task,))
        used = [table.row(pool, arm, task, seed)["training_cpu_seconds"] / 60 for seed in seeds]
        yield f"| {arm} | {np.median(used):.1f} |"
