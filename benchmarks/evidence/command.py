"""The command line that the experiments share.

In: the experiment's parser, and its networks in their order. Out: the parsed options, or a row for
each network as it is finished; rows that exist are skipped, so a run continues after an
interruption and from a fresh checkout.
"""

import argparse
import itertools
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from benchmarks.evidence import pools
from benchmarks.evidence.protocol import Planned, Pool
from benchmarks.evidence.rows import Rows
from benchmarks.evidence.runs import Runner

TRIAL: dict[str, Any] = {"steps": 20}


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the options of every experiment, and those that the parser has already."""
    parser.add_argument("data", type=Path, nargs="?", help="folder with the development data")
    parser.add_argument("work", type=Path, nargs="?", help="folder for projects and runs")
    parser.add_argument("--summary", action="store_true", help="print the tables of all rows")
    parser.add_argument("--limit", type=int, help="number of networks to finish")
    parser.add_argument(
        "--trial",
        type=Path,
        help="folder for the rows of a trial of 20 steps; they are no evidence",
    )
    options = parser.parse_args()
    if options.work is None and not options.summary:
        parser.error("give the data folder and a work folder, or --summary")
    return options


def runner(options: argparse.Namespace, pool: Pool, rows: Rows) -> Runner:
    """Prepare a pool's project, and this process for one thread."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the jobs
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.WARNING)
    folder = pools.prepared(pool, options.data, options.work)
    return Runner(options.data, folder, rows, TRIAL if options.trial else None)


def finish(runs: Iterable[Planned], options: argparse.Namespace, rows: Rows) -> None:
    """Train or load the networks that lack rows, one at a time on one thread."""
    done = itertools.count(1)
    runners: dict[Pool, Runner] = {}
    for run in runs:
        if not rows.missing(run.pool.name, run.arm.name, run.tasks, run.seed):
            continue
        if run.pool not in runners:
            runners[run.pool] = runner(options, run.pool, rows)
        started = time.time()
        runners[run.pool].execute(run)
        minutes = (time.time() - started) / 60
        print(f"{time.strftime('%H:%M')} {run.part} {run.name} {minutes:.1f} min", flush=True)
        if options.limit and next(done) >= options.limit:
            return
