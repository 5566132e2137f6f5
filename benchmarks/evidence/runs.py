"""One planned network: train or load it, score it on its tasks, store the rows.

In: a `Planned` and the work folder. Out: rows of `rows.Rows`. An interrupted training continues
from its checkpoint, an interrupted scoring from its last score.
"""

import dataclasses
import itertools
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.evidence import pools, protocol
from benchmarks.evidence.protocol import Planned
from benchmarks.evidence.rows import Rows
from sept_core.encoders import checkpoint
from sept_core.evaluation import results, study
from sept_core.evaluation import worker as evaluation
from sept_core.jobs import job_folder
from sept_core.pretrain import initial, launch, worker
from sept_core.pretrain.settings import PretrainSettings

SCORES, TRIAL_SCORES = "evidence-scores", "trial-scores"


class Runner:
    """Executes planned networks of one pool.

    Args:
        data: the folder with the development data.
        folder: the pool's project.
        rows: where results are stored.
        changes: settings that differ from the protocol's, for a trial of the script only.
    """

    def __init__(
        self, data: Path, folder: Path, rows: Rows, changes: dict[str, Any] | None = None
    ) -> None:
        self.data, self.folder, self.rows, self.changes = data, folder, rows, changes
        self.scores = folder / (TRIAL_SCORES if changes else SCORES)
        self.where = {"machine": machine.describe(), "commit": _commit()}
        job = folder / "evidence-job"
        job.mkdir(exist_ok=True)
        self.job = job_folder.JobFolder(job)

    def execute(self, run: Planned) -> None:
        """Train or load the network of a run, and store a row for each task that lacks one."""
        used = time.process_time()
        how = pools.settings(self.data, run.arm, run.seed, self.changes)
        make = self._train if run.arm.strategy else self._without_training
        arm, facts = make(run, how)
        facts |= {"training_cpu_seconds": round(time.process_time() - used, 1)}
        self.score(run, arm, facts)

    def score(self, run: Planned, arm: dict[str, Any], facts: dict[str, Any]) -> None:
        """Store a row for each task that lacks one.

        Args:
            run: the planned network.
            arm: the network as `evaluation.worker` takes it.
            facts: further values of the rows.
        """
        row: dict[str, Any] = {"part": run.part, "pool": run.pool.name, "arm": run.arm.name}
        for task in self.rows.missing(run.pool.name, run.arm.name, run.tasks, run.seed):
            started, used = time.time(), time.process_time()
            scored, correct = self._score(run, task, arm)
            own = {"scoring_cpu_seconds": round(time.process_time() - used, 1)}
            where = self.where | {"started_at": round(started)}
            self.rows.append(
                row | {"task": task, "seed": run.seed} | scored | facts | own | where, correct
            )

    def _train(self, run: Planned, how: PretrainSettings) -> tuple[dict[str, Any], dict[str, Any]]:
        request = pools.training(self.folder, self.data, run, how)
        selection = request.pop("selection")
        part = study.Part(self.job, request, f"training {run.name}", (0, 1))
        header = launch.main(part)
        facts = {
            "selection": selection,
            "content_hash": header["manifest"],
            "subset": header["subset"],
            "settings": _portable(header["settings"], run),
            "metrics": header["metrics"],
            "cost": {
                key: header[key] for key in ("steps", "images_seen", "flops", "seconds", "device")
            },
            "software": header["software"],
        }
        return {"name": run.arm.name, "checkpoint": [request["run"]]}, facts

    def _without_training(
        self, run: Planned, how: PretrainSettings
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return an encoder, or the weights that trained arms start from."""
        if run.arm == protocol.UNTRAINED or run.arm.start:
            folder = self.scores / run.name / "initial"
            card = worker.card(how, "", {}) | {"method": "none"}
            backbone = initial.start_from(worker.build_backbone(how), how, self.folder / "encoders")
            checkpoint.save(folder, backbone, card)
            facts = {"settings": _portable(dataclasses.asdict(how), run)}
            return {"name": run.arm.name, "checkpoint": [str(folder)]}, facts
        spec = protocol.ENCODER
        if run.arm == protocol.IMAGENET:
            spec = protocol.PUBLISHED_SPEC.format(path=self.data / protocol.PUBLISHED)
        fitted = str(self.folder / "encoders")
        facts = {"encoder": spec.partition("@")[0]}
        return {"name": run.arm.name, "encoder": spec, "encoders_folder": fitted}, facts

    def _score(
        self, run: Planned, task: str, arm: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        out = self.scores / run.name / task
        worklist = out / "target.parquet"
        if not worklist.exists():
            pools.write_task(self.folder, task, worklist)
        # The features of a frozen encoder are computed once, for the scores of all seeds.
        seeds = list(range(run.seeds)) if run.same_for_all_seeds else [run.seed]
        asked = {
            "arms": [arm], "seeds": seeds, "draws": protocol.DRAWS, "out": str(out),
            "target_worklist": str(worklist),
        }  # fmt: skip
        kept = [pair for pair in run.readouts if pair[0] != "finetune" or "checkpoint" in arm]
        by_labels: dict[tuple[str, ...], list[str]] = {}
        for readout, pairs in itertools.groupby(kept, key=lambda pair: pair[0]):
            by_labels.setdefault(tuple(labels for _, labels in pairs), []).append(readout)
        report: dict[str, Any] = {}
        for labels, readouts in by_labels.items():
            own = {"readouts": readouts, "labels": list(labels)}
            part = study.Part(self.job, asked | own, f"scoring {run.name} on {task}", (0, 1))
            report = evaluation.main(part)
        return _as_row(out, report, run.seed)


def _as_row(
    out: Path, report: dict[str, Any], seed: int
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Collect the scores of one network: accuracies by readout, one per draw, and correctness."""
    found: dict[str, list[results.Score]] = {}
    for score in results.read(out).values():
        if score.seed == seed:
            found.setdefault(f"{score.readout} {score.labels}", []).append(score)
    for scores in found.values():
        scores.sort(key=lambda score: score.draw)
    row = {
        "n_test": report["target"]["test"],
        "n_train": report["target"]["train"],
        "scores": {name: [s.accuracy for s in scores] for name, scores in found.items()},
    }
    correct = {
        name: np.stack([results.correct(out, score.key) for score in scores])
        for name, scores in found.items()
    }
    return row, correct


def _portable(settings: dict[str, Any], run: Planned) -> dict[str, Any]:
    """Name the initial weights by the arm's word instead of their place on this machine."""
    return settings | {"init": run.arm.start}


def _commit() -> str:
    asked = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True)
    return done.stdout.strip()
