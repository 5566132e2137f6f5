"""Pre-training on a subset and evaluating what came of it.

In: a selection or a manifest. Out: run folders under `runs/`, evaluations under
`runs/evaluations/`; both work from files alone, so they go on while the project is closed.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sept_core import errors, files, jobs, manifest
from sept_core import sources as readers
from sept_core.catalogue import images, sources
from sept_core.jobfolder import JobFolder
from sept_core.pipeline import delivery
from sept_core.pipeline.projects import Project
from sept_core.pretrain import settings as pretrain_settings

RANDOM_INIT = "random-init"


def start_selection(
    project: Project,
    selection_id: str,
    run: str,
    method: str,
    backbone: str,
    changes: dict[str, Any],
) -> JobFolder:
    """Write the selection's manifest into a new run folder and launch pre-training on it.

    Args:
        project: the open project.
        selection_id: the subset.
        run: the run's name.
        method: of `pretrain.methods.registry.METHODS`.
        backbone: a timm name or `resnet10-narrow`.
        changes: settings that differ from the defaults for this subset.

    Raises:
        InputError: the name is taken or a setting cannot work.
        LeakError: see `delivery.write_manifest`.
    """
    folder = _new_run(project.paths, run)
    subset = delivery.write_manifest(project, selection_id, folder / "manifest")
    record = project.paths.run(run) / "probe.parquet"
    probe = _probe_worklist(project, subset.header["targets"], record)
    return _launch(project.paths, folder, subset, method, backbone, changes, probe)


def start_manifest(
    paths: files.ProjectPaths,
    path: Path,
    run: str,
    method: str,
    backbone: str,
    changes: dict[str, Any],
) -> JobFolder:
    """Launch pre-training on any manifest; the catalogue is not needed."""
    folder = _new_run(paths, run)
    return _launch(paths, folder, manifest.read(path), method, backbone, changes, None)


def _new_run(paths: files.ProjectPaths, run: str) -> Path:
    folder = paths.run(files.check_name(run, "Run"))
    if folder.exists():
        raise errors.InputError(
            f"There is already a run named {run!r}; take another name, or go on with it if it was "
            "interrupted: sept job resume DIR ID"
        )
    return folder


def _title(run: str) -> str:
    return f"Pre-training {run}"


def _probe_worklist(project: Project, targets: Sequence[str], path: Path) -> Path | None:
    """The target's labelled training images, for the kNN probe; None without two classes."""
    rows = [
        row
        for name in targets
        for row in images.labelled(
            project.db, sources.find(project.db, "target", name).id, ("train",)
        ).to_pylist()
        if row["label"] is not None
    ]
    if len({row["label"] for row in rows}) < 2:
        return None
    table = pa.Table.from_pylist(rows, readers.WORKLIST_SCHEMA)
    readers.write_worklist(path, table)
    return path


def _launch(
    paths: files.ProjectPaths,
    folder: Path,
    subset: manifest.Manifest,
    method: str,
    backbone: str,
    changes: dict[str, Any],
    probe: Path | None,
) -> JobFolder:
    sides = np.minimum(subset.rows["width"].to_numpy(), subset.rows["height"].to_numpy())
    side = int(np.median(sides))
    chosen = pretrain_settings.choose(method, backbone, len(subset), changes, image_side=side)
    pretrain_settings.validate(chosen, len(subset))
    request = {
        "manifest": str(subset.folder),
        "roots": {name: str(root) for name, root in subset.roots().items()},
        "run": str(folder),
        "pretrain": dataclasses.asdict(chosen),
        "probe_worklist": None if probe is None else str(probe),
    }
    return jobs.launch(paths, "pretrain", request, _title(folder.name))


def start_evaluation(
    project: Project,
    target: str,
    runs: Sequence[str],
    *,
    readouts: Sequence[str],
    labels: Sequence[str],
    seeds: Sequence[int],
) -> JobFolder:
    """Launch the comparison of runs with random initialisation on a labelled target set.

    Raises:
        NotFoundError: a run or the target set does not exist.
        InputError: the target set has no labels, or no test split.
    """
    rows = _labelled(project, target)
    folder = project.paths.runs / "evaluations"
    arms: list[dict[str, Any]] = [{"name": RANDOM_INIT, "checkpoint": None, "backbone": None}]
    arms += [{"name": run, "checkpoint": str(_finished(project.paths, run)), "backbone": None}
             for run in runs]  # fmt: skip
    request = {
        "arms": arms,
        "readouts": list(readouts),
        "labels": list(labels),
        "seeds": list(seeds),
    }
    out = folder / f"{target}-{files.fingerprint([request, rows])}"
    worklist = out / "target.parquet"
    table = pa.Table.from_pylist(rows, readers.WORKLIST_SCHEMA)
    readers.write_worklist(worklist, table)
    request |= {"target_worklist": str(worklist), "out": str(out)}
    return jobs.launch(project.paths, "evaluate", request, f"Evaluating on {target}")


def _finished(paths: files.ProjectPaths, run: str) -> Path:
    folder = paths.run(run)
    if not (folder / "run.json").exists():
        done = ", ".join(sorted(p.parent.name for p in paths.runs.glob("*/run.json")))
        raise errors.NotFoundError(
            f"No finished run named {run!r}; this project has: {done or 'none yet'}."
        )
    return folder


def _labelled(project: Project, target: str) -> list[dict[str, Any]]:
    record = sources.find(project.db, "target", target)
    splits = sources.splits(project.db, record.id)
    rows: list[dict[str, Any]] = images.labelled(project.db, record.id, splits).to_pylist()
    if any(row["label"] is None for row in rows):
        raise errors.InputError(f"{target} has images without a label, so nothing can be scored.")
    if not {"train", "test"} <= {row["split"] for row in rows}:
        raise errors.InputError(
            f"{target} needs a train and a test split to be scored, and each embedded once; it "
            f"has {', '.join(splits) or 'none'}."
        )
    return rows
