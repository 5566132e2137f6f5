"""Number of labels that a readout may use: all, a percentage, or a number per class.

In: "5-shot", "10%" or "all". Out: rows of the training split, the same for every arm.
"""

import re
from dataclasses import dataclass

import numpy as np

from sept_core import errors
from sept_core.storage import hashing

_PATTERN = re.compile(r"(\d+)-shot|(\d+(?:\.\d+)?)%|all")


@dataclass(frozen=True)
class LabelBudget:
    """Label budget: images per class, or a share of each class; exactly one is given."""

    shots: int | None
    share: float | None

    @property
    def name(self) -> str:
        """The text that `parse` reads."""
        if self.shots is not None:
            return f"{self.shots}-shot"
        return "all" if self.share == 1 else f"{100 * (self.share or 0):g}%"

    @property
    def drawn(self) -> bool:
        """True if another draw gives other labels."""
        return self.share != 1


def parse(text: str) -> LabelBudget:
    """Read "5-shot", "10%" or "all".

    Raises:
        InputError: the text is none of these, or selects nothing.
    """
    match = _PATTERN.fullmatch(text)
    if match and match[1] and int(match[1]) > 0:
        return LabelBudget(int(match[1]), None)
    if match and match[2] and 0 < float(match[2]) <= 100:
        return LabelBudget(None, float(match[2]) / 100)
    if text == "all":
        return LabelBudget(None, 1.0)
    raise errors.InputError(f"labels {text!r} cannot be used; write 5-shot, 10% or all.")


DRAW_STEP = 1000
"""Distance of the seeds of two draws; more than the seeds of any evaluation."""


def draw_seed(seed: int, draw: int) -> int:
    """Return the seed of a draw of labels; draw 0 of a seed is the seed itself."""
    return seed + DRAW_STEP * draw


def choose(budget: LabelBudget, labels: np.ndarray, names: list[str], seed: int) -> np.ndarray:
    """Choose the rows (int64, ascending) of the images whose labels may be used.

    They are the first of each class in an order hashed from the seed, so that a smaller budget of
    the same seed is a subset of a larger one.

    Args:
        budget: number of labels.
        labels: (n,) int64 class of each training image.
        names: n names of the images, the same in all runs.
        seed: seed of the draw.

    Raises:
        InputError: a class has fewer images than the requested shots.
    """
    keys = np.array([hashing.hashed_uniform(seed, name) for name in names])
    chosen = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(keys[rows], kind="stable")]
        wanted = budget.shots or max(1, round((budget.share or 0) * len(rows)))
        if wanted > len(rows):
            raise errors.InputError(
                f"{budget.name} needs {wanted} training images of each class, but the smallest "
                f"has {len(rows)}; ask for fewer."
            )
        chosen.append(rows[:wanted])
    return np.sort(np.concatenate(chosen))
