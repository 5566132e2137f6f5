"""The review of one selection: its sheet of images, and the decisions that arrive.

In: a selection, an order, batches of numbered steps from a browser. Out: a sheet (constant for one
selection, order and log position), marks, and the number of the last saved step.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sept_core import errors
from sept_core.catalogue import (
    decision_table,
    place_table,
    selection_table,
    source_table,
    split_table,
)
from sept_core.features import feature_store
from sept_core.index import cosine
from sept_core.review import audit
from sept_core.services.curate import decisions, judging, outbox, selections
from sept_core.services.curate.outbox import Step
from sept_core.services.curate.selections import Selection
from sept_core.services.data import preparation
from sept_core.services.explore import point_map
from sept_core.services.project.project import Project
from sept_core.storage import hashing
from sept_core.storage.recent import Recent

ORDERS = ("by-target", "by-doubt", "by-cluster", "audit")
AUDITED = 100
"""Sample size of an audit, the same as in `judging.audit_plan`."""

ACTIONS = ("veto", "keep", "pin")
NEAREST, MOST_SHOWN = 4, 12
"""Number of target images and near-duplicates shown next to an image in full size."""


@dataclass(frozen=True)
class Order:
    """One of `ORDERS`; `by-doubt` uses the decision log up to `position`."""

    name: str
    position: int = 0


def choices(project: Project) -> dict[str, list[dict[str, Any]]]:
    """Return the selections to review by the names of their target sets, latest first."""
    names = {source.id: source.name for source in source_table.every(project.db, "target")}
    found: dict[str, list[dict[str, Any]]] = {}
    for record in reversed(selection_table.every(project.db)):
        if set(record["target_ids"]) <= set(names):
            joined = " + ".join(names[ident] for ident in record["target_ids"])
            found.setdefault(joined, []).append(record)
    return found


def sheet(project: Project, selection_id: str, order: Order) -> dict[str, Any]:
    """Return the images of a selection in the order of review, as columns.

    All of them; in the order `audit` only its random sample. `target` is the row of each image's
    target in `targets`, −1 for pins and fills; `section` is the row of its heading in `sections`
    (uid of a target image or null, label), −1 without sections.

    Raises:
        NotFoundError: there is no such selection or order.
    """
    chosen = selections.resolve(project, selection_id)
    if order.name not in ORDERS:
        raise errors.NotFoundError(
            f"The order {order.name!r} is unknown; use one of {', '.join(ORDERS)}."
        )
    rows, method = _ordered(project, chosen, order)
    picks = chosen.picks.take(pa.array(rows))
    owners = picks["target_uid"].to_pylist()
    targets = list(dict.fromkeys(uid for uid in owners if uid))
    places = {uid: row for row, uid in enumerate(targets)}
    similarity = np.nan_to_num(picks["similarity"].to_numpy(), nan=-1.0)
    return {
        "uids": picks["uid"].to_pylist(),
        "targets": targets,
        "target": [places.get(uid, -1) for uid in owners],
        "rank": picks["target_rank"].to_pylist(),
        "similarity": np.round(similarity, 4).tolist(),
        "phase": picks["phase"].to_pylist(),
        "method": method,
        **_sections(project, chosen.encoder_id, picks, order, targets, places),
    }


def _ordered(project: Project, chosen: Selection, order: Order) -> tuple[np.ndarray, str]:
    """Return the rows of the picks, and a short description of their order."""
    picks = chosen.picks
    if order.name == "by-target":
        return _by_target(picks), "most similar to its target first"
    if order.name == "by-doubt":
        count = picks.num_rows
        found = judging.doubtful(project, chosen, count, order.position)
        rows = {uid: row for row, uid in enumerate(picks["uid"].to_pylist())}
        return np.array([rows[uid] for uid in found.uids], np.int64), found.method
    if order.name == "by-cluster":
        clusters = _clusters(project, chosen.encoder_id, picks)
        return np.lexsort((np.arange(picks.num_rows), clusters)), "by cluster of the map"
    uids = picks["uid"].to_pylist()
    places = {uid: row for row, uid in enumerate(uids)}
    sample = audit.plan(uids, AUDITED, 0).uids
    return np.array([places[uid] for uid in sample], np.int64), "a random sample to judge"


def _clusters(project: Project, encoder_id: str, picks: pa.Table) -> np.ndarray:
    """Return (n,) the cluster of each pick on the map, −1 if it is not on it.

    Raises:
        NotFoundError: the map has not been drawn.
    """
    drawn = point_map.load(project, encoder_id)
    places = hashing.places_among(drawn.uids, hashing.uid_array(picks["uid"]))
    clusters: np.ndarray = np.append(drawn.clusters, -1)[
        places
    ]  # −1 (no place) indexes the last entry
    return clusters


def _sections(
    project: Project,
    encoder_id: str,
    picks: pa.Table,
    order: Order,
    targets: list[str],
    places: dict[str, int],
) -> dict[str, Any]:
    if order.name == "by-target":
        sections: list[dict[str, Any]] = [{"uid": uid, "label": "target"} for uid in targets]
        sections.append({"uid": None, "label": "pinned or filled"})
        own = [places.get(uid, len(targets)) for uid in picks["target_uid"].to_pylist()]
    elif order.name == "by-cluster":
        clusters = _clusters(project, encoder_id, picks)
        names, inverse, counts = np.unique(clusters, return_inverse=True, return_counts=True)
        sections = [
            {"uid": None, "label": f"cluster {name} · {count}" if name >= 0 else "no cluster"}
            for name, count in zip(names.tolist(), counts.tolist(), strict=True)
        ]
        own = inverse.tolist()
    else:
        sections, own = [], [-1] * picks.num_rows
    return {"sections": sections, "section": own}


def _by_target(picks: pa.Table) -> np.ndarray:
    """Order targets by their first pick, each one's images by rank; the others at the end."""
    owners = picks["target_uid"].to_pylist()
    first = {uid: row for row, uid in reversed(list(enumerate(owners))) if uid}
    turn = np.array([first.get(uid, len(owners)) for uid in owners])
    rank = picks["target_rank"].fill_null(0).to_numpy()
    return np.lexsort((np.arange(len(owners)), rank, turn))


