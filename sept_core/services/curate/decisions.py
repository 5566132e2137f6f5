"""Review decisions: preview, decide, undo, list.

In: an open project, target sets, uids. Out: committed events of the decision log. Decisions belong
to the target sets, not to a selection: they hold for every later selection of any strategy, budget
or encoder. Only scopes that need features, groups or a map import those.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sept_core import errors
from sept_core.catalogue import decision_table, image_ids, settings, source_table
from sept_core.review import decision_log
from sept_core.services.project.project import Project


def preview(
    project: Project,
    targets: Sequence[str],
    uids: Sequence[str],
    scope: str = "image",
    *,
    encoder: str | None = None,
    least_similarity: float | None = None,
) -> list[str]:
    """Return every uid that a decision on `uids` with this scope covers, those first.

    Args:
        project: the open project.
        targets: names of the target sets.
        uids: pool images, or target images when the scope is `target`.
        scope: image, group (near-duplicates), cluster (of the map), radius or target.
        encoder: encoder of the groups, map and features; default: the current one.
        least_similarity: minimum similarity of `radius`.

    Raises:
        NotFoundError: a uid is not in the project.
        InputError: the scope needs an artefact that does not exist yet.
    """
    _check_known(project, targets, uids, scope)
    if scope in ("image", "target"):
        return list(dict.fromkeys(uids))
    # Imported here, because decisions on single images (`sept veto`) do not need it.
    from sept_core.services.curate import scopes

    return scopes.expand(project, uids, scope, encoder, least_similarity)


def _check_known(project: Project, targets: Sequence[str], uids: Sequence[str], scope: str) -> None:
    if scope == "target":
        ids = ids_of(project, targets)
        known = {uid for ident in ids for uid in image_ids.of_source(project.db, ident)}
        unknown = [uid for uid in uids if uid not in known]
    else:
        unknown = image_ids.unknown(project.db, uids)
    if unknown:
        what = "target image" if scope == "target" else "image"
        whole = "" if len(unknown[0]) == 32 else "; give all 32 digits of its uid"
        raise errors.NotFoundError(f"This project has no {what} {unknown[0]!r}{whole}.")


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
    """Commit one decision on exactly these uids (see `preview`), durably when this returns.

    Raises:
        NotFoundError: a target set does not exist.
        InputError: action and scope do not match, or there is no uid.
    """
    name = who or signature(project)
    return commit(project, ids_of(project, targets), action, uids, name, scope, reason)


def ids_of(project: Project, targets: Sequence[str]) -> list[str]:
    """Return the ids of target sets by their names.

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
    """Commit a decision like `decide`, for target sets by their ids, signed with a name."""
    if not uids:
        raise errors.InputError(f"Name at least one image to {action}.")
    decision_log.Event(1, "", name, action, scope, reason, tuple(uids))  # validates the values
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
    """Undo the latest standing decision, all after position `to`, or the latest undo.

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
    """Undo like `undo`, for target sets by their ids; return the undone positions."""
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
    """List every event of these target sets, oldest first, and whether it still stands."""
    return events_of(decision_table.log_of(project.db, ids_of(project, targets)))


def events_of(log: decision_log.Log) -> list[dict[str, Any]]:
    """List every event of a log, oldest first, and whether it still stands."""
    standing = {event.position for event in decision_log.standing(log.events)}
    return [asdict(event) | {"stands": event.position in standing} for event in log.events]


def signature(project: Project) -> str:
    """Return the name that signs decisions: the login, else the name set in the project."""
    name: str = project.who or settings.get(project.db, "who", "unknown")
    return name


def sign_as(project: Project, name: str) -> None:
    """Set the name that signs later decisions.

    Raises:
        InputError: the name is empty or longer than 100 characters.
    """
    wanted = " ".join(name.split())
    if not 1 <= len(wanted) <= 100:
        raise errors.InputError("A name has 1 to 100 characters.")
    settings.put(project.db, "who", wanted)
