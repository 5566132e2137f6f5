"""Evidence: compare runs on a labelled target set, and what came of earlier comparisons.

In: a target set with labels and a test split, and the arms to compare. Out: evaluations under
`runs/evaluations/`, their tables and sentences.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from sept_core import errors, files, jobs
from sept_core import sources as readers
from sept_core.catalogue import images, sources
from sept_core.evaluation import labels as label_budgets
from sept_core.jobfolder import JobFolder
from sept_core.pipeline import pretraining, runs
from sept_core.pipeline.projects import Project

RANDOM_INIT = "random-init"
READOUTS = {"knn": "20-NN", "linear": "Linear probe", "finetune": "Fine-tuning"}
"""The readouts of `evaluation.worker` as people write them."""
SHOTS = (1, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Task:
    """What a target set offers to evaluation.

    Attributes:
        problem: why it cannot be evaluated on, as a sentence; None where it can.
        smallest: training images of its smallest class.
    """

    classes: int
    train: int
    test: int
    smallest: int
    problem: str | None

    def budgets(self) -> list[str]:
        """Label counts to choose from; more may be written, as "7-shot" or "25%"."""
        return ["all", "10%", *(f"{n}-shot" for n in SHOTS if n <= self.smallest)]


@dataclass(frozen=True)
class Request:
    """A comparison.

    Attributes:
        runs: names of finished runs.
        folders: other checkpoints, by the folders that `sept pretrain` left.
        labels: label counts as `evaluation.labels.parse` reads them.
    """

    target: str
    runs: tuple[str, ...]
    folders: tuple[str, ...] = ()
    readouts: tuple[str, ...] = tuple(READOUTS)
    labels: tuple[str, ...] = ("all",)
    seeds: int = 3

    def scores(self) -> int:
        """How many scores it takes: arms × readouts × label counts × seeds."""
        arms = 1 + len(self.runs) + len(self.folders)
        return arms * len(self.readouts) * len(self.labels) * self.seeds

    def fine_tunings(self) -> int:
        """How many of these train a whole network."""
        return self.scores() // len(self.readouts) if "finetune" in self.readouts else 0


def targets(project: Project) -> list[str]:
    """The names of all target sets."""
    return [record.name for record in sources.every(project.db, "target")]


def made_by(paths: files.ProjectPaths, job_id: str) -> str:
    """The id of the evaluation that a job computes; see `evaluations`."""
    return Path(JobFolder(paths.job(job_id)).settings()["out"]).name


def task(project: Project, target: str) -> Task:
    """Whether and how a target set can be evaluated on."""
    record = sources.find(project.db, "target", target)
    splits = sources.splits(project.db, record.id)
    rows: list[dict[str, Any]] = images.labelled(project.db, record.id, splits).to_pylist()
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
    """Why nothing can be scored, and what to do; rows are those that have been read."""
    found = {row["split"] for row in rows}
    if not {"train", "test"} <= found:
        return (
            f"{target} needs a train and a test split to be scored, and each embedded once; it "
            f"has {', '.join(splits) or 'none'}. Put its images into train/ and test/ folders and "
            "add it again."
        )
    if any(row["label"] is None for row in rows):
        return (
            f"{target} has images without a label, so nothing can be scored. Put the images of "
            "each class into a folder of its name and add the target set again."
        )
    tested = {row["label"] for row in rows if row["split"] == "test"}
    if len(trained) < 2:
        return f"{target} has a single class, so there is nothing to tell apart."
    if tested - trained:
        return (
            f"{target} has test images of {min(tested - trained)!r} but no training images of it; "
            "add some or remove the class."
        )
    return None


def start(project: Project, request: Request) -> JobFolder:
    """Launch the comparison of runs with random initialisation on a labelled target set.

    The same request goes on where an interrupted one stopped.

    Raises:
        NotFoundError: a run or the target set does not exist.
        InputError: the target set has no labels or no test split, or a setting cannot work.
        BusyError: this very evaluation is under way.
    """
    if problem := task(project, request.target).problem:
        raise errors.InputError(problem)
    _check(request)
    record = sources.find(project.db, "target", request.target)
    splits = sources.splits(project.db, record.id)
    rows: list[dict[str, Any]] = images.labelled(project.db, record.id, splits).to_pylist()
    arms = _arms(project.paths, request)
    asked: dict[str, Any] = {
        "arms": arms,
        "readouts": list(request.readouts),
        "labels": list(request.labels),
        "seeds": list(range(request.seeds)),
    }
    name = f"{request.target}-{files.fingerprint([asked, rows])}"
    out = project.paths.runs / pretraining.RESERVED / name
    _refuse_twice(project.paths, out)
    worklist = out / "target.parquet"
    readers.write_worklist(worklist, pa.Table.from_pylist(rows, readers.WORKLIST_SCHEMA))
    files.write_json(out / "request.json", asdict(request) | {"compute": _compute(arms)})
    asked |= {"target_worklist": str(worklist), "out": str(out)}
    return jobs.launch(project.paths, "evaluate", asked, f"Evaluating on {request.target}")


def _check(request: Request) -> None:
    if not request.runs and not request.folders:
        raise errors.InputError("There is nothing to compare; choose at least one finished run.")
    if not request.readouts or not request.labels or request.seeds < 1:
        raise errors.InputError("Choose at least one readout, one label count and one seed.")
    for text in request.labels:
        label_budgets.parse(text)


def _refuse_twice(paths: files.ProjectPaths, out: Path) -> None:
    for job in jobs.all_jobs(paths):
        active = job.kind == "evaluate" and not job.ended
        if active and JobFolder(paths.job(job.id)).settings()["out"] == str(out):
            raise errors.BusyError(f"This evaluation already runs as job {job.id}.")


def _arms(paths: files.ProjectPaths, request: Request) -> list[dict[str, Any]]:
    """Random initialisation first: every later arm is compared with each earlier one."""
    folders = {name: str(runs.finished(paths, name)) for name in request.runs}
    folders |= {Path(folder).name: folder for folder in request.folders}
    if len(folders) < len(request.runs) + len(request.folders):
        raise errors.InputError("Two arms have the same name; rename one of their folders.")
    first: list[dict[str, Any]] = [{"name": RANDOM_INIT, "checkpoint": None, "backbone": None}]
    return first + [
        {"name": name, "checkpoint": folder, "backbone": None} for name, folder in folders.items()
    ]


def _compute(arms: list[dict[str, Any]]) -> dict[str, Any]:
    """What pre-training each arm cost, as far as its folder says so: steps and images seen."""
    found = {RANDOM_INIT: {"steps": 0, "images_seen": 0}}
    for arm in arms[1:]:
        header = Path(arm["checkpoint"]) / runs.HEADER
        if header.exists():
            known = files.read_json(header)
            found[arm["name"]] = {key: known[key] for key in ("steps", "images_seen")}
    return found
