"""Projects: create, rename and delete them, their encoders, and the state of all steps.

In: a folder or an open `Project`. Out: records for the overview and for `sept status`. `opening`
opens projects; its functions can be called here as well.
"""

import getpass
import shutil
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.catalogue import (
    connection,
    decision_table,
    image_table,
    selection_table,
    settings,
    source_table,
)
from sept_core.encoders import fits
from sept_core.features import feature_store
from sept_core.imaging import decoders
from sept_core.jobs import launcher
from sept_core.selection import strategies
from sept_core.services.data import scaling, target_layouts
from sept_core.services.project.opening import adopt, opened, paths_of, stay_open, using
from sept_core.services.project.project import Project
from sept_core.services.project.project_status import (
    CollectionStatus,
    MapStatus,
    PoolCounts,
    ProjectStatus,
    TargetStatus,
    UnfinishedJob,
)
from sept_core.storage import atomic, project_paths

__all__ = [
    "adopt",
    "check_idle",
    "contents",
    "delete",
    "encoders",
    "find_encoder",
    "find_encoder_record",
    "init",
    "is_unfinished_demo",
    "opened",
    "paths_of",
    "pool_features",
    "rename",
    "status",
    "stay_open",
    "title",
    "using",
]


def init(folder: Path) -> None:
    """Create an empty project.

    Raises:
        InputError: the folder contains something else.
    """
    paths = project_paths.ProjectPaths(folder.absolute())
    if paths.catalogue.exists():
        raise errors.InputError(f"{folder} is already a SEPT project.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise errors.InputError(f"{folder} is not an empty folder; give a new one.")
    folder.mkdir(parents=True, exist_ok=True)
    db = connection.connect(paths.catalogue)
    try:
        settings.put(db, "who", getpass.getuser())
    finally:
        db.close()


def encoders(project: Project) -> list[dict[str, Any]]:
    """List every encoder that has embedded something: its record and its counts.

    Besides the record's own: `pool_images` with features, `no_features` (live pool images without
    features), `decoders` (features of the pool by decoder version) and `older_decoder` (features,
    of the pool and of target sets, by another version than the current one); `fit` says how the
    sample that it was fitted on is degenerate, or is None.
    """
    found = []
    for path in project.paths.cards():
        record = atomic.read_json(path) | {"id": path.parent.name}
        store = feature_store.FeatureStore(project.paths.pool_features(record["id"]))
        sample = fits.behind(project.paths.encoders, record["identity"])
        none = image_table.featureless(project.db, record["id"]).num_rows
        found.append(
            record
            | {"pool_images": len(store), "no_features": none}
            | {"fit": sample.sentence() if sample else None}
            | _decoded_by(path.parent, store, imported=record["kind"] == "imported")
        )
    return found


def _decoded_by(
    folder: Path, pool: feature_store.FeatureStore, *, imported: bool
) -> dict[str, Any]:
    """Count `decoders` and `older_decoder` of an encoder's stores; imports have none."""
    if imported:
        return {"decoders": {}, "older_decoder": 0}
    versions = Counter[str]()
    for shard in pool.shards:
        versions[shard.decoder] += len(shard)
    targets = {path.parent for path in folder.glob("targets/**/[0-9]*.json")}
    older = [
        len(shard)
        for store in (pool, *map(feature_store.FeatureStore, sorted(targets)))
        for shard in store.shards
        if shard.decoder != decoders.version()
    ]
    return {"decoders": dict(sorted(versions.items())), "older_decoder": sum(older)}


def find_encoder(project: Project, name: str | None) -> str:
    """Return the id of an embedded encoder by id or spec; the project's latest one for None.

    Raises:
        NotFoundError: nothing is embedded with it; the message lists the embedded encoders.
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
    """Return the header of an embedded encoder; see `find_encoder`."""
    wanted = find_encoder(project, name)
    return next(record for record in encoders(project) if record["id"] == wanted)


def pool_features(project: Project, encoder_id: str) -> feature_store.FeatureStore:
    """Return the pool's features under an encoder that gave some to at least one image.

    Raises:
        InputError: no pool image has features.
    """
    store = feature_store.FeatureStore(project.paths.pool_features(encoder_id))
    if len(store):
        return store
    none = image_table.featureless(project.db, encoder_id).num_rows
    if none:
        raise errors.InputError(
            f"{encoder_id} gave none of the pool's {none:,} images features; choose another "
            "encoder."
        )
    raise errors.InputError(
        f"No pool image has features under {encoder_id}; embed the pool first (Pool page, or sept "
        "embed)."
    )


def status(project: Project) -> ProjectStatus:
    """Return the state of the project, step by step."""
    db = project.db
    fingerprint = image_table.pool_fingerprint(db)
    targets = source_table.every(db, "target")
    jobs = launcher.all_jobs(project.paths)
    return ProjectStatus(
        project=str(project.paths.root),
        title=title(project),
        pool=PoolCounts(**image_table.pool_counts(db), fingerprint=fingerprint),
        sources=[
            CollectionStatus(**_collection(project, record))
            for record in source_table.every(db, "pool")
        ],
        encoders=encoders(project),
        targets=[_target(project, record) for record in targets],
        decisions=decision_table.last_position(db),
        value_ranges=scaling.describe(project),
        maps=_maps(project),
        selections=_selections(project, targets, fingerprint),
        exports=sum(job.kind == "export" and job.state == "done" for job in jobs),
        evaluations=len(list(project.paths.runs.glob("evaluations/*/summary.json"))),
        runs=[path.parent.name for path in project.paths.run_settings()],
        jobs=[
            UnfinishedJob(job.id, job.kind, job.title, job.state) for job in jobs if not job.ended
        ],
    )


def _collection(project: Project, record: source_table.SourceRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "kind": record.spec.kind,
        "path": str(record.spec.path),
        "note": record.note,
        **source_table.counts(project.db, record.id),
    }


def _target(project: Project, record: source_table.SourceRecord) -> TargetStatus:
    found = target_layouts.shown(project.db, record)
    return TargetStatus(
        **_collection(project, record),
        splits={split: sum(labels.values()) for split, labels in found.splits.items()},
        classes=found.splits,
        layout=found.layout,
        read_by=found.words,
        taken=[asdict(one) for one in found.taken],
        warnings=found.warnings,
        outdated=found.outdated,
    )


def _selections(
    project: Project, targets: list[source_table.SourceRecord], fingerprint: str
) -> list[dict[str, Any]]:
    """Return the stored selections with the names of their target sets, and their age."""
    names = {target.id: target.name for target in targets}
    return [
        record
        | {
            "targets": [names.get(ident, f"removed ({ident})") for ident in record["target_ids"]],
            "older_than_pool": record["pool_fingerprint"] != fingerprint,
            "strategy": strategies.name_of(record["settings"]),
        }
        for record in selection_table.every(project.db)
    ]


def _maps(project: Project) -> list[MapStatus]:
    found = []
    for path in sorted(project.paths.maps.glob(f"*/{project_paths.HEADER}")):
        header = atomic.read_json(path)
        store = feature_store.FeatureStore(project.paths.pool_features(path.parent.name))
        older = header["content_id"] != store.content_id()
        found.append(MapStatus(path.parent.name, older))
    return found


def is_unfinished_demo(project: Project) -> bool:
    """Return True if the project is an unfinished demo; see `demo_project`."""
    demo = settings.get(project.db, "demo")
    return demo is not None and "selection" not in demo


def title(project: Project) -> str:
    """Return the project's title, which is its folder's name until it is renamed."""
    value: str = settings.get(project.db, "title", project.paths.root.name)
    return value


def rename(project: Project, new_title: str) -> None:
    """Set the project's title; its folder keeps its name, because jobs and exports refer to it.

    Raises:
        InputError: the title is empty or longer than 100 characters.
    """
    wanted = " ".join(new_title.split())
    if not 1 <= len(wanted) <= 100:
        raise errors.InputError("A project's title has 1 to 100 characters.")
    settings.put(project.db, "title", wanted)


def contents(project: Project) -> str:
    """Return what is lost with a project: `12 decisions and 3 selections`."""
    decisions = decision_table.last_position(project.db)
    selections = len(selection_table.every(project.db))
    return f"{decisions:,} decisions and {selections:,} selections"


def delete(folder: Path) -> None:
    """Delete a project folder and its content; the images of its sources are unchanged.

    Raises:
        NotFoundError: the folder is not a project.
        BusyError: it is in use, or a job is running in it.
    """
    check_idle(folder)
    with opened(folder):
        pass  # refuses while another process holds it
    shutil.rmtree(folder)


def check_idle(folder: Path) -> None:
    """Refuse while a job of the project is running or waiting.

    Raises:
        NotFoundError: the folder is not a project.
        BusyError: one is; the message names them.
    """
    running = [job.title for job in launcher.all_jobs(paths_of(folder)) if not job.ended]
    if running:
        raise errors.BusyError(
            f"{folder} has unfinished jobs ({', '.join(running)}); cancel them first."
        )
