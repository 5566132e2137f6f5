"""Projects on pools that are too small or too uniform, made and asked in this very process."""

import json
from pathlib import Path
from typing import Any

from in_process import run
from small_project import picture as other_picture
from small_project import png

from benchmarks.hostile import pools


def answer(*words: object) -> Any:
    """The JSON that a command prints, in which there is no NaN."""
    done = run(*words, "--json")
    assert done.exception is None, done.exception
    return json.loads(done.stdout, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} in JSON")


def make(folder: Path, kind: str, count: int, targets: int) -> Path:
    """A project with a pool of a kind and a target set, embedded, prepared and with a map."""
    pool, target, project = folder / "pool", folder / "target", folder / "project"
    pool.mkdir()
    pools.write(kind, count, pool)
    for split, first, many in (("train", 100, targets), ("test", 300, 4)):
        for number in range(first, first + many):
            family = ("red", "blue")[number % 2]
            path = target / split / family / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(other_picture(family, number)))
    for words in (
        ("init", project),
        ("pool", "add", project, "pool", pool),
        ("target", "add", project, "toys", target),
        ("embed", project),
        ("prepare", project),
        ("map", project),
    ):
        answer(*words)
    return project
