"""Measure what Curate waits for: a first ranking, walks after decisions, a restarted app.

    python -m benchmarks.rankings PROJECT --target NAME [--strategy classifier]

PROJECT is embedded and prepared; a copy of it is used. Prints wall seconds and CPU-seconds: the
data of a rerun, opening a ranking, its first 200 images, all 10,000, and all again after vetoes of
an image and of a target. Another process then opens the same ranking, as a restarted app does.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks import browser, machine
from sept_core.catalogue import decision_table
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, rankings, sheets, views, workspace
from sept_core.services.curate.requests import Request
from sept_core.services.project import projects
from sept_core.services.project.project import Project

FIRST, ALL = 200, 10_000
Value = TypeVar("Value")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--strategy", action="append", help="default: instance-search")
    parser.add_argument("--again", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    strategies = options.strategy or ["instance-search"]
    if options.again:
        return measure(options.project, options.target, strategies, decide=False)
    print(machine.describe())
    print("\n| | wall s | CPU-s |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / "project"
        shutil.copytree(options.project, project)
        shutil.rmtree(project / "rankings", ignore_errors=True)
        measure(project, options.target, strategies, decide=True)
        words = [word for one in strategies for word in ("--strategy", one)]
        command = [sys.executable, "-m", "benchmarks.rankings", str(project), "--target"]
        command += [options.target, "--again", *words]
        sys.stdout.flush()
        subprocess.run(command, cwd=browser.ROOT, check=True)
    return None


def measure(folder: Path, target: str, strategies: list[str], *, decide: bool) -> None:
    """Print a row for each step; without `decide`, those of a restarted app."""
    when = "" if decide else "after a restart, "
    with projects.opened(folder) as project:
        place = views.read(project, {"target": [target]})
        timed(f"{when}data of a rerun", lambda: workspace.data(project, place))
        if decide:
            timed("data of a rerun again", lambda: workspace.data(project, place))
        for strategy in strategies:
            request = Request((target,), SelectionSettings(strategy, budget=1))
            title = f"{when}{strategy}, "
            ranking = timed(f"{title}open", lambda r=request: rankings.ranking(project, r))
            sheet(project, ranking, FIRST, f"{title}first {FIRST} images")
            uids = sheet(project, ranking, ALL, f"{title}{ALL:,} images")
            if decide:
                decisions.decide(project, [target], "veto", uids[5:6])
                sheet(project, ranking, ALL, f"{title}after an image's veto")
                owner = [ranking.targets[0].uid]
                decisions.decide(project, [target], "veto", owner, scope="target")
                sheet(project, ranking, ALL, f"{title}after a target's veto")
                decisions.decide(project, [target], "keep", owner, scope="target")


def sheet(project: Project, ranking: rankings.Ranking, reach: int, what: str) -> list[str]:
    """Time one sheet under the decisions so far; return its uids."""
    state = decision_table.log_of(project.db, ranking.target_ids).state
    uids: list[str] = timed(what, lambda: sheets.sheet(ranking, state, reach))["uids"]
    return uids


def timed(what: str, work: Callable[[], Value]) -> Value:
    """Print one row of the table; return the value of `work`."""
    wall, cpu = time.perf_counter(), time.process_time()
    value = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"| {what} | {wall:.2f} | {cpu:.2f} |", flush=True)
    return value


if __name__ == "__main__":
    main()
