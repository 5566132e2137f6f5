"""The reviewer's decisions: preview a scope, decide, undo, see what to look at next, audit.

Decisions belong to the target sets, not to a selection: they hold for every selection made
from now on, whatever its strategy, budget or encoder.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow.compute as pc

from sept_core import errors
from sept_core.catalogue import decision_table, image_table, settings, source_table
from sept_core.features import feature_store
from sept_core.index import cosine
from sept_core.review import audit, decision_log, suggestions
from sept_core.services.curate import selections
from sept_core.services.curate.selections import Selection
from sept_core.services.data import preparation
from sept_core.services.explore import point_map
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import hashing


def preview(
    project: Project,
    targets: Sequence[str],
    uids: Sequence[str],
    scope: str = "image",
    *,
    encoder: str | None = None,
    least_similarity: float | None = None,
) -> list[str]:
    """Every uid that a decision on `uids` with this scope would be about, those first.

    Args:
        project: the open project.
        targets: names of the target sets.
        uids: pool images, or target images when the scope is `target`.
        scope: image, group (near-duplicates), cluster (of the map), radius or target.
        encoder: whose groups, map and features count; default the current one.
        least_similarity: of `radius`.

    Raises:
        NotFoundError: a uid is not in the project.
        InputError: the scope needs something that has not been made yet.
    """
    _check_known(project, targets, uids, scope)
    if scope in ("image", "target"):
        return list(dict.fromkeys(uids))
    encoder_id = projects.find_encoder(project, encoder)
    found: dict[str, None] = {}
    for uid in uids:
        if uid in found and scope != "radius":
            continue  # its group or cluster is there already
        found |= dict.fromkeys(_expand(project, encoder_id, uid, scope, least_similarity))
    return list(found)


def _check_known(project: Project, targets: Sequence[str], uids: Sequence[str], scope: str) -> None:
    if scope == "target":
        ids = ids_of(project, targets)
        known = {uid for ident in ids for uid in image_table.uids_of_source(project.db, ident)}
        unknown = [uid for uid in uids if uid not in known]
    else:
        unknown = image_table.unknown(project.db, uids)
    if unknown:
        what = "target image" if scope == "target" else "image"
        raise errors.NotFoundError(f"This project has no {what} {unknown[0]!r}.")


def _expand(
    project: Project, encoder_id: str, uid: str, scope: str, least_similarity: float | None
) -> tuple[str, ...]:
    if scope == "group":
        fellows = preparation.groups_by_uid(project, encoder_id).fellows(uid.encode())
        return uid, *(other.decode() for other in fellows)
    if scope == "cluster":
        drawn = point_map.load(project, encoder_id)
        return decision_log.same_label(uid, drawn.uids, drawn.clusters)
    if scope == "radius":
        if least_similarity is None:
            raise errors.InputError("The scope radius needs the least similarity; give --least.")
        store = feature_store.kept(project.paths.pool_features(encoder_id))
        center = store.vectors_of(np.array([uid], hashing.UID_DTYPE))
        parts = [cosine.cosines(block.vectors, center)[:, 0] for block in store.blocks()]
        return decision_log.within_radius(uid, store.uids, np.concatenate(parts), least_similarity)
    raise errors.InputError(f"{scope!r} is no scope; use one of {', '.join(decision_log.SCOPES)}.")


def decide(
    project: Project,
    targets: Sequence[str],
    action: str,
    uids: Sequence[str],
    *,
    scope: str = "image",
    reason: str = "",
    who: str | None = None,
) -> dict[str, Any]:
    """Commit one decision on exactly these uids (see `preview`); it is on disk when this returns.

    Raises:
        NotFoundError: a target set does not exist.
        InputError: action and scope do not fit each other, or there is no uid.
    """
    name = who or signature(project)
    return commit(project, ids_of(project, targets), action, uids, name, scope, reason)


def ids_of(project: Project, targets: Sequence[str]) -> list[str]:
    """The ids of target sets by their names.

    Raises:
        NotFoundError: one does not exist.
    """
    return [source_table.find(project.db, "target", name).id for name in targets]


def commit(
    project: Project,
    target_ids: Sequence[str],
    action: str,
    uids: Sequence[str],
    name: str,
    scope: str = "image",
    reason: str = "",
) -> dict[str, Any]:
    """As `decide`, for target sets by their ids, signed with a name."""
    if not uids:
        raise errors.InputError(f"Name at least one image to {action}.")
    decision_log.Event(1, "", name, action, scope, reason, tuple(uids))  # refuses what does not fit
    position = decision_table.append(
        project.db, target_ids, who=name, action=action, scope=scope, reason=reason, uids=uids
    )
    return {"position": position, "action": action, "scope": scope, "count": len(uids)}


def undo(
    project: Project,
    targets: Sequence[str],
    *,
    to: int | None = None,
    redo: bool = False,
    who: str | None = None,
) -> dict[str, Any]:
    """Take the latest standing decision back, or all after position `to`, or the latest undo.

    Raises:
        InputError: there is nothing to undo.
    """
    name = who or signature(project)
    undone = take_back(project, ids_of(project, targets), name, to=to, redo=redo)
    if not undone:
        raise errors.InputError(
            f"There is nothing to {'redo' if redo else 'undo'} for {', '.join(targets)}."
        )
    return {"undone": undone, "position": decision_table.last_position(project.db)}


def take_back(
    project: Project,
    target_ids: Sequence[str],
    name: str,
    *,
    to: int | None = None,
    redo: bool = False,
) -> list[int]:
    """As `undo`, for target sets by their ids; returns the positions that were undone, if any."""
    undone: list[int] = []
    for target_id in target_ids:
        events = decision_table.log_of(project.db, [target_id]).events
        if to is not None:
            positions = decision_log.positions_after(events, to)
        else:
            last = (
                decision_log.last_redoable(events) if redo else decision_log.last_undoable(events)
            )
            positions = () if last is None else (last,)
        if positions:
            decision_table.append(
                project.db, [target_id], who=name, action="undo", undoes=positions
            )
            undone += positions
    return undone


def history(project: Project, targets: Sequence[str]) -> list[dict[str, Any]]:
    """Every event of these target sets, oldest first, with whether it still stands."""
    return events_of(decision_table.log_of(project.db, ids_of(project, targets)))


def events_of(log: decision_log.Log) -> list[dict[str, Any]]:
    """Every event of a log, oldest first, with whether it still stands."""
    standing = {event.position for event in decision_log.standing(log.events)}
    return [asdict(event) | {"stands": event.position in standing} for event in log.events]


def signature(project: Project) -> str:
    """The name that decisions are signed with: the login, else the name set in the project."""
    name: str = project.who or settings.get(project.db, "who", "unknown")
    return name


def sign_as(project: Project, name: str) -> None:
    """Sign decisions with another name from now on.

    Raises:
        InputError: the name is empty or longer than 100 characters.
    """
    wanted = " ".join(name.split())
    if not 1 <= len(wanted) <= 100:
        raise errors.InputError("A name has 1 to 100 characters.")
    settings.put(project.db, "who", wanted)


def suggest(
    project: Project, selection_id: str, count: int = 50, position: int | None = None
) -> dict[str, Any]:
    """Which picks to look at next, most doubtful first; nothing is decided.

    Args:
        project: the open project.
        selection_id: the selection.
        count: images wanted.
        position: of the log that counts as its end; None for all decisions.
    """
    chosen = selections.resolve(project, selection_id)
    found = doubtful(project, chosen, count, position)
    return {"selection": chosen.id, **asdict(found)}


def doubtful(
    project: Project, chosen: Selection, count: int, position: int | None = None
) -> suggestions.Suggestions:
    """As `suggest`, for a selection that was found."""
    picks = chosen.picks
    state = _state(chosen, position)
    store = feature_store.FeatureStore(project.paths.pool_features(chosen.encoder_id))
    uids = hashing.uid_array(picks["uid"])
    judged = np.array(list(state.decisions), hashing.UID_DTYPE)
    judged = judged[store.rows_of(judged) >= 0]
    owners = pc.rank(picks["target_uid"], tiebreaker="min").to_numpy()
    return suggestions.suggest_vetoes(
        uids,
        store.vectors_of(uids),
        picks["similarity"].to_numpy(),
        owners.astype(np.int64),
        state,
        judged,
        store.vectors_of(judged),
        count,
    )


def audit_plan(
    project: Project, selection_id: str, size: int = 100, seed: int = 0
) -> dict[str, Any]:
    """The sample to judge, and the precision of each budget as far as it has been judged."""
    chosen = selections.resolve(project, selection_id)
    ranked = chosen.picks["uid"].to_pylist()
    plan = audit.plan(ranked, size, seed)
    state = chosen.log.state
    budgets = sorted({max(1, len(ranked) * part // 4) for part in (1, 2, 3, 4)})
    found = [audit.precision(plan, state, budget) for budget in budgets]
    return {
        "selection": chosen.id,
        "uids": list(plan.uids),
        "to_judge": [uid for uid in plan.uids if state.verdict(uid) is None],
        "precision": [asdict(value) for value in found if value is not None],
    }


def _state(chosen: Selection, position: int | None) -> decision_log.ReviewState:
    if position is None:
        return chosen.log.state
    return decision_log.replay(event for event in chosen.log.events if event.position <= position)
