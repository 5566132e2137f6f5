"""Pre-training on a subset: plan of a run, estimate of its cost, and its start.

In: a selection or a manifest, and the settings that differ from the defaults for it. Out: a
dry run's estimate, and run folders under `runs/`. Jobs need only files, so they continue while the
project is closed.
"""

import contextlib
import dataclasses
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sept_core import errors
from sept_core.catalogue import source_table, split_table
from sept_core.ingest import worklists
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.manifest import manifest
from sept_core.pretrain import launch
from sept_core.pretrain import settings as pretrain_settings
from sept_core.pretrain.launch import HERE, Launch
from sept_core.pretrain.methods import registry as methods
from sept_core.pretrain.settings import PretrainSettings
from sept_core.services.curate import manifests, own_images, selections
from sept_core.services.project.project import Project
from sept_core.services.train import joined_subset
from sept_core.storage import atomic, hashing, project_paths

PROBE = "probe.parquet"
"""Worklist in a run's folder: the target images of its kNN probe."""

REPORTING = ("log_every", "checkpoint_every", "probe_every", "threads")
"""Settings that change the reporting and the speed of a run, not its result."""


@dataclass(frozen=True)
class Subset:
    """Inputs of the defaults: number of images, and their median shorter side in pixels."""

    name: str
    images: int
    side: int


def of_selection(project: Project, selection_id: str) -> Subset:
    """Return a selection as a subset to train on.

    Raises:
        NotFoundError: the selection does not exist.
    """
    picks = selections.picks(project, selection_id)
    rows = own_images.places(project, selections.find(project, selection_id), picks)
    sizes = pa.table(
        {side: pa.array([row[side] for row in rows], pa.int32()) for side in ("width", "height")}
    )
    return Subset(selection_id, picks.num_rows, _side(sizes))


def of_manifest(path: Path) -> Subset:
    """Return a manifest as a subset to train on.

    Raises:
        ManifestError: it does not exist, or was altered.
    """
    found = manifest.read(path)
    return Subset(str(path), len(found), _side(found.rows))


def _side(rows: pa.Table) -> int:
    sides = np.minimum(rows["width"].to_numpy(), rows["height"].to_numpy()).astype(float)
    if np.isnan(sides).all():
        raise errors.InputError("The subset holds no image files, so nothing can be trained on.")
    return int(np.nanmedian(sides))


def plan(subset: Subset, method: str, backbone: str, changes: dict[str, Any]) -> PretrainSettings:
    """Return the defaults for a subset with a user's changes; `check` validates them.

    Args:
        subset: the subset to train on.
        method: one of `pretrain.methods.registry.METHODS`.
        backbone: a timm name or one of `SMALL_BACKBONES`.
        changes: settings that differ from the defaults for this subset.
    """
    return pretrain_settings.choose(
        method, backbone, subset.images, changes, image_side=subset.side
    )


def check(subset: Subset, chosen: PretrainSettings, where: Launch = HERE) -> None:
    """Refuse invalid settings.

    Raises:
        InputError: the message names the setting and its valid values.
    """
    launch.validate(where)
    pretrain_settings.validate(chosen, subset.images, where.members)


def _checked(
    subset: Subset, method: str, backbone: str, changes: dict[str, Any], where: Launch = HERE
) -> PretrainSettings:
    chosen = plan(subset, method, backbone, changes)
    check(subset, chosen, where)
    return chosen


def start_selection(
    project: Project,
    selection_id: str,
    run: str,
    method: str,
    backbone: str,
    changes: dict[str, Any],
    where: Launch = HERE,
) -> JobFolder:
    """Write the selection's manifest into a new run folder and launch pre-training on it.

    Args:
        project: the open project.
        selection_id: the subset.
        run: the run's name.
        method, backbone, changes: see `plan`.
        where: number of processes, and what starts them.

    Raises:
        InputError: the name is taken or a setting is invalid.
        LeakError: see `manifests.write_manifest`.
    """
    chosen = _checked(of_selection(project, selection_id), method, backbone, changes, where)
    with _new_run(project.paths, run) as folder:
        subset = manifests.write_manifest(project, selection_id, folder / "manifest")
        probe = _probe_worklist(project, subset.header["targets"], folder / PROBE)
        request = _request(subset, chosen, where)
        request |= {"run": str(folder), "probe_worklist": probe}
        return launcher.launch(project.paths, "pretrain", request, _title(run))


