"""One trial: start, kill, inspect, finish, compare.

In: a scenario. Out: the losses, in sentences; an empty list means that nothing was lost.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.jobs import launcher
from sept_core.services.project import project_check
from sept_core.storage import atomic, project_paths

HARMLESS = {"leftover", "job"}
"""Findings of `sept check` that a kill may leave: unused parts, jobs reported as lost."""

FEWEST_SECONDS = 0.02


@dataclass(frozen=True)
class Scenario:
    """One kind of work.

    Attributes:
        prepare: makes the project, in a new folder.
        command: the command to start and kill, given the project.
        finish: what a user does after the crash, until it has succeeded.
        result: what must be the same as without a kill.
        broken: broken promises of the killed process, from the output that it wrote to the given
            file.
        working: whether the part worth killing has begun; start-up is the same for all.
    """

    prepare: Callable[[Path], None]
    command: Callable[[Path], list[str]]
    finish: Callable[[Path], None]
    result: Callable[[Path], Any]
    broken: Callable[[Path, Path], list[str]] = lambda project, said: []
    working: Callable[[Path], bool] = lambda project: True


@dataclass(frozen=True)
class Outcome:
    """The outcome of a trial: whether the kill came during the work, and the losses."""

    killed: bool
    losses: list[str]


class Stage:
    """A scenario with its project, made once, and the result of an undisturbed run."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self._folder = folder / scenario.prepare.__name__  # scenarios share what they begin with
        if not (self._folder / "base").exists():
            self._folder.mkdir(parents=True)
            scenario.prepare(self._folder / "base")
        project = self._copy()
        process = self._start(project)
        self._wait_until_working(project, process)
        started = time.monotonic()
        if process.wait() != 0:
            raise RuntimeError((self._folder / "said").read_text())
        self.seconds = time.monotonic() - started
        scenario.finish(project)
        self.expected = scenario.result(project)

    def trial(self, moment: float) -> Outcome:
        """Kill it once after this share of its duration, 0 to 1."""
        project = self._copy()
        process = self._start(project)
        self._wait_until_working(project, process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(moment * self.seconds, FEWEST_SECONDS))
        killed = process.poll() is None
        if not killed:  # it is quicker than it was: halfway, for the last moments count as well
            self.seconds *= (1 + moment) / 2
        kill_all(project, process)
        losses = [*self._left_behind(project), *self.scenario.broken(project, self._said)]
        try:
            self.scenario.finish(project)
        except Exception as problem:
            return Outcome(killed, [*losses, f"it could not be finished: {problem}"])
        if self.scenario.result(project) != self.expected:
            losses.append("the result differs from that of an undisturbed run")
        return Outcome(killed, losses)

    @property
    def _said(self) -> Path:
        return self._folder / "said"

    def _copy(self) -> Path:
        project = self._folder / "project"
        shutil.rmtree(project, ignore_errors=True)
        shutil.copytree(self._folder / "base", project)
        return project

    def _start(self, project: Path) -> subprocess.Popen[bytes]:
        with self._said.open("wb") as out:
            return subprocess.Popen(
                self.scenario.command(project),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _wait_until_working(self, project: Path, process: subprocess.Popen[bytes]) -> None:
        while not self.scenario.working(project) and process.poll() is None:
            time.sleep(0.002)

    def _left_behind(self, project: Path) -> list[str]:
        """List the faults right after the kill, except the permitted ones."""
        running = [j for j in launcher.all_jobs(project_paths.ProjectPaths(project)) if not j.ended]
        if running:
            return [f"job {job.id} is told to be {job.state}" for job in running]
        try:
            found = project_check.check(project)
        except errors.SeptError as problem:
            return [f"the project cannot be opened: {problem}"]
        return [f"{f.where}: {f.problem}" for f in found if f.kind not in HARMLESS]


def kill_all(project: Path, process: subprocess.Popen[bytes]) -> None:
    """Kill a command and the workers that it launched, as a power cut would.

    The command is killed first, so that it cannot launch more workers.
    """
    _kill_group(process.pid)
    process.wait()
    paths = project_paths.ProjectPaths(project)
    for path in project.glob("jobs/*/process.json"):
        _kill_group(atomic.read_json(path)["pid"])
        while not launcher.status(paths, path.parent.name).ended:
            time.sleep(0.002)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def sept(*words: object) -> str:
    """Run a command to its end; return its output."""
    command = [sys.executable, "-m", "sept_core", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or done.stdout.strip())
    return done.stdout
