"""Evidence: comparisons of runs on a labelled target set, new and earlier ones.

In: a target set with labels and a test split, and the arms to compare. Out: evaluations under
`runs/evaluations/`, their tables and sentences.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from sept_core import errors
from sept_core import targets as target_layout
from sept_core.catalogue import image_table, source_table, split_table
from sept_core.evaluation import labels as label_budgets
from sept_core.evaluation import readout_names
from sept_core.filesystem.roots import FOLLOW_LINKS
from sept_core.ingest import worklists
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.services.data import scaling
from sept_core.services.project.project import Project
from sept_core.services.train import runs
from sept_core.storage import atomic, hashing, project_paths

RANDOM_INIT = "random-init"
READOUTS = readout_names.TITLES
SHOTS = (1, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Task:
    """Suitability of a target set for evaluation.

    Attributes:
        problem: why it is unsuitable, as a sentence; None if it is suitable.
        smallest: training images of its smallest class.
    """

    classes: int
    train: int
    test: int
    smallest: int
    problem: str | None

    def budgets(self) -> list[str]:
        """Label counts to choose from; others such as "7-shot" or "25%" are valid too."""
        return ["all", "10%", *(f"{n}-shot" for n in SHOTS if n <= self.smallest)]


@dataclass(frozen=True)
class Request:
    """A comparison.

    Attributes:
        runs: names of finished runs.
        folders: other checkpoints, by output folders of `sept pretrain`.
        labels: label counts as `evaluation.labels.parse` reads them.
        draws: draws of few labels per seed, which 20-NN and the linear probe are averaged over.
    """

    target: str
    runs: tuple[str, ...]
    folders: tuple[str, ...] = ()
    readouts: tuple[str, ...] = tuple(READOUTS)
    labels: tuple[str, ...] = ("all",)
    seeds: int = 3
    draws: int = 1

    def scores(self) -> int:
        """Number of scores: arms × readouts × label counts × seeds, and draws of few labels."""
        frozen = len([readout for readout in self.readouts if readout != "finetune"])
        few = len([text for text in self.labels if label_budgets.parse(text).drawn])
        drawn = len(self.labels) + few * (self.draws - 1)
        return self._networks() * frozen * drawn + self.fine_tunings()

    def fine_tunings(self) -> int:
        """Number of scores that train a whole network."""
        return self._networks() * len(self.labels) if "finetune" in self.readouts else 0

    def _networks(self) -> int:
        return (1 + len(self.runs) + len(self.folders)) * self.seeds


def targets(project: Project) -> list[str]:
    """List the names of all target sets."""
    return [record.name for record in source_table.every(project.db, "target")]


def evaluations_of(paths: project_paths.ProjectPaths, job_id: str) -> list[str]:
    """List the ids of the evaluations that a job computes, a study's main one first."""
    return [Path(out).name for out in _outs(paths, launcher.status(paths, job_id))]


def task(project: Project, target: str) -> Task:
    """Assess a target set for evaluation."""
    record = source_table.find(project.db, "target", target)
    splits, rows = source_table.splits(project.db, record.id), _rows(project, record)
    counts: dict[str, int] = {}
    for row in rows:
        if row["split"] == "train" and row["label"] is not None:
            counts[row["label"]] = counts.get(row["label"], 0) + 1
    return Task(
        classes=len(counts),
        train=sum(counts.values()),
        test=sum(row["split"] == "test" for row in rows),
        smallest=min(counts.values(), default=0),
        problem=_problem(target, rows, splits, set(counts)),
    )


def _problem(
    target: str, rows: list[dict[str, Any]], splits: dict[str, int], trained: set[str]
) -> str | None:
    """Explain why nothing can be scored, with the remedy; `rows` are those that have been read."""
    found = {row["split"] for row in rows}
    if not {"train", "test"} <= found:
        return (
            f"{target} needs a train and a test split to be scored, and each embedded once; it "
            f"has {', '.join(splits) or 'none'}. Put its images into train/ and test/ folders and "
            "add it again, or hold some out: sept target adopt --split-fraction test=0.2."
        )
    if any(row["label"] is None for row in rows):
        return (
            f"{target} has images without a label, so nothing can be scored. Put the images of "
            "each class into a folder of its name and add the target set again."
        )
    tested = {row["label"] for row in rows if row["split"] == "test"}
    if len(trained) < 2:
        return f"{target} has a single class, so there is nothing to classify."
    if tested - trained:
        return (
            f"{target} has test images of {min(tested - trained)!r} but no training images of it; "
            "add some or remove the class."
        )
    return None


