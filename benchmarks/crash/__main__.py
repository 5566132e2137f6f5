"""Kill every kind of work at random moments, many times, and count the losses.

    OMP_NUM_THREADS=1 python -m benchmarks.crash --trials 100
    python -m benchmarks.crash deciding exporting --trials 300 --seed 7

Each trial copies a small project, starts the work as a user would, kills all of its processes with
SIGKILL at a random moment (seeded, uniform over the undisturbed duration), checks the remains
(`trials.trial`), finishes the work, and compares the result with that of an undisturbed run. Prints
a line for each scenario and exits with 1 if anything was lost.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import machine
from benchmarks.crash import scenarios, trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", default=[*scenarios.SCENARIOS])
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(machine.describe())
    losses = 0
    with tempfile.TemporaryDirectory() as name:
        for scenario in options.scenarios:
            losses += try_scenario(Path(name), scenario, options.trials, options.seed)
    sys.exit(losses > 0)


def try_scenario(folder: Path, name: str, count: int, seed: int) -> int:
    """Count the losses in a number of trials."""
    started = time.monotonic()
    draw = random.Random(f"{seed} {name}")
    stage = trials.Stage(scenarios.SCENARIOS[name], folder)
    killed, losses = 0, 0
    for number in range(count):
        outcome = stage.trial(draw.random())
        killed += outcome.killed
        for loss in outcome.losses:
            losses += 1
            print(f"{name}, trial {number}: {loss}", flush=True)
        print(
            f"{name}: {number + 1} trials, {killed} at work, {losses} losses",
            end="\r",
            file=sys.stderr,
        )
    minutes = (time.monotonic() - started) / 60
    print(
        f"{name}: {count} trials, {killed} killed at work, {losses} losses "
        f"(undisturbed {stage.seconds:.1f} s; {minutes:.1f} min in all)",
        flush=True,
    )
    return losses


if __name__ == "__main__":
    main()
