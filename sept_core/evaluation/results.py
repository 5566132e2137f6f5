"""The scores of an evaluation on disk: complete lines, and the correct test images.

In: one score at a time. Out: `results.jsonl`, and for each line `correct/KEY.npy`, written
before it. A kill loses at most the current score.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sept_core.storage import array_files, atomic

LINES = "results.jsonl"


@dataclass(frozen=True)
class Score:
    """One readout of one network.

    Attributes:
        key: hash of everything that the score depends on.
        labels: the label budget as `labels.parse` reads it.
        draw: number of the draw of labels, from 0; see `labels.draw_seed`.
        accuracy: share of correctly classified test images.
        seconds: wall time of the readout, without decoding and embedding.
    """

    key: str
    arm: str
    readout: str
    labels: str
    seed: int
    accuracy: float
    n_train: int
    n_test: int
    seconds: float
    draw: int = 0


def read(folder: Path) -> dict[str, Score]:
    """Read all complete scores by key; a half-written last line is removed from the file."""
    path = folder / LINES
    if not path.exists():
        return {}
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        with atomic.write_then_rename(path) as temporary:
            temporary.write_text(whole)
    scores = (Score(**json.loads(line)) for line in whole.splitlines())
    return {score.key: score for score in scores}


def append(folder: Path, score: Score, correct: np.ndarray) -> None:
    """Store a score; `correct` is (n_test,) bool in the order of the worklist."""
    array_files.write(_correct_path(folder, score.key), correct)
    with (folder / LINES).open("a") as out:
        out.write(json.dumps(asdict(score), allow_nan=False) + "\n")
        out.flush()
        os.fsync(out.fileno())


def correct(folder: Path, key: str) -> np.ndarray:
    """Return (n_test,) bool: the test images that a score classifies correctly."""
    return np.asarray(np.load(_correct_path(folder, key)))


def _correct_path(folder: Path, key: str) -> Path:
    return folder / "correct" / f"{key}.npy"
