"""Projects: making, naming and deleting them, their encoders, and the state of all steps.

In: a folder or an open `Project`. Out: records for the overview and for `sept status`. Opening is
the matter of `opening`, whose functions can be called here as well.
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
from sept_core.services.data import scaling, target_layouts
from sept_core.services.project.opening import adopt, opened, paths_of, stay_open, using
from sept_core.services.project.project import Project
from sept_core.storage import atomic, project_paths

__all__ = [
    "adopt",
    "check_idle",
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
    """Make an empty project.

    Raises:
        InputError: the folder holds something else.
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
    """Every encoder that has embedded something: its record and how much of the pool it holds.

    Besides the record's own: `pool_images` with features, `no_features` (live pool images that it
    gave none), `decoders` (features by the version of what decoded them, of the pool) and
    `older_decoder` (features, of the pool and of target sets, by another than the present one);
    `fit` says how the sample that it was fitted on is degenerate, or is None.
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
    """`decoders` and `older_decoder` of an encoder's stores; nothing was decoded for imports."""
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


def pool_features(project: Project, encoder_id: str) -> feature_store.FeatureStore:
    """The pool's features under an encoder that gave at least one image some.

    Raises:
        InputError: it gave none.
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


def status(project: Project) -> dict[str, Any]:
    """Where the project stands, step by step, as JSON values."""
    db = project.db
    fingerprint = image_table.pool_fingerprint(db)
    targets = source_table.every(db, "target")
    names = {target.id: target.name for target in targets}
    return {
        "project": str(project.paths.root),
        "title": title(project),
        "pool": image_table.pool_counts(db) | {"fingerprint": fingerprint},
        "sources": [_source_status(project, record) for record in source_table.every(db, "pool")],
        "encoders": encoders(project),
        "targets": [_source_status(project, record) for record in targets],
        "decisions": decision_table.last_position(db),
        "value_ranges": scaling.describe(project),
        "maps": _maps(project),
        "selections": [
            record
            | {
                "targets": [
                    names.get(ident, f"removed ({ident})") for ident in record["target_ids"]
                ],
                "older_than_pool": record["pool_fingerprint"] != fingerprint,
            }
            for record in selection_table.every(db)
        ],
        "exports": sum(
            job.kind == "export" and job.state == "done" for job in launcher.all_jobs(project.paths)
        ),
        "evaluations": len(list(project.paths.runs.glob("evaluations/*/summary.json"))),
        "runs": [path.parent.name for path in project.paths.run_settings()],
        "jobs": [
            {"id": job.id, "kind": job.kind, "title": job.title, "state": job.state}
            for job in launcher.all_jobs(project.paths)
            if not job.ended
        ],
    }


def _source_status(project: Project, record: source_table.SourceRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "kind": record.spec.kind,
        "path": str(record.spec.path),
        "note": record.note,
        **source_table.counts(project.db, record.id),
        **(_reading_status(project, record) if record.role == "target" else {}),
    }


def _reading_status(project: Project, record: source_table.SourceRecord) -> dict[str, Any]:
    """Splits and classes of a target set, what stated them, and what to be careful about."""
    found = target_layouts.shown(project.db, record)
    return {
        "splits": {split: sum(labels.values()) for split, labels in found.splits.items()},
        "classes": found.splits,
        "layout": found.layout,
        "read_by": found.words,
        "taken": [asdict(one) for one in found.taken],
        "warnings": found.warnings,
        "outdated": found.outdated,
    }


def _maps(project: Project) -> list[dict[str, Any]]:
    """Each finished map, and whether features came or went since it was drawn."""
    found = []
    for path in sorted(project.paths.maps.glob(f"*/{project_paths.HEADER}")):
        header = atomic.read_json(path)
        store = feature_store.FeatureStore(project.paths.pool_features(path.parent.name))
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
    running = [job.title for job in launcher.all_jobs(paths_of(folder)) if not job.ended]
    if running:
        raise errors.BusyError(
            f"{folder} has unfinished jobs ({', '.join(running)}); cancel them first."
        )
