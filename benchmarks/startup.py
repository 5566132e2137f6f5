"""Start-up of the command line: CPU of `sept --help` and `sept veto` against a bare `import typer`.

    python -m benchmarks.startup [--rounds 9]

Makes a small embedded project, then runs the three in turn, so that a busy machine slows all of
them, and prints the median CPU-seconds (user and system) of each and the ratios to the first. Exits
with 1 when a ratio is above its goal.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sept_core.catalogue import image_ids, source_table
from sept_core.services.project import opening

BARE = "import typer"
GOALS = {"sept --help": 3.0, "sept veto": 6.0}
"""Largest ratio to `BARE`."""

SEPT = (sys.executable, "-m", "sept_core")


def main() -> None:
    """Measure, print, and exit with 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        uid = _embedded(project, Path(folder) / "images")
        commands = {
            BARE: (sys.executable, "-c", BARE),
            "sept --help": (*SEPT, "--help"),
            "sept veto": (*SEPT, "veto", str(project), uid, "--target", "task"),
        }
        medians = _measure(commands, asked.rounds)
    missed = [name for name, goal in GOALS.items() if medians[name] > goal * medians[BARE]]
    for name, seconds in medians.items():
        goal = f"goal {GOALS[name]:.0f}" if name in GOALS else ""
        print(f"{name:12} {seconds:6.3f} s CPU {seconds / medians[BARE]:6.2f} x  {goal}")
    if missed:
        sys.exit(f"Too slow: {', '.join(missed)}.")


def _embedded(project: Path, images: Path) -> str:
    """Make a project of 40 images with a target set of the same; returns the uid of an image."""
    images.mkdir()
    rng = np.random.default_rng(0)
    for number in range(40):
        pixels = rng.integers(0, 255, (32, 32, 3), np.uint8)
        Image.fromarray(pixels).save(images / f"{number}.png")
    for words in (
        ("init", project),
        ("pool", "add", project, "pool", images),
        ("target", "add", project, "task", images, "--layout", "flat"),
        ("embed", project, "--encoder", "classic"),
    ):
        subprocess.run([*SEPT, *map(str, words)], check=True, capture_output=True)
    with opening.opened(project) as opened:
        task = source_table.find(opened.db, "target", "task")
        return image_ids.of_source(opened.db, task.id)[0]


def _measure(commands: dict[str, Sequence[str]], rounds: int) -> dict[str, float]:
    """Return the median CPU-seconds of each command over rounds in which all of them run."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for name in commands:
        _cpu(commands[name])  # once unmeasured, for compiled files and the page cache
    for _ in range(rounds):
        for name, words in commands.items():
            seconds[name].append(_cpu(words))
    return {name: statistics.median(found) for name, found in seconds.items()}


def _cpu(words: Sequence[str]) -> float:
    """Return the user and system seconds of a process."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
