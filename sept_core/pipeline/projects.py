"""A project: one folder with its catalogue, opened by one process at a time.

In: a folder. Out: a `Project` that every other button takes as its first argument, and the
state of all steps for the overview.
"""

import contextlib
import getpass
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sept_core import errors, features, files, jobs
from sept_core.catalogue import connection, decisions, images, selections, settings, sources
from sept_core.encoders import fits


@dataclass(frozen=True)
class Project:
    """An open project: its paths, its catalogue, and who is logged in, where the app knows."""

    paths: files.ProjectPaths
    db: connection.Connection
    who: str | None = None


def init(folder: Path) -> None:
    """Make an empty project.

    Raises:
        InputError: the folder holds something else.
    """
    paths = files.ProjectPaths(folder.absolute())
    if paths.catalogue.exists():
        raise errors.InputError(f"{folder} already is a SEPT project.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise errors.InputError(f"{folder} is not an empty folder; name a new one.")
    folder.mkdir(parents=True, exist_ok=True)
    db = connection.connect(paths.catalogue)
    try:
        settings.put(db, "who", getpass.getuser())
    finally:
        db.close()


def paths_of(folder: Path) -> files.ProjectPaths:
    """The paths of an existing project, without opening its catalogue.

    Raises:
        NotFoundError: the folder is no project.
    """
    paths = files.ProjectPaths(folder.absolute())
    if not paths.catalogue.exists():
        raise errors.NotFoundError(f"{folder} is not a SEPT project; make one with: sept init")
    return paths


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Project]:
    """Hold a project open, first taking over what finished workers left behind.

    Raises:
        NotFoundError: the folder is no project.
        BusyError: another process holds it.
    """
    paths = paths_of(folder)
    db = connection.connect(paths.catalogue)
    try:
        project = Project(paths, db)
        adopt(project)
        yield project
    finally:
        db.close()


def adopt(project: Project) -> int:
    """Take the outcomes of new feature shards into the catalogue; returns how many shards.

    Imported features say nothing about files, so their stores are passed over.
    """
    adopted = 0
    for card in sorted(project.paths.root.glob("features/*/encoder.json")):
        if files.read_json(card)["kind"] == "imported":
            continue
        folders = {path.parent for path in card.parent.glob("**/[0-9]*.json")}
        for folder in sorted(folders):
            name = folder.relative_to(project.paths.root).as_posix()
            adopted += images.adopt(project.db, features.FeatureStore(folder), name)
    return adopted


def encoders(project: Project) -> list[dict[str, Any]]:
    """Every encoder that has embedded something: its record and how much of the pool it holds.

    `fit` says how the sample that it was fitted on is degenerate, or is None.
    """
    found = []
    for path in sorted(project.paths.root.glob("features/*/encoder.json")):
        record = files.read_json(path)
        store = features.FeatureStore(project.paths.pool_features(path.parent.name))
        sample = fits.behind(project.paths.encoders, record["identity"])
        fit = sample.sentence() if sample else None
        found.append(record | {"id": path.parent.name, "pool_images": len(store), "fit": fit})
    return found


def find_encoder(project: Project, name: str | None) -> str:
    """The id of an embedded encoder by id or spec; the project's latest one for None.

    Raises:
        NotFoundError: nothing is embedded with it; the message lists what is.
    """
    known = encoders(project)
    name = name or settings.get(project.db, "encoder")
    matches = [e["id"] for e in known if name in (e["id"], e["spec"])]
    if matches:
        return str(matches[-1])
    if known and name is None:
        return str(known[-1]["id"])
    if not known:
        raise errors.NotFoundError(
            "Nothing is embedded yet; embed the pool first (Pool page, or sept embed)."
        )
    specs = ", ".join(sorted({e["spec"] for e in known}))
    raise errors.NotFoundError(
        f"Nothing is embedded with {name!r}; embed with it first (embedded so far: {specs})."
    )


