"""The diagnostics report of a selection (docs/method.md §5), with one encoder or two.

Only this module and the guard open held-out images. True pool labels, if given, only score the
result; selection never uses them.
"""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sept_core import errors
from sept_core import targets as target_layout
from sept_core.catalogue import image_table, place_table, split_table
from sept_core.features import feature_store
from sept_core.services.curate import contamination_guard, own_images, selections
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import hashing


def report(
    project: Project,
    selection_id: str,
    *,
    labels: Path | None = None,
    second: str | None = None,
) -> dict[str, Any]:
    """Compute all diagnostics under the selection's encoder and, as `second_…`, another one.

    `not_measured` explains which diagnostics need more images.

    Args:
        project: the open project.
        selection_id: its id or the beginning of it.
        labels: a csv with columns `key` and `label` of the pool's true classes; the key is a
            source's own id, a path, or the file name without its ending.
        second: id or spec of an independent encoder that has embedded pool and targets.

    Raises:
        NotFoundError: no such selection or encoder.
        InputError: the label file is invalid or names no image of the selection.
    """
    record = selections.find(project, selection_id)
    picks = selections.picks(project, selection_id)
    found = of_picks(project, record, picks, labels=labels)
    missing = found.pop("not_measured")
    if second is not None:
        other = _measured(project, record, picks, projects.find_encoder(project, second), None)
        found |= {f"second_{name}": value for name, value in other.items() if value is not None}
    facts = {"selection": record["selection"], "funnel": record["funnel"], **found}
    if "part" in picks.column_names:
        facts["parts"] = parts(picks)
    return facts | {"not_measured": missing}


def parts(picks: pa.Table) -> dict[str, int]:
    """Count the images of each part of a recipe, in order of appearance; "" is pins and fill."""
    counts: dict[str, int] = {}
    for name in picks["part"].to_pylist():
        counts[name or ""] = counts.get(name or "", 0) + 1
    return counts


def of_picks(
    project: Project, record: dict[str, Any], picks: pa.Table, *, labels: Path | None = None
) -> dict[str, Any]:
    """Compute the diagnostics of picks under their encoder.

    Args:
        project: the open project.
        record: the picks' inputs, see `selections.inputs`.
        picks: in selected order.
        labels: see `report`.

    Returns:
        Each diagnostic by name, and `not_measured`: a sentence, or None.
    """
    facts = _facts(project, record, picks, labels)
    found: dict[str, Any] = _measured(project, record, picks, record["encoder_id"], facts)
    return found | {"not_measured": _not_measured(project, record, picks)}


def _not_measured(project: Project, record: dict[str, Any], picks: pa.Table) -> str | None:
    from sept_core.selection import diagnostics

    heldout = _heldout(project, record, record["encoder_id"])
    return diagnostics.not_measured(picks.num_rows, 0 if heldout is None else len(heldout))


def _measured(
    project: Project, record: dict[str, Any], picks: pa.Table, encoder_id: str, facts: Any
) -> dict[str, float | None]:
    from sept_core.selection import diagnostics

    chosen = own_images.vectors(project, record, picks, encoder_id)
    if picks.num_rows and not len(chosen):
        raise errors.InputError(
            f"No image of the selection has features under {encoder_id}; choose another encoder."
        )
    whole = feature_store.FeatureStore(project.paths.pool_features(encoder_id))
    live = _with_features(whole, image_table.eligible(project.db, "pool", record["filter"]))
    random = live[hashing.hashed_order(record["settings"]["seed"] + 1, live)[: picks.num_rows]]
    return diagnostics.report(
        chosen,
        _heldout(project, record, encoder_id),
        whole.vectors_of(random),
        facts,
        record["settings"]["seed"],
    )


def _with_features(store: feature_store.FeatureStore, uids: np.ndarray) -> np.ndarray:
    """Return the images with features under an encoder; other encoders may lack some."""
    return uids[store.rows_of(uids) >= 0]


def _heldout(project: Project, record: dict[str, Any], encoder_id: str) -> np.ndarray | None:
    """Return (H, D) features of all held-out images of the target sets; None without any."""
    parts = []
    for target in record["target_ids"]:
        folder = project.paths.target_features(encoder_id, target, heldout=True)
        store = feature_store.FeatureStore(folder)
        mine = np.flatnonzero(np.isin(store.uids, split_table.held_out(project.db, target)))
        parts += [store.gather(mine)] if len(mine) else []
    return np.concatenate(parts) if parts else None


def _facts(project: Project, record: dict[str, Any], picks: pa.Table, labels: Path | None) -> Any:
    from sept_core.selection import diagnostics

    guard = contamination_guard.check(
        project, record["encoder_id"], tuple(record["target_ids"]), wanted=True
    )
    owners = [uid or "" for uid in picks["target_uid"].to_pylist()]
    return diagnostics.Facts(
        owners=np.array(owners, hashing.UID_DTYPE),
        targets=np.concatenate(
            [split_table.searching(project.db, t) for t in record["target_ids"]]
        ),
        budget=record["settings"]["budget"],
        leaks=int(np.isin(hashing.uid_array(picks["uid"]), guard.leaked).sum()),
        relevant=None if labels is None else _relevant(project, record, picks, labels),
        index_recall=record["index"]["recall"],
    )


def _relevant(project: Project, record: dict[str, Any], picks: pa.Table, path: Path) -> np.ndarray:
    """Return (n,) bool for the picks with a known label: True for one of the target's classes."""
    try:
        with path.open(newline="") as file:
            known = {row["key"]: row["label"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError) as problem:
        raise errors.InputError(
            f"{path} cannot be read as labels ({problem}); give a CSV file with the columns key "
            "and label."
        ) from None
    wanted: set[str] = set()
    for target in record["target_ids"]:
        rows = split_table.labelled(project.db, target, target_layout.SEARCH_SPLITS).to_pylist()
        wanted |= {row["label"] for row in rows if row["label"]}
    hits = []
    for row in place_table.locations(project.db, picks["uid"].to_pylist()).to_pylist():
        name = row["member"] or row["rel_path"]
        for key in (row["source_uid"], name, Path(name).stem):
            if key in known:
                hits.append(known[key] in wanted)
                break
    if not hits:
        raise errors.InputError(f"{path} labels none of the selection's images; check its keys.")
    return np.array(hits)
