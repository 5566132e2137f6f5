"""The rows of results, one per arm, task and seed, and the correctness of each test image.

In: a row as a run ends. Out: `rows.jsonl` and `correct/KEY.npz` (for each readout the packed bits
of (draws, n_test)), both in the repository, so that a fresh checkout continues.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from sept_core.storage import atomic

FOLDER = Path(__file__).parent
CONTINUED = FOLDER / "continued-rows"
ROUNDS = FOLDER / "rounds-rows"
"""Rows of the experiments on continued pre-training and on rounds."""
LINES, CORRECT = "rows.jsonl", "correct"


class Rows:
    """The rows of a folder, by (pool, arm, task, seed)."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        path = folder / LINES
        text = path.read_text() if path.exists() else ""
        self.all: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
        self._known = {_key(row) for row in self.all}

    def has(self, pool: str, arm: str, task: str, seed: int) -> bool:
        """Return whether this row exists."""
        return (pool, arm, task, seed) in self._known

    def missing(self, pool: str, arm: str, tasks: tuple[str, ...], seed: int) -> list[str]:
        """List the tasks of a network that have no row."""
        return [task for task in tasks if not self.has(pool, arm, task, seed)]

    def append(self, row: dict[str, Any], correct: dict[str, np.ndarray]) -> None:
        """Store a row; the correctness first, so that a row is complete.

        Args:
            row: `pool`, `arm`, `task`, `seed`, `n_test` and everything else that is JSON.
            correct: (draws, n_test) bool by readout.
        """
        packed = {name: np.packbits(bits, axis=1) for name, bits in correct.items()}
        with atomic.write_then_rename(self._path(row)) as temporary, temporary.open("wb") as out:
            np.savez_compressed(out, **packed)
        with (self.folder / LINES).open("a") as out:
            out.write(json.dumps(row, allow_nan=False) + "\n")
            out.flush()
            os.fsync(out.fileno())
        self.all.append(row)
        self._known.add(_key(row))

    def correct(self, row: dict[str, Any], readout: str) -> np.ndarray:
        """Return (draws, n_test) bool of a row's readout, such as "linear 10-shot"."""
        with np.load(self._path(row)) as packed:
            return np.unpackbits(packed[readout], axis=1, count=row["n_test"]).astype(bool)

    def _path(self, row: dict[str, Any]) -> Path:
        name = "-".join((row["pool"], row["arm"], row["task"], f"s{row['seed']}"))
        return self.folder / CORRECT / f"{name}.npz"


def _key(row: dict[str, Any]) -> tuple[str, str, str, int]:
    return row["pool"], row["arm"], row["task"], row["seed"]
