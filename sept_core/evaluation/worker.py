"""The job that evaluates: `python -m sept_core.evaluation.worker JOB_FOLDER`.

In (job settings): `arms` (see `arms.prepare`; baselines first), `target_worklist` (parquet
with label and split), `readouts` (of `READOUTS`), `labels` (see `labels.parse`), `seeds`,
`out` (folder), optionally `draws` (of labels per seed, for readouts that train no network),
`value_ranges` (see `pixel_values.from_json`) and `fine_tuning` (see
`readouts.FineTuning`). Out, in that folder:

    results.jsonl    one line for every arm, readout, label budget, seed and draw, as it is done
    correct/KEY.npy  (n_test,) bool: the test images that the line classifies correctly
    arms/            the untrained networks of random initialisation
    summary.json     means, paired differences, sentences; written last

A line's key is a hash of everything that it depends on, so a job that restarts on the same folder
computes only the missing lines.
"""

import dataclasses
import itertools
import logging
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sept_core import errors
from sept_core.encoders import numerics
from sept_core.encoders.protocol import Encoder
from sept_core.evaluation import arms, labels, readouts, results, summary, target
from sept_core.evaluation.readout_names import READOUTS
from sept_core.imaging import pixel_values
from sept_core.jobs import job_folder
from sept_core.storage import atomic, hashing

VERSION = 1
"""Increment it when a readout changes its results: older lines are then recomputed."""

log = logging.getLogger("sept")

BATCH = 256


@dataclass(frozen=True)
class Cell:
    """One requested score: `weights` identifies its network, `key` everything it depends on."""

    arm: arms.Arm
    seed: int
    weights: str
    readout: str
    budget: labels.LabelBudget
    draw: int
    key: str

    @property
    def label_seed(self) -> int:
        """Seed of the draw of labels, the same for every arm."""
        return labels.draw_seed(self.seed, self.draw)


class Views:
    """The target as input of one network: pixels (n, 3, S, S) uint8 and unit features."""

    def __init__(self, weights: str, encoder: Encoder, train: Tensor, test: Tensor) -> None:
        self.weights, self.encoder, self.train, self.test = weights, encoder, train, test

    @cached_property
    def features(self) -> tuple[Tensor, Tensor]:
        """Return (n, D) float32 features of the training and the test part."""
        return self._embed(self.train), self._embed(self.test)

    def _embed(self, pixels: Tensor) -> Tensor:
        rows = torch.cat([self.encoder.encode(part) for part in torch.split(pixels, BATCH)])
        usable = torch.isfinite(rows).all(dim=1, keepdim=True)
        if lacking := int((~usable).sum()):
            log.warning("%d images have no features under %s: zeros", lacking, self.encoder.id)
        # Every test image counts: one without features is scored as zeros.
        return torch.where(usable, rows, torch.zeros_like(rows))


def main(job: job_folder.JobFolder) -> dict[str, Any]:
    """Compute the missing scores, then summarise.

    Raises:
        InputError: the settings name something that does not exist.
        EncoderError: a checkpoint cannot be loaded.
    """
    asked = job.settings()
    out, tuning = Path(asked["out"]), readouts.FineTuning(**asked.get("fine_tuning", {}))
    ranges = pixel_values.from_json(asked.get("value_ranges", {}))
    task = target.load(Path(asked["target_worklist"]), ranges)
    cells = _plan(asked, task, tuning, out)
    known = results.read(out)
    views: Views | None = None
    for number, cell in enumerate(cells):
        job.progress(number, len(cells), "scores", f"{cell.arm.name}, {cell.readout}")
        if cell.key in known:
            continue
        views = _views(cell, task, views)
        score, correct = _score(cell, views, task, tuning)
        results.append(out, score, correct)
        known[cell.key] = score
    report = _report(out, [known[cell.key] for cell in cells], cells, task, tuning)
    atomic.write_json(out / "summary.json", report)
    job.progress(len(cells), len(cells), "scores")
    return report


