"""Write a selection as a manifest, and a manifest in any other format.

The guard runs again when the manifest is written: an image that was no leak when the selection was
made may be one now.
"""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sept_core import errors
from sept_core.catalogue import image_table, place_table, source_table
from sept_core.dedup import leakage
from sept_core.export import registry as export_registry
from sept_core.export import run as export_run
from sept_core.features import feature_store
from sept_core.filesystem.roots import FOLLOW_LINKS
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.manifest import manifest, manifest_tables
from sept_core.review import decision_log
from sept_core.selection import strategies
from sept_core.services.curate import contamination_guard, export_needs, selections
from sept_core.services.data import scaling
from sept_core.services.project.project import Project
from sept_core.storage import hashing


def write_manifest(project: Project, selection_id: str, folder: Path) -> manifest.Manifest:
    """Write the native manifest of a selection.

    Raises:
        InputError: images of the selection were vetoed since it was made.
        LeakError: the guard finds a leak in it, or cannot run.
        ManifestError: the folder already holds a manifest.
    """
    record = selections.find(project, selection_id)
    picks = selections.picks(project, selection_id)
    state = selections.log_of(project, record).state
    _refuse_vetoed(picks, state, record)
    guard = contamination_guard.check(
        project,
        record["encoder_id"],
        tuple(record["target_ids"]),
        wanted=record["guard"]["state"] != "off",
    )
    _refuse_leaks(picks, guard)
    places = _places(project, picks, record)
    names = {target.id: target.name for target in source_table.every(project.db, "target")}
    guarded = guard.heldout.set_column(
        2, "target", pa.array([names[i] for i in guard.heldout["target"].to_pylist()], pa.string())
    )
    return manifest.write(
        folder,
        _rows(project, picks, places, state, record),
        _repeated(places),
        guarded,
        _header(project, record, guard),
        {row["source"]: Path(row["root"]) for row in places},
        {row["source"] for row in places if row[FOLLOW_LINKS]},
    )


def _refuse_vetoed(
    picks: pa.Table, state: decision_log.ReviewState, record: dict[str, Any]
) -> None:
    vetoed = set(state.vetoed) & set(picks["uid"].to_pylist())
    if vetoed:
        raise errors.InputError(
            f"{len(vetoed)} images of {record['id']} were vetoed since it was made; update the "
            "selection first (Review page, or sept update)."
        )


def _refuse_leaks(picks: pa.Table, guard: contamination_guard.Finding) -> None:
    leaked = set(guard.found["uid"].to_pylist()) & set(picks["uid"].to_pylist())
    if leaked:
        raise errors.LeakError(
            f"{len(leaked)} images of the selection are copies of held-out target images (first: "
            f"{min(leaked)}); update the selection."
        )


