"""Two rounds with weights for the weakest classes, then the test split, opened once.

    python -m benchmarks.evidence.rounds $SEPT_DATA WORK_FOLDER
    python -m benchmarks.evidence.rounds --summary

For satellite and plants on the mixed pool and each seed: the product's rounds with the settings of
`protocol`, and after the last one the test scores of both rounds. `random` is part A's: the same
seeds, draws of labels and training settings (checked). Rows that exist are skipped.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.evidence import command, protocol, summary
from benchmarks.evidence.protocol import Arm, Planned, Pool
from benchmarks.evidence.rows import FOLDER, ROUNDS, Rows
from benchmarks.evidence.runs import Runner
from benchmarks.evidence.summary import Table
from sept_core.cli import follow
from sept_core.pretrain import settings as pretrain_settings
from sept_core.pretrain.settings import PretrainSettings
from sept_core.selection.settings import SelectionSettings
from sept_core.services.project import projects
from sept_core.services.train import rounds, runs
from sept_core.services.train.recipe import Recipe
from sept_core.services.train.rounds import Plan, Round, Series
from sept_core.storage import atomic, project_paths

TASKS, SEEDS, COUNT = ("satellite", "plants"), 3, 2
POOL = Pool(protocol.MIXED.name, protocol.MIXED.sources, TASKS)
ARMS = [f"round-{number}" for number in range(1, COUNT + 1)]


def main() -> None:
    options = command.parsed(argparse.ArgumentParser(description=__doc__.splitlines()[0]))
    rows = Rows(options.trial or ROUNDS)
    if options.summary:
        return print(markdown(rows, Rows(FOLDER)))
    missing = [
        (seed, task)
        for seed in range(SEEDS)
        for task in TASKS
        if any(rows.missing(POOL.name, arm, (task,), seed) for arm in ARMS)
    ]
    runner: Runner | None = None
    for seed, task in missing[: options.limit]:
        runner = runner or command.runner(options, protocol.MIXED, rows)
        _measure(runner, task, _plan(task, seed, runner.changes or {}))
        print(f"{time.strftime('%H:%M')} {task} seed {seed}", flush=True)
    return None


def _plan(task: str, seed: int, changes: dict[str, Any]) -> Plan:
    wanted = protocol.CHANGES | {"threads": 1} | changes
    return Plan(
        task,
        SelectionSettings(budget=protocol.BUDGET),
        Recipe(protocol.METHOD, protocol.BACKBONE, seed=seed, more=wanted),
        protocol.ENCODER,
    )


def _measure(runner: Runner, task: str, plan: Plan) -> None:
    """Do all rounds of a plan, then store a row for each of their networks."""
    series = _begun(runner.folder, plan)
    while series.complete < COUNT:
        series = _advanced(runner.folder, series)
    for one in series.rounds:
        planned = Planned(
            "rounds", POOL, Arm(f"round-{one.number}", "instance-search"), (task,),
            plan.training.seed, SEEDS,
        )  # fmt: skip
        folder = runs.finished(projects.paths_of(runner.folder), str(one.run))
        network = {"name": planned.arm.name, "checkpoint": [str(folder)]}
        runner.score(planned, network, _facts(one, folder))


def _begun(folder: Path, plan: Plan) -> Series:
    """Return the series of the plan; that of another seed is forgotten, its runs are kept."""
    with projects.opened(folder) as project:
        held = rounds.find(project, plan.target)
        if held is not None and held.plan.training.seed != plan.training.seed:
            rounds.remove(project, plan.target)
        return rounds.begin(project, plan)


def _advanced(folder: Path, series: Series) -> Series:
    with projects.opened(folder) as project:
        if series.open is None or series.open.run is None:
            series = rounds.select(project, series)
        series, job = rounds.train(project, series)
    follow.to_end(projects.paths_of(folder), job.id)
    with projects.opened(folder) as project:
        return rounds.score(project, series)


def _facts(one: Round, folder: Path) -> dict[str, Any]:
    """Return the facts of a round in its row, without the scores."""
    header = atomic.read_json(folder / project_paths.RUN_HEADER)
    return {
        "weights": dict(one.weights),
        "new": one.new,
        "error": one.error,
        "errors": dict(one.errors),
        "selection": one.selection,
        "content_hash": header["manifest"],
        "subset": header["subset"],
        "settings": header["settings"],
        "cost": {key: header[key] for key in ("steps", "images_seen", "seconds", "device")},
    }


def markdown(rows: Rows, part_a: Rows) -> str:
    """Return the rounds of each task and seed, and the comparison on the test split."""
    table = Table(rows, others=(part_a,))
    lines: list[str] = []
    for task in TASKS:
        lines += [f"### Rounds of {task}", "", *_rounds(table, task), ""]
        lines += [*_test(table, task), ""]
    return "\n".join(lines)


def _rounds(table: Table, task: str) -> Iterator[str]:
    yield "| seed | round | weights | new images | error on the training split, % |"
    yield "| --- | --- | --- | --- | --- |"
    for seed in table.seeds(POOL.name, (*ARMS,), (task,)):
        for number, arm in enumerate(ARMS, 1):
            row = table.row(POOL.name, arm, task, seed)
            given = ", ".join(f"{name} {value:g}" for name, value in row["weights"].items())
            cells = (seed, number, given or "all 1", f"{row['new']:,}", f"{100 * row['error']:.1f}")
            yield f"| {' | '.join(map(str, cells))} |"


def _test(table: Table, task: str) -> Iterator[str]:
    random, (first, *_, last) = protocol.RANDOM.name, ARMS
    if not table.seeds(POOL.name, (random, first, last), (task,)):
        yield "No seed is complete."
        return
    _check_settings(table, task)
    arms = [random, *ARMS]
    yield from summary.means(table, POOL.name, task, arms)
    pairs = [
        (f"{last} − {first}", last, first),
        (f"{first} − {random}", first, random),
        (f"{last} − {random}", last, random),
    ]
    yield from summary.compared(table, POOL.name, task, "Differences on the test split", pairs)


def _check_settings(table: Table, task: str) -> None:
    """Refuse a comparison with a random arm that was trained differently."""
    for seed in table.seeds(POOL.name, (protocol.RANDOM.name, *ARMS), (task,)):
        wanted = _settings(table, protocol.RANDOM.name, task, seed)
        for arm in ARMS:
            held = _settings(table, arm, task, seed)
            assert held == wanted, f"{arm}, seed {seed}: settings differ from part A's"


def _settings(table: Table, arm: str, task: str, seed: int) -> PretrainSettings:
    """Return a row's settings; one of an earlier version lacks settings that are newer."""
    return pretrain_settings.from_dict(table.row(POOL.name, arm, task, seed)["settings"])


if __name__ == "__main__":
    main()