def prepare_runs(
    project: Project,
    selection_id: str,
    wanted: dict[str, PretrainSettings],
    where: Launch = HERE,
    own: str = "",
) -> list[dict[str, Any]]:
    """Return requests for runs on a selection: existing runs are reused, others are new.

    A run of any name is reused if it has the same images and the same values of all settings that
    its method reads.

    Args:
        project: the open project.
        selection_id: the subset.
        wanted: checked settings by the name of a new run; invalid characters of names are replaced.
        where: number of processes, and what starts them.
        own: id of a selection of the target's images that come first in the same number of images.

    Raises:
        InputError: see `joined_subset.write_manifest`.
        LeakError: see `manifests.write_manifest`.
    """
    staging = project.paths.jobs / "worklists" / f"run-{selection_id}"
    shutil.rmtree(staging, ignore_errors=True)
    if own:
        budget = len(selections.picks(project, selection_id))
        subset = joined_subset.write_manifest(project, own, selection_id, budget, staging)
    else:
        subset = manifests.write_manifest(project, selection_id, staging)
    known = _known_runs(project.paths)
    requests = []
    for name, chosen in wanted.items():
        folder = known.get(_shared_key(subset.content_hash, chosen))
        if folder is None:
            slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
            folder = project.paths.run(free_name(project.paths, slug))
            shutil.copytree(staging, folder / "manifest")
            _probe_worklist(project, subset.header["targets"], folder / PROBE)
            held = {"pretrain": dataclasses.asdict(chosen), "manifest": subset.content_hash}
            atomic.write_json(folder / project_paths.RUN_SETTINGS, held)
        requests.append(_request_of(folder, where))
    shutil.rmtree(staging)
    return requests


def _known_runs(paths: project_paths.ProjectPaths) -> dict[str, Path]:
    """Return run folders that contain their manifest, by the hash of `_shared_key`."""
    found = {}
    for path in paths.run_settings():
        if (path.parent / "manifest").exists():
            held = atomic.read_json(path)
            settings = pretrain_settings.from_dict(held["pretrain"])
            found[_shared_key(held["manifest"], settings)] = path.parent
    return found


def _request_of(folder: Path, where: Launch) -> dict[str, Any]:
    """Return the worker's settings to continue a run folder, or to find it complete."""
    chosen = pretrain_settings.from_dict(
        atomic.read_json(folder / project_paths.RUN_SETTINGS)["pretrain"]
    )
    probe = folder / PROBE
    return _request(manifest.read(folder / "manifest"), chosen, where) | {
        "run": str(folder), "probe_worklist": str(probe) if probe.exists() else None,
    }  # fmt: skip


def _shared_key(content_hash: str, chosen: PretrainSettings) -> str:
    """Return a hash of everything that determines a run's final weights."""
    values = dataclasses.asdict(chosen)
    for name in (*REPORTING, *methods.unread(chosen.method)):
        del values[name]
    return hashing.fingerprint([content_hash, values])


def start_manifest(
    paths: project_paths.ProjectPaths,
    path: Path,
    run: str,
    method: str,
    backbone: str,
    changes: dict[str, Any],
    where: Launch = HERE,
) -> JobFolder:
    """Launch pre-training on any manifest, without the catalogue."""
    chosen = _checked(of_manifest(path), method, backbone, changes, where)
    with _new_run(paths, run) as folder:
        request = _request(manifest.read(path), chosen, where)
        request |= {"run": str(folder), "probe_worklist": None}
        return launcher.launch(paths, "pretrain", request, _title(run))