def find_encoder_record(project: Project, name: str | None) -> dict[str, Any]:
    """The header of an embedded encoder; see `find_encoder`."""
    wanted = find_encoder(project, name)
    return next(record for record in encoders(project) if record["id"] == wanted)


def status(project: Project) -> dict[str, Any]:
    """Where the project stands, step by step, as JSON values."""
    db = project.db
    fingerprint = images.pool_fingerprint(db)
    targets = sources.every(db, "target")
    names = {target.id: target.name for target in targets}
    return {
        "project": str(project.paths.root),
        "title": title(project),
        "pool": images.pool_counts(db) | {"fingerprint": fingerprint},
        "sources": [_source_status(project, record) for record in sources.every(db, "pool")],
        "encoders": encoders(project),
        "targets": [_source_status(project, record) for record in targets],
        "decisions": decisions.last_position(db),
        "maps": _maps(project),
        "selections": [
            record
            | {
                "targets": [
                    names.get(ident, f"removed ({ident})") for ident in record["target_ids"]
                ],
                "older_than_pool": record["pool_fingerprint"] != fingerprint,
            }
            for record in selections.every(db)
        ],
        "exports": sum(
            job.kind == "export" and job.state == "done" for job in jobs.all_jobs(project.paths)
        ),
        "evaluations": len(list(project.paths.runs.glob("evaluations/*/summary.json"))),
        "runs": [path.parent.name for path in sorted(project.paths.runs.glob("*/settings.json"))],
        "jobs": [
            {"id": job.id, "kind": job.kind, "title": job.title, "state": job.state}
            for job in jobs.all_jobs(project.paths)
            if not job.ended
        ],
    }


def _source_status(project: Project, record: sources.SourceRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "kind": record.spec.kind,
        "path": str(record.spec.path),
        "note": record.note,
        **sources.counts(project.db, record.id),
        **({"splits": sources.splits(project.db, record.id)} if record.role == "target" else {}),
    }


def _maps(project: Project) -> list[dict[str, Any]]:
    """Each finished map, and whether features came or went since it was drawn."""
    found = []
    for path in sorted(project.paths.maps.glob(f"*/{files.HEADER}")):
        header = files.read_json(path)
        store = features.FeatureStore(project.paths.pool_features(path.parent.name))
        older = header["content_id"] != store.content_id()
        found.append({"encoder": path.parent.name, "older_than_pool": older})
    return found


def is_unfinished_demo(project: Project) -> bool:
    """Whether the project is a demo that is still being made; see `showcase`."""
    demo = settings.get(project.db, "demo")
    return demo is not None and "selection" not in demo


def title(project: Project) -> str:
    """What people call the project; its folder's name until it is renamed."""
    value: str = settings.get(project.db, "title", project.paths.root.name)
    return value


def rename(project: Project, new_title: str) -> None:
    """Call the project something else; its folder keeps its name, since jobs and exports name it.

    Raises:
        InputError: the title is empty or longer than 100 characters.
    """
    wanted = " ".join(new_title.split())
    if not 1 <= len(wanted) <= 100:
        raise errors.InputError("A project's title has 1 to 100 characters.")
    settings.put(project.db, "title", wanted)


def delete(folder: Path) -> None:
    """Delete a project folder and all in it; the images of its sources are not touched.

    Raises:
        NotFoundError: the folder is no project.
        BusyError: it is in use, or a job is still running in it.
    """
    check_idle(folder)
    with opened(folder):
        pass  # refuses while another process holds it
    shutil.rmtree(folder)


def check_idle(folder: Path) -> None:
    """Refuse while a job of the project runs or waits.

    Raises:
        NotFoundError: the folder is no project.
        BusyError: one does; the message names them.
    """
    running = [job.title for job in jobs.all_jobs(paths_of(folder)) if not job.ended]
    if running:
        raise errors.BusyError(f"{folder} still runs {', '.join(running)}; cancel that first.")