def start(project: Project, request: Request) -> JobFolder:
    """Launch the comparison of runs with random initialisation on a labelled target set.

    A repeated request continues where an interrupted one stopped.

    Raises:
        NotFoundError: a run or the target set does not exist.
        InputError: the target set has no labels or no test split, or a setting is invalid.
        BusyError: this evaluation is already running.
    """
    rows = checked_task(project, request.target, request.labels)
    _check(request)
    arms = _arms(project.paths, request)
    asked = prepare(project, request.target, rows, arms, request, asdict(request))
    return launcher.launch(project.paths, "evaluate", asked, f"Evaluating on {request.target}")


def checked_task(project: Project, target: str, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return the labelled images of a target set, as rows of a worklist.

    Raises:
        InputError: nothing can be scored on it, or a label count is invalid.
    """
    if problem := task(project, target).problem:
        raise errors.InputError(problem)
    for text in labels:
        label_budgets.parse(text)
    record = source_table.find(project.db, "target", target)
    return _rows(project, record)


def _rows(project: Project, record: source_table.SourceRecord) -> list[dict[str, Any]]:
    """Return the images of a target set's splits, without unassigned ones."""
    found = split_table.labelled(project.db, record.id, target_layout.SPLITS)
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


class Measured(Protocol):
    """Measurement settings of a request or a study."""

    @property
    def readouts(self) -> tuple[str, ...]: ...
    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def seeds(self) -> int: ...
    @property
    def draws(self) -> int: ...


def prepare(
    project: Project,
    target: str,
    rows: list[dict[str, Any]],
    arms: list[dict[str, Any]],
    how: Measured,
    request: dict[str, Any],
) -> dict[str, Any]:
    """Write the folder of an evaluation; return the settings of `evaluation.worker`.

    Raises:
        BusyError: this evaluation is already running.
    """
    asked: dict[str, Any] = {
        "arms": arms,
        "readouts": list(how.readouts),
        "labels": list(how.labels),
        "seeds": list(range(how.seeds)),
    }
    if how.draws != 1:
        asked["draws"] = how.draws
    if ranges := scaling.current(project).to_json():
        asked["value_ranges"] = ranges
    named = [{key: row[key] for key in row if key != FOLLOW_LINKS} for row in rows]
    name = f"{target}-{hashing.fingerprint([asked, named])}"
    out = project.paths.runs / project_paths.EVALUATIONS / name
    _refuse_twice(project.paths, out)
    worklist = out / "target.parquet"
    worklists.write(worklist, pa.Table.from_pylist(rows, worklists.SCHEMA))
    pool = image_table.pool_counts(project.db)["images"]
    atomic.write_json(out / "request.json", request | {"pool_images": pool})
    return asked | {"target_worklist": str(worklist), "out": str(out)}


def _check(request: Request) -> None:
    if not request.runs and not request.folders:
        raise errors.InputError("There is nothing to compare; choose at least one finished run.")
    if not request.readouts or not request.labels or min(request.seeds, request.draws) < 1:
        raise errors.InputError("Choose at least one readout, label count, seed and draw.")


def _refuse_twice(paths: project_paths.ProjectPaths, out: Path) -> None:
    for job in launcher.all_jobs(paths):
        if not job.ended and str(out) in _outs(paths, job):
            raise errors.BusyError(f"This evaluation is already running as job {job.id}.")


def _outs(paths: project_paths.ProjectPaths, job: launcher.JobStatus) -> list[str]:
    """Return the folders of the evaluations that a job computes."""
    if job.kind not in ("evaluate", "study"):
        return []
    asked = JobFolder(paths.job(job.id)).settings()
    return [one["out"] for one in asked.get("evaluations", [asked])]


def _arms(paths: project_paths.ProjectPaths, request: Request) -> list[dict[str, Any]]:
    """Return the arms, random initialisation first: later arms are compared with earlier ones."""
    folders = {name: str(runs.finished(paths, name)) for name in request.runs}
    folders |= {Path(folder).name: folder for folder in request.folders}
    if len(folders) < len(request.runs) + len(request.folders):
        raise errors.InputError("Two arms have the same name; rename one of their folders.")
    return [random_arm()] + [
        {"name": name, "checkpoint": folder, "backbone": None} for name, folder in folders.items()
    ]


def random_arm() -> dict[str, Any]:
    """Return an arm with random initialisation of the network that the other arms train."""
    return {"name": RANDOM_INIT, "checkpoint": None, "backbone": None}
