"""The outbox of a browser: numbered steps that are committed once, in order, all or none.

In: the target sets of a decision log, batches of steps; a batch may repeat steps that were
committed before. Out: events in the decision log, and the number of the last saved step of each
client, committed in one transaction, so that a step that is sent again after a crash, a reload or a
restart counts once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sept_core import errors
from sept_core.catalogue import connection, image_ids, settings, source_table
from sept_core.review import decision_log
from sept_core.services.curate import decisions
from sept_core.services.project.project import Project

ACTIONS = ("veto", "keep", "pin", "negative")
TAKE_BACK = ("undo", "redo", "undo-to")

CLIENTS_REMEMBERED = 50

MOST_REASON = 1000


@dataclass(frozen=True)
class Step:
    """One decision in a browser, or its undoing.

    Attributes:
        client: identifies one instance of the page in a browser tab.
        number: counts the client's steps from 1.
        action: one of `ACTIONS` or `TAKE_BACK`.
        uids: all images that the step applies to, as previewed; none to take back.
        scope: how they were chosen, one of `decision_log.SCOPES`.
        reason: free text.
        to: position that `undo-to` returns to.
    """

    client: str
    number: int
    action: str
    uids: tuple[str, ...] = ()
    scope: str = "image"
    reason: str = ""
    to: int | None = None


def acknowledged(project: Project) -> dict[str, int]:
    """Return the number of the last saved step of each recent client."""
    known: dict[str, int] = settings.get(project.db, "acknowledged", {})
    return known


def apply(project: Project, context: str, steps: Sequence[Step]) -> None:
    """Commit the new steps in the given order, all or none.

    Args:
        project: the open project.
        context: ids of the target sets, joined by `+`.
        steps: of one or several clients.

    Raises:
        InputError: a step names an unknown action or scope, or an image that is not in the project.
        NotFoundError: a target set was removed.
    """
    target_ids = targets_of(project, context)
    who = decisions.signature(project)
    with connection.transaction(project.db):
        done = acknowledged(project)
        new = []
        for step in steps:
            last = done.pop(step.client, 0)
            if step.number > last:
                new.append(step)
            # The latest writer is last, so that the oldest entries are dropped.
            done[step.client] = max(last, step.number)
        _check(project, target_ids, new)
        for step in new:
            _commit(project, target_ids, step, who)
        recent = list(done)[-CLIENTS_REMEMBERED:]
        settings.put(project.db, "acknowledged", {client: done[client] for client in recent})


def targets_of(project: Project, context: str) -> list[str]:
    """Return the ids of the target sets that decisions belong to.

    Raises:
        NotFoundError: one was removed.
        InputError: none is named.
    """
    known = {source.id for source in source_table.every(project.db, "target")}
    ids = [ident for ident in context.split("+") if ident]
    if not ids:
        raise errors.InputError("Decisions belong to a target set; choose one first.")
    if removed := [ident for ident in ids if ident not in known]:
        raise errors.NotFoundError(f"The target set {removed[0]} was removed; add it again.")
    return ids


def _check(project: Project, target_ids: list[str], steps: Sequence[Step]) -> None:
    """Refuse steps that cannot be committed as they are."""
    for step in steps:
        if step.action in TAKE_BACK:
            if (step.action == "undo-to") != (step.to is not None):
                raise _unfit(step, "a position to return to belongs to undo-to only")
        elif step.action not in ACTIONS or step.scope not in decision_log.SCOPES:
            raise _unfit(step, f"the action {step.action!r} or scope {step.scope!r} is unknown")
        elif not step.uids:
            raise _unfit(step, "it names no image")
    decided = [step for step in steps if step.action in ACTIONS]
    pool = {uid for step in decided if step.scope != "target" for uid in step.uids}
    if pool and (unknown := image_ids.unknown(project.db, pool)):
        raise errors.InputError(f"This project has no image {unknown[0]!r}; reload the page.")
    own = {uid for step in decided if step.scope == "target" for uid in step.uids}
    if own:
        known = {uid for ident in target_ids for uid in image_ids.of_source(project.db, ident)}
        if own - known:
            raise errors.InputError(
                f"The target sets have no image {min(own - known)!r}; reload the page."
            )


def _unfit(step: Step, reason: str) -> errors.InputError:
    return errors.InputError(
        f"The step {step.action!r} cannot be saved: {reason}; reload the page."
    )


def _commit(project: Project, target_ids: list[str], step: Step, who: str) -> None:
    if step.action in TAKE_BACK:  # having nothing to take back is no error
        redo = step.action == "redo"
        decisions.take_back(project, target_ids, who, to=step.to, redo=redo)
        return
    reason = step.reason.strip()[:MOST_REASON]
    decisions.commit(project, target_ids, step.action, step.uids, who, step.scope, reason)