def _plan(
    asked: dict[str, Any], task: target.Target, tuning: readouts.FineTuning, out: Path
) -> list[Cell]:
    """List every requested score, grouped by network."""
    seeds = [int(seed) for seed in asked["seeds"]]
    budgets = [labels.parse(text) for text in asked["labels"]]
    for name in asked["readouts"]:
        if name not in READOUTS:
            raise errors.InputError(
                f"readout {name!r} is unknown; use one of {', '.join(READOUTS)}."
            )
    cells = []
    for arm in arms.prepare(asked["arms"], seeds, out / "arms"):
        for seed in seeds:
            weights = arm.weights(seed)
            # Without a network to fine-tune, the score is omitted and the notes say so.
            able = [n for n in asked["readouts"] if n != "finetune" or arm.adaptable]
            for name, budget in itertools.product(able, budgets):
                depends = [VERSION, arm.name, weights, task.fingerprint, name, budget.name, seed]
                if name == "finetune":
                    depends.append(dataclasses.asdict(tuning))
                for draw in range(_draws(asked, name, budget)):
                    key = hashing.fingerprint([*depends, f"draw {draw}"] if draw else depends)
                    cells.append(Cell(arm, seed, weights, name, budget, draw, key))
    return cells


def _draws(asked: dict[str, Any], readout: str, budget: labels.LabelBudget) -> int:
    """Return the number of draws of labels; one for all labels and for fine-tuning."""
    return int(asked.get("draws", 1)) if budget.drawn and readout != "finetune" else 1


def _views(cell: Cell, task: target.Target, last: Views | None) -> Views:
    """Return the views of `cell`'s network, reusing those of `last` where they are equal."""
    if last is not None and last.weights == cell.weights:
        return last
    encoder = cell.arm.encoder(cell.seed)
    seen = encoder.identity().get("preprocessing")
    if seen and last is not None and last.encoder.identity().get("preprocessing") == seen:
        return Views(cell.weights, encoder, last.train, last.test)
    parts = (
        target.pixels(part, encoder.preprocess, task.ranges) for part in (task.train, task.test)
    )
    return Views(cell.weights, encoder, *parts)


def _score(
    cell: Cell, views: Views, task: target.Target, tuning: readouts.FineTuning
) -> tuple[results.Score, np.ndarray]:
    """Compute one readout and its correctly classified test images."""
    rows = labels.choose(cell.budget, task.train.labels, task.train.names, cell.label_seed)
    start = time.perf_counter()
    correct = _predict(cell, views, task.train, rows, tuning) == task.test.labels
    score = results.Score(
        key=cell.key,
        arm=cell.arm.name,
        readout=cell.readout,
        labels=cell.budget.name,
        seed=cell.seed,
        accuracy=float(correct.mean()),
        n_train=len(rows),
        n_test=len(correct),
        seconds=round(time.perf_counter() - start, 3),
        draw=cell.draw,
    )
    return score, correct


def _predict(
    cell: Cell, views: Views, part: target.Part, rows: np.ndarray, tuning: readouts.FineTuning
) -> np.ndarray:
    """Predict (n_test,) classes, after training on `rows` of the training part."""
    classes = part.labels[rows]
    if cell.readout == "finetune":
        return readouts.fine_tune(
            cell.arm.network(cell.seed),
            views.train[rows],
            torch.from_numpy(classes),
            views.test,
            tuning,
            cell.seed,
            numerics.choose_device("auto"),
        )
    train, test = views.features
    if cell.readout == "knn":
        return readouts.knn(train[rows], torch.from_numpy(classes), test)
    names = [part.names[row] for row in rows]
    seed = cell.label_seed
    return readouts.linear_probe(train[rows].numpy(), classes, test.numpy(), names, seed)


def _report(
    out: Path,
    scores: list[results.Score],
    cells: list[Cell],
    task: target.Target,
    tuning: readouts.FineTuning,
) -> dict[str, Any]:
    compared = {cell.arm.name: cell.arm for cell in cells}
    once = [name for name, arm in compared.items() if arm.trained_once]
    found = summary.summarise(scores, lambda score: results.correct(out, score.key), once)
    tuned = {cell.arm.name for cell in cells if cell.readout == "finetune"}
    if left := [name for name in compared if tuned and name not in tuned]:
        found["notes"].append(summary.NOT_ADAPTED.format(arms=", ".join(left)))
    return found | {
        "compute": {name: arm.cost() for name, arm in compared.items()},
        "target": {
            "classes": task.classes,
            "train": len(task.train.labels),
            "test": len(task.test.labels),
            "unreadable": task.unreadable,
        },
        "fine_tuning": dataclasses.asdict(tuning),
    }


if __name__ == "__main__":
    job_folder.run(main)
