"""Fuzz every reader with mutations of the corpus and of valid files, for some minutes.

    python -m benchmarks.hostile --minutes 10 --seed 0

Each round takes a case, changes its file (bits, bytes, cuts, copies, words that formats know), and
gives it to its reader, with a time limit of a minute; or it generates the listing of a target set
with known splits and reads it; or it simulates an outage of a source. Prints the inputs per reader,
and every crash or wrong reading with the seed to reproduce it; exits with 1 if there was one.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

from benchmarks import machine
from benchmarks.hostile import (
    archives,
    corpus,
    layouts,
    mutations,
    outages,
    pixel_values,
    readers,
)

WATCH = 60
SLOW = ("weights", "pool")
"""Readers that take seconds; their inputs are used in tests only."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(machine.describe())
    warnings.simplefilter("ignore")
    made = (
        *corpus.every(),
        *archives.every(),
        *pixel_values.every(),
        *mutations.valid(),
    )
    cases = [case for case in made if case.reader not in SLOW]
    by_reader = {name: [c for c in cases if c.reader == name] for name in readers.READERS}
    by_reader = {name: found for name, found in by_reader.items() if found}
    tried: Counter[str] = Counter()
    crashes = 0
    end = time.monotonic() + 60 * options.minutes
    number = 0
    while time.monotonic() < end:
        draw = random.Random(f"{options.seed} {number}")
        reader = draw.choice([*by_reader, "layouts", "outages"])
        if reader == "layouts":
            name, crash = "layout", layouts.judge(layouts.made(draw))
        elif reader == "outages":
            name, crash = "outage", one_outage(draw)
        else:
            case = draw.choice(by_reader[reader])
            name, crash = case.name, one(case, draw)
        tried[reader] += 1
        if crash:
            crashes += 1
            print(f"seed {options.seed}, input {number}, {name}: {crash}", flush=True)
        number += 1
    told = ", ".join(f"{name} {count:,}" for name, count in sorted(tried.items()))
    print(f"{number:,} inputs in {options.minutes:g} minutes ({told}): {crashes} crashes or hangs")
    sys.exit(crashes > 0)


def one(case: corpus.Case, draw: random.Random) -> str | None:
    """Return what went wrong with one mutated input, or None."""
    with tempfile.TemporaryDirectory() as name:
        inside = Path(name) / "inside"
        inside.mkdir()
        path = case.write(inside)
        mutations.mutate(inside, draw)
        before = signal.signal(signal.SIGALRM, _hangs)
        signal.alarm(WATCH)
        try:
            readers.take(case.reader, path)
        except Exception as problem:
            where = traceback.extract_tb(problem.__traceback__)[-1]
            return (
                f"{type(problem).__name__}: {str(problem)[:200]} ({where.filename}:{where.lineno})"
            )
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
        strangers = [path.name for path in Path(name).iterdir() if path.name != "inside"]
        return f"it wrote {strangers}" if strangers else None


def one_outage(draw: random.Random) -> str | None:
    """Return what went wrong with a source whose files were out of reach for a while, or None."""
    with tempfile.TemporaryDirectory() as name:
        try:
            return outages.trial(Path(name), draw)
        except Exception as problem:
            return f"{type(problem).__name__}: {str(problem)[:200]}"


def _hangs(signum: int, frame: object) -> None:
    raise TimeoutError(f"no answer within {WATCH} s")


if __name__ == "__main__":
    main()
