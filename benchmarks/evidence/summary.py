"""Summary of the rows: the endpoint, and paired differences per task and readout.

In: `rows.Rows`. Out: Markdown. Partial data give partial tables that say so; the endpoint is stated
only once the registered number of seeds is in.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.evidence import protocol
from benchmarks.evidence.protocol import CURATED, RANDOM
from benchmarks.evidence.rows import Rows
from sept_core.evaluation import statistics
from sept_core.evaluation.readout_names import TITLES

REGISTERED = {part.pool.name: part for part in protocol.PARTS if CURATED in part.arms}
"""The part that compares curated with random on each pool."""


def markdown(rows: Rows) -> str:
    """Return the whole summary."""
    table = Table(rows)
    parts = [*_endpoint(table), ""]
    for pool, part in REGISTERED.items():
        for task in part.pool.tasks:
            parts += [f"### {task} ({pool} pool)", "", *_task(table, pool, task), ""]
    return "\n".join(parts)


class Table:
    """Rows by pool, arm, task and seed, and the readouts that tables show."""

    def __init__(
        self,
        rows: Rows,
        readouts: tuple[tuple[str, str], ...] = protocol.READOUTS,
        others: tuple[Rows, ...] = (),
    ) -> None:
        """Join rows with those of other experiments, of which the first ones count."""
        self.readouts = [" ".join(pair) for pair in readouts]
        self._by_place: dict[tuple[str, str, str, int], tuple[Rows, dict[str, Any]]] = {}
        for held in (rows, *others):
            for r in held.all:
                place = (r["pool"], r["arm"], r["task"], r["seed"])
                self._by_place.setdefault(place, (held, r))

    def arms(self, pool: str, task: str) -> list[str]:
        """List the arms of a task in the order of the protocol."""
        order = {arm.name: n for n, arm in enumerate(a for p in protocol.PARTS for a in p.arms)}
        found = {arm for p, arm, t, _ in self._by_place if (p, t) == (pool, task)}
        return sorted(found, key=lambda arm: order.get(arm, len(order)))

    def seeds(self, pool: str, arms: tuple[str, ...], tasks: tuple[str, ...]) -> list[int]:
        """List the seeds for which all these arms have all these tasks."""
        sets = [
            {s for p, a, t, s in self._by_place if (p, a, t) == (pool, arm, task)}
            for arm in arms
            for task in tasks
        ]
        return sorted(set.intersection(*sets))

    def row(self, pool: str, arm: str, task: str, seed: int) -> dict[str, Any]:
        """Return one row."""
        return self._by_place[pool, arm, task, seed][1]

    def accuracies(
        self, pool: str, arm: str, task: str, readout: str, seeds: list[int]
    ) -> np.ndarray:
        """Return (seeds, draws) accuracies."""
        return np.array([self.row(pool, arm, task, s)["scores"][readout] for s in seeds])

    def correct(self, pool: str, arm: str, task: str, readout: str, seeds: list[int]) -> np.ndarray:
        """Return (seeds, draws, n_test) bool: the images that are classified correctly."""
        own = [self._by_place[pool, arm, task, seed] for seed in seeds]
        return np.stack([rows.correct(row, readout) for rows, row in own])


def paired(table: Table, pool: str, task: str, readout: str, seeds: list[int]) -> np.ndarray:
    """Return (seeds, draws) accuracy of curated minus random, with the same labels."""
    curated = table.accuracies(pool, CURATED.name, task, readout, seeds)
    return curated - table.accuracies(pool, RANDOM.name, task, readout, seeds)


def _endpoint(table: Table) -> Iterator[str]:
    readout = " ".join(protocol.ENDPOINT)
    pool, tasks = protocol.MIXED.name, protocol.ENDPOINT_TASKS
    seeds = table.seeds(pool, (CURATED.name, RANDOM.name), tasks)
    yield f"## The endpoint: {CURATED.name} − {RANDOM.name}, {said(readout)}"
    yield ""
    if not seeds:
        yield _not_reached(0, protocol.SEEDS)
        return
    by_task = {task: paired(table, pool, task, readout, seeds) for task in tasks}
    yield "| task | seeds | difference | 95% over seeds | p | p, Holm | SD seeds | SD draws |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    p_values = [statistics.p_value(values.mean(axis=1)) for values in by_task.values()]
    known = [p for p in p_values if p is not None]
    adjusted = statistics.holm(known) if len(known) == len(p_values) else [None] * len(p_values)
    for (task, values), p, own in zip(by_task.items(), p_values, adjusted, strict=True):
        yield _endpoint_row(task, values, _p(p), _p(own))
    together = np.mean(list(by_task.values()), axis=0)
    yield _endpoint_row("**mean**", together, _p(statistics.p_value(together.mean(axis=1))), "")
    yield ""
    yield verdict(seeds, together.mean(axis=1))


def _endpoint_row(name: str, values: np.ndarray, p: str, adjusted: str) -> str:
    of_seeds, spread = values.mean(axis=1), statistics.spread(values)
    cells = (
        name, str(len(of_seeds)), points(of_seeds.mean()),
        interval(statistics.t_interval(of_seeds)), p, adjusted,
        _deviation(spread.seeds), _deviation(spread.draws),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def verdict(seeds: list[int], values: np.ndarray) -> str:
    """Return the sentence about the endpoint, which claims nothing before all seeds are in."""
    registered = seeds_needed(values)
    if len(seeds) < registered:
        return _not_reached(len(seeds), registered)
    low, high = statistics.t_interval(values) or (-1.0, 1.0)
    ends = interval((low, high))
    told = f"({points(values.mean())} points, 95% interval {ends}, n = {len(seeds)})"
    if low > 0:
        return f"**Curation pays** {told}."
    return f"**{'Random is better' if high < 0 else 'Not distinguishable'}** {told}."


def registered_seeds(rows: Rows) -> int:
    """Return the number of seeds of the endpoint, by the rows that exist."""
    table, pool = Table(rows), protocol.MIXED.name
    seeds = table.seeds(pool, (CURATED.name, RANDOM.name), protocol.ENDPOINT_TASKS)
    readout = " ".join(protocol.ENDPOINT)
    by_task = [paired(table, pool, t, readout, seeds) for t in protocol.ENDPOINT_TASKS if seeds]
    return seeds_needed(np.mean(by_task, axis=(0, 2)) if seeds else np.empty(0))


def seeds_needed(values: np.ndarray) -> int:
    """Return the registered number of seeds: at first `SEEDS`, then by the spread of these alone.

    It is the smallest number at which the interval's half-width is at most `HALF_WIDTH`.

    Args:
        values: difference of each seed, in the order of the seeds.
    """
    if len(values) < protocol.SEEDS:
        return protocol.SEEDS
    deviation = values[: protocol.SEEDS].std(ddof=1)
    for n in range(protocol.SEEDS, protocol.MOST_SEEDS):
        if stats.t.ppf(0.975, n - 1) * deviation / np.sqrt(n) <= protocol.HALF_WIDTH:
            return n
    return protocol.MOST_SEEDS


def _not_reached(seeds: int, registered: int) -> str:
    return (
        f"**Registered n not reached**: {seeds} of {registered} seeds are complete. "
        "The figures are interim; nothing is decided by them."
    )


def _task(table: Table, pool: str, task: str) -> Iterator[str]:
    arms = table.arms(pool, task)
    if RANDOM.name not in arms:
        yield "No row yet."
        return
    yield from means(table, pool, task, arms)
    to_random = [(arm, arm, RANDOM.name) for arm in arms if arm != RANDOM.name]
    yield from compared(table, pool, task, f"Each arm − {RANDOM.name}", to_random)
    if CURATED.name in arms:
        others = [arm for arm in arms if arm not in (RANDOM.name, CURATED.name)]
        from_curated = [(other, CURATED.name, other) for other in others]
        yield from compared(table, pool, task, f"{CURATED.name} − each other arm", from_curated)


def means(table: Table, pool: str, task: str, arms: list[str]) -> Iterator[str]:
    """Yield a table of accuracies: a row for each arm."""
    yield "Accuracy, %: mean (SD between seeds), and images in the subset:"
    yield ""
    yield from _head(table, ("arm", "images", "seeds"))
    for arm in arms:
        seeds = table.seeds(pool, (arm,), (task,))
        subset = table.row(pool, arm, task, seeds[0]).get("subset")
        cells = [arm, f"{subset:,}" if subset else "–", str(len(seeds))]
        for readout in table.readouts:
            if readout not in table.row(pool, arm, task, seeds[0])["scores"]:
                cells.append("–")
                continue
            values = table.accuracies(pool, arm, task, readout, seeds).mean(axis=1)
            deviation = f" ({100 * values.std(ddof=1):.1f})" if len(seeds) > 1 else ""
            cells.append(f"{100 * values.mean():.1f}{deviation}")
        yield f"| {' | '.join(cells)} |"


def compared(
    table: Table, pool: str, task: str, title: str, pairs: list[tuple[str, str, str]]
) -> Iterator[str]:
    """Yield a table of differences: a row for each (name, arm, other)."""
    if not pairs:
        return
    yield ""
    yield (
        f"{title}, points (95% over seeds; over test images). Bold: distinguishable with at least "
        f"{statistics.LEAST_SEEDS} seeds, also after Holm's correction for the arms of the column."
    )
    yield ""
    yield from _head(table, ("arm", "seeds"))
    seeds = {name: table.seeds(pool, (arm, other), (task,)) for name, arm, other in pairs}
    columns = [_column(table, pool, task, pairs, seeds, readout) for readout in table.readouts]
    for name, _, _ in pairs:
        cells = [name, str(len(seeds[name])), *(column[name] for column in columns)]
        yield f"| {' | '.join(cells)} |"


def _column(
    table: Table,
    pool: str,
    task: str,
    pairs: list[tuple[str, str, str]],
    seeds: dict[str, list[int]],
    readout: str,
) -> dict[str, str]:
    """Return the cell of each pair for one readout."""
    found: dict[str, statistics.Difference] = {}
    for name, *both in pairs:
        rows = [table.row(pool, arm, task, seed) for arm in both for seed in seeds[name]]
        if rows and all(readout in row["scores"] for row in rows):
            sides = (table.correct(pool, arm, task, readout, seeds[name]) for arm in both)
            found[name] = statistics.difference(*sides)
    adjusted = statistics.holm([one.p for one in found.values()])
    cells = dict.fromkeys((name for name, *_ in pairs), "–")
    for (name, one), p in zip(found.items(), adjusted, strict=True):
        holds = one.covers_seeds and one.distinguishable and p < 1 - statistics.CONFIDENCE
        mark = "**" if holds else ""
        over = f"{interval(one.over_seeds)}; {interval(one.over_images)}"
        cells[name] = f"{mark}{points(one.value)}{mark} ({over})"
    return cells


def _head(table: Table, first: tuple[str, ...]) -> Iterator[str]:
    heads = (*first, *(said(readout) for readout in table.readouts))
    yield f"| {' | '.join(heads)} |"
    yield "|" + " --- |" * len(heads)


def said(readout: str) -> str:
    """Return a readout's title, such as "Linear probe, 10-shot"."""
    name, _, labels = readout.partition(" ")
    return f"{TITLES[name]}, {labels}"


def points(share: float) -> str:
    """Return a difference in points with its sign."""
    return f"{100 * share:+.1f}"


def interval(ends: statistics.Interval | None) -> str:
    """Return an interval in points; a dash if there is none."""
    return "–" if ends is None else f"{points(ends[0])} to {points(ends[1])}"


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _deviation(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"