def estimate_selection(
    project: Project, selection_id: str, method: str, backbone: str, changes: dict[str, Any]
) -> JobFolder:
    """Launch a dry run of a few steps on a selection; see `estimated`.

    Raises:
        InputError: a setting is invalid.
        LeakError: see `manifests.write_manifest`.
    """
    subset = of_selection(project, selection_id)
    chosen = _checked(subset, method, backbone, changes)
    folder = project.paths.jobs / "worklists" / f"dryrun-{selection_id}"
    shutil.rmtree(folder, ignore_errors=True)
    written = manifests.write_manifest(project, selection_id, folder)
    return _estimate(project.paths, subset, written, chosen)


def estimate_manifest(
    paths: project_paths.ProjectPaths,
    path: Path,
    method: str,
    backbone: str,
    changes: dict[str, Any],
) -> JobFolder:
    """Launch a dry run of a few steps on a manifest; see `estimated`."""
    subset = of_manifest(path)
    return _estimate(
        paths, subset, manifest.read(path), _checked(subset, method, backbone, changes)
    )


def estimated(
    paths: project_paths.ProjectPaths, subset: Subset, chosen: PretrainSettings
) -> dict[str, Any] | None:
    """Return the result of the latest dry run of these settings; see `pretrain.estimate`."""
    key = _key(subset, chosen)
    for job in launcher.all_jobs(paths):
        if job.kind == "dryrun" and job.state == "done":
            folder = JobFolder(paths.job(job.id))
            if folder.settings()["key"] == key:
                return folder.result()
    return None


def _estimate(
    paths: project_paths.ProjectPaths,
    subset: Subset,
    written: manifest.Manifest,
    chosen: PretrainSettings,
) -> JobFolder:
    request = _request(written, chosen) | {"key": _key(subset, chosen)}
    return launcher.launch(paths, "dryrun", request, f"Estimating on {subset.name}")


def _key(subset: Subset, chosen: PretrainSettings) -> str:
    return hashing.fingerprint([dataclasses.asdict(subset), dataclasses.asdict(chosen)])


def free_name(paths: project_paths.ProjectPaths, wanted: str) -> str:
    """Return an unused run name: the wanted one, or the same with a number."""
    wanted = wanted[:56]
    names = [wanted, *(f"{wanted}-{number}" for number in range(2, 1000))]
    return next(name for name in names if not paths.run(name).exists())


@contextlib.contextmanager
def _new_run(paths: project_paths.ProjectPaths, run: str) -> Iterator[Path]:
    """Create the folder of a new run, which is removed if the run cannot start."""
    folder = paths.run(project_paths.check_name(run, "Run"))
    if folder.exists() or run == project_paths.EVALUATIONS:
        raise errors.InputError(
            f"A run named {run!r} already exists; choose another name, or continue it if it was "
            "interrupted (Resume on its page, or sept job resume)."
        )
    folder.mkdir(parents=True)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder)
        raise


def _title(run: str) -> str:
    return f"Pre-training {run}"


def _probe_worklist(project: Project, targets: Sequence[str], path: Path) -> str | None:
    """Write the target's labelled training images for the kNN probe; None without two classes."""
    rows = [
        row
        for name in targets
        for row in split_table.labelled(
            project.db, source_table.find(project.db, "target", name).id, ("train",)
        ).to_pylist()
        if row["label"] is not None
    ]
    if len({row["label"] for row in rows}) < 2:
        return None
    worklists.write(path, pa.Table.from_pylist(rows, worklists.SCHEMA))
    return str(path)


def _request(
    subset: manifest.Manifest, chosen: PretrainSettings, where: Launch = HERE
) -> dict[str, Any]:
    return {
        "manifest": str(subset.folder.absolute()),  # a job has its own working folder
        "roots": {name: str(root) for name, root in subset.roots().items()},
        "pretrain": dataclasses.asdict(chosen),
        "launch": dataclasses.asdict(where),
    }