def marks(project: Project, selection_id: str) -> dict[str, str]:
    """Return the standing decisions on images of a selection: uid to action."""
    chosen = selections.resolve(project, selection_id)
    known = _known(project, chosen)
    decided = chosen.log.state.decisions
    return {uid: d.action for uid, d in decided.items() if uid in known}


def why(project: Project, selection_id: str, uid: str) -> dict[str, Any]:
    """Return details of one image for the reviewer, besides its row of the sheet.

    Returns:
        targets: `[uid, cosine]` of its nearest target images, nearest first; copies: the other
        images of its duplicate group; places: its files, as `source/path`; decisions: all decisions
        on it, latest first, with `at`, `who`, `action`, `scope`, `reason`, `stands`.

    Raises:
        NotFoundError: there is no such selection, or the image is not in it.
    """
    chosen = selections.resolve(project, selection_id)
    if uid not in _known(project, chosen):
        raise errors.NotFoundError(f"Image {uid!r} is not in this selection.")
    groups = preparation.groups_by_uid(project, chosen.encoder_id)
    fields = ("at", "who", "action", "scope", "reason", "stands")
    events = decisions.events_of(chosen.log)[::-1]
    return {
        "targets": _nearest_targets(project, chosen, uid),
        "copies": [other.decode() for other in groups.fellows(uid.encode())[:MOST_SHOWN]],
        "places": [place.text for place in place_table.places(project.db, uid)],
        "decisions": [{key: e[key] for key in fields} for e in events if uid in e["uids"]],
    }


def _nearest_targets(project: Project, chosen: Selection, uid: str) -> list[tuple[str, float]]:
    pool = feature_store.kept(project.paths.pool_features(chosen.encoder_id))
    query = np.array([uid], hashing.UID_DTYPE)
    if pool.rows_of(query)[0] < 0:
        return []
    found: dict[str, float] = {}
    for target in chosen.target_ids:
        folder = project.paths.target_features(chosen.encoder_id, target)
        store = feature_store.FeatureStore(folder)
        searching = split_table.searching(project.db, target)
        for block in store.blocks():
            mine = np.isin(block.uids, searching)
            values = cosine.cosines(block.vectors[mine], pool.vectors_of(query))[:, 0]
            uids = (uid.decode() for uid in block.uids[mine].tolist())
            found |= zip(uids, values.tolist(), strict=True)
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))[:NEAREST]


def position(project: Project) -> int:
    """Return the position of the latest decision, which determines the order by doubt."""
    return decision_table.last_position(project.db)


def apply(project: Project, selection_id: str, steps: Sequence[Step]) -> None:
    """Commit the new steps in the given order, all or none.

    The acknowledgement is in the same transaction, so a step that is sent again after a
    crash, reload or restart counts once.

    Raises:
        InputError: a step names an image that is not in the selection, or an unknown action.
        NotFoundError: a target set of the selection was removed.
    """
    chosen = selections.resolve(project, selection_id)
    selections.check_targets(project, chosen)
    known = _known(project, chosen)
    for step in steps:
        if step.action not in (*ACTIONS, "undo") or not known.issuperset(step.uids):
            raise errors.InputError(
                f"{step.action!r} on {len(step.uids)} images does not match this selection; reload "
                "the page."
            )
    outbox.apply(project, "+".join(chosen.target_ids), steps)


_picked = Recent[tuple[Path, str], frozenset[str]](4)


def _known(project: Project, chosen: Selection) -> frozenset[str]:
    """Return the images of a selection, cached by its id."""
    key = (project.paths.root, chosen.id)
    return _picked.get(key, lambda: frozenset(chosen.picks["uid"].to_pylist()))
