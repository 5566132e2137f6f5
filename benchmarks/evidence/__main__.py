"""Run the registered evidence protocol (docs/log.md), or summarise its rows.

    python -m benchmarks.evidence $SEPT_DATA WORK_FOLDER [--part A] [--limit 4]
    python -m benchmarks.evidence --summary [--part continued]

Trains one network at a time on one thread; rows that exist are skipped, so it continues after an
interruption and from a fresh checkout. `--part continued` is an experiment of its own, with its own
rows; it runs only where it is named. `--trial` runs the script itself with a few steps into
another folder; its rows are no evidence.
"""

import argparse
import itertools
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.evidence import continued, pools, protocol, summary
from benchmarks.evidence.rows import CONTINUED, FOLDER, Rows
from benchmarks.evidence.runs import Runner

PARTS = [*(part.name for part in protocol.PARTS), continued.NAME]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", help="folder with the development data")
    parser.add_argument("work", type=Path, nargs="?", help="folder for projects and runs")
    parser.add_argument("--summary", action="store_true", help="print the tables of all rows")
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--limit", type=int, help="number of networks to finish")
    parser.add_argument("--trial", type=Path, help="folder for the rows of a trial of 20 steps")
    options = parser.parse_args()
    own = options.part == [continued.NAME]
    rows = Rows(options.trial or (CONTINUED if own else FOLDER))
    if options.summary:
        return print(continued.markdown(rows) if own else summary.markdown(rows))
    if options.work is None:
        parser.error("give the data folder and a work folder, or --summary")
    return execute(options, rows)


def execute(options: argparse.Namespace, rows: Rows) -> None:
    """Finish the missing networks of the requested parts, in their order."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the jobs that embed
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.WARNING)
    done = itertools.count(1)
    runners: dict[protocol.Pool, Runner] = {}
    for run in planned(options.part, rows):
        if all(rows.has(run.pool.name, run.arm.name, task, run.seed) for task in run.tasks):
            continue
        if run.pool not in runners:
            folder = pools.prepared(run.pool, options.data, options.work)
            changes = {"steps": 20} if options.trial else None
            runners[run.pool] = Runner(options.data, folder, rows, changes)
        started = time.time()
        runners[run.pool].execute(run)
        minutes = (time.time() - started) / 60
        print(f"{time.strftime('%H:%M')} {run.part} {run.name} {minutes:.1f} min", flush=True)
        if options.limit and next(done) >= options.limit:
            return


def planned(names: list[str] | None, rows: Rows) -> Iterator[protocol.Planned]:
    """Yield the networks of some parts; the seeds of part A grow once it is complete."""
    if names == [continued.NAME]:
        for part in continued.PARTS:
            yield from protocol.planned(part)
    for part in protocol.PARTS:
        if names and part.name not in names:
            continue
        yield from protocol.planned(part)
        if part is protocol.PARTS[0]:
            seeds = summary.registered_seeds(rows)
            if seeds > part.seeds:
                yield from protocol.planned(protocol.grown(seeds))


if __name__ == "__main__":
    main()