def _places(project: Project, picks: pa.Table, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every live place of the picks; a target set's source is named `target:NAME`."""
    own = strategies.takes_targets(record["settings"]["strategy"])
    role = "target" if own else "pool"
    rows: list[dict[str, Any]] = place_table.locations(
        project.db, picks["uid"].to_pylist(), role
    ).to_pylist()
    if own:
        rows = [row for row in rows if row["source_id"] in record["target_ids"]]
        for row in rows:
            row["source"] = f"target:{row['source']}"
    missing = set(picks["uid"].to_pylist()) - {row["uid"] for row in rows}
    if missing:
        are = "image of the selection is" if len(missing) == 1 else "images of the selection are"
        raise errors.InputError(
            f"{len(missing):,} {are} no longer in the pool (first: {min(missing)}); update the "
            "selection."
        )
    return rows


def _split_place(row: Mapping[str, Any]) -> dict[str, str]:
    """Split a place as the manifest names it: a plain file, or a shard and a key in it."""
    inside = bool(row["member"])
    return {
        "rel_path": "" if inside else row["rel_path"],
        "shard": row["rel_path"] if inside else "",
        "key": row["member"],
    }


def _repeated(places: list[dict[str, Any]]) -> pa.Table:
    """Return all places of the images that have more than one."""
    count: dict[str, int] = {}
    for row in places:
        count[row["uid"]] = count.get(row["uid"], 0) + 1
    rows = [
        {"uid": row["uid"], "source": row["source"], **_split_place(row)}
        for row in places
        if count[row["uid"]] > 1
    ]
    return pa.Table.from_pylist(rows, schema=manifest_tables.LOCATIONS)


def _rows(
    project: Project,
    picks: pa.Table,
    places: list[dict[str, Any]],
    state: decision_log.ReviewState,
    record: dict[str, Any],
) -> pa.Table:
    first: dict[str, dict[str, Any]] = {}
    count: dict[str, int] = {}
    for row in places:
        first.setdefault(row["uid"], row)
        count[row["uid"]] = count.get(row["uid"], 0) + 1
    distance = _leak_distance(project, picks, record)
    rows = []
    for pick, far in zip(picks.to_pylist(), distance, strict=True):
        place, decision = first[pick["uid"]], state.decisions.get(pick["uid"])
        rows.append(
            pick
            | _split_place(place)
            | {name: place[name] for name in ("sha256", "source", "source_uid", "width", "height")}
            | {
                "n_locations": count[pick["uid"]],
                "decision": decision.action if decision else None,
                "reason": decision.reason if decision else None,
                "decided_by": decision.who if decision else None,
                "decided_at": decision.at if decision else None,
                "leak_distance": far,
                "encoder_id": record["encoder_id"],
                "index_id": record["index"]["id"],
            }
        )
    return pa.Table.from_pylist(rows, schema=manifest_tables.SCHEMA)


def _leak_distance(project: Project, picks: pa.Table, record: dict[str, Any]) -> list[float | None]:
    """Return 1 − cosine of each pick to its nearest held-out image; None if there is none."""
    encoder_id, uids = record["encoder_id"], hashing.uid_array(picks["uid"])
    pool = feature_store.FeatureStore(project.paths.pool_features(encoder_id))
    if record["guard"]["state"] != "on" or (pool.rows_of(uids) < 0).any():
        return [None] * len(uids)
    ordered, place = np.unique(uids, return_inverse=True)
    chosen = leakage.Images(ordered, pool, image_table.hashes(project.db, "pool"))
    heldout = [
        contamination_guard.heldout_images(project, encoder_id, t) for t in record["target_ids"]
    ]
    guarded = [part for part in heldout if len(part.with_features().uids)]
    if not guarded:
        return [None] * len(uids)
    nearest = np.max([leakage.nearest_heldout(part, chosen).similarity for part in guarded], axis=0)
    values: list[float | None] = np.round(1.0 - nearest[place], 6).tolist()
    return values


def _header(
    project: Project, record: dict[str, Any], guard: contamination_guard.Finding
) -> dict[str, Any]:
    card = feature_store.read_card(project.paths.features(record["encoder_id"]))
    pool = source_table.every(project.db, "pool")
    bands = {s.name: s.spec.options["bands"] for s in pool if "bands" in s.spec.options}
    ranges = scaling.current(project).to_json()
    return {
        **({"bands": bands} if bands else {}),
        **({"value_ranges": ranges} if ranges else {}),
        "pool": {
            "fingerprint": image_table.pool_fingerprint(project.db),
            "fingerprint_at_selection": record["pool_fingerprint"],
        },
        "targets": record["targets"],
        "encoder": {name: card[name] for name in ("id", "spec", "kind", "identity")},
        "index": record["index"],
        "strategy": record["settings"]["strategy"],
        "settings": record["settings"]
        | {"filter": record["filter"]}
        | ({"refill_duplicates": False} if record.get("seated") else {}),
        "seed": record["settings"]["seed"],
        "counts": record["funnel"],
        "short_because": record["short_because"],
        "guard": guard.record(),
        "decisions": {
            "position": record["decision_position"],
            "hash": record["decision_hash"],
        },
    }


def start_export(
    project: Project,
    selection_id: str,
    export_format: str,
    out: Path,
    *,
    link: str = "copy",
    options: dict[str, Any] | None = None,
) -> JobFolder:
    """Write the selection's manifest into the project, then launch its export to `out`.

    Raises:
        InputError: `out` exists, or the selection is out of date.
        LeakError: see `write_manifest`.
    """
    export_registry.get(export_format, link, options or {})
    export_run.refuse_existing(out)
    record = selections.find(project, selection_id)
    request = {
        "manifest": str(_manifest_for_export(project, record)),
        "roots": None,
        "format": export_format,
        "out": str(out.absolute()),
        "link": link,
        "options": export_needs.of(project, record, export_format) | (options or {}),
    }
    return launcher.launch(project.paths, "export", request, f"Exporting {selection_id}")


def _manifest_for_export(project: Project, record: Mapping[str, Any]) -> Path:
    """Return the folder of the selection's manifest in the project. It is that of an earlier
    export, which may still read it, unless the guard, the decisions or the places have changed
    since.
    """
    folder: Path = project.paths.exports / record["id"]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as stage:
        written = write_manifest(project, record["id"], Path(stage) / "manifest")
        if _facts(written.folder) != _facts(folder):
            (folder / manifest.HEADER).unlink(
                missing_ok=True
            )  # first, so that a kill leaves no manifest
            shutil.rmtree(folder, ignore_errors=True)
            written.folder.rename(folder)
    return folder


def _facts(folder: Path) -> dict[str, Any] | None:
    """Return the content of a manifest except the time of writing; None if it is incomplete."""
    try:
        opened = manifest.read(folder)
    except errors.SeptError:
        return None
    roots = {name: str(root) for name, root in opened.roots().items()}
    content = {name: opened.header[name] for name in opened.header if name not in manifest.WHEN}
    return content | {"roots": roots}
