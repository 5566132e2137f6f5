"""Commands that decide on images: veto, keep, pin, undo, history.

They run often and as single processes, so this module imports only what a decision needs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sept_core.cli import output
from sept_core.cli.options import Dir, Json, Targets
from sept_core.services.curate import decisions
from sept_core.services.project import opening

Uids = Annotated[list[str], typer.Argument(metavar="UID…", help="Images, by uid.")]
Reason = Annotated[
    str, typer.Option("--reason", help="Reason, stored in the log and the manifest.")
]
Who = Annotated[
    str | None, typer.Option("--who", help="Name of the reviewer. Default: the project's.")
]
Scope = Annotated[
    str,
    typer.Option(
        "--scope",
        metavar="image|group|cluster|radius|target",
        help="Decide on these images, their near-duplicate groups, their map clusters, all images "
        "within --least of them, or target images.",
    ),
]
Least = Annotated[
    float | None, typer.Option("--least", help="Minimum similarity for --scope radius.")
]

PAST = {"veto": "Vetoed", "negative": "Vetoed", "keep": "Kept", "pin": "Pinned"}


def _decide(
    action: str, folder: Path, targets: list[str], uids: list[str], scope: str, reason: str,
    who: str | None, least: float | None, as_json: bool,
) -> None:  # fmt: skip
    with opening.opened(folder) as project:
        expanded = decisions.preview(project, targets, uids, scope, least_similarity=least)
        done = decisions.decide(
            project, targets, action, expanded, scope=scope, reason=reason, who=who
        )
    if as_json:
        output.as_json(done | {"uids": expanded})
    else:
        _show(action, targets, len(expanded), done["position"])


def _show(action: str, targets: Sequence[str], count: int, position: int) -> None:
    """Print what a decision applies to."""
    images, whom = output.counted(count, "image"), ", ".join(targets)
    output.say(f"{PAST[action]} {images} for {whom} (position {position} of the log).")


def veto(
    folder: Dir, uids: Uids, target: Targets, scope: Scope = "image", reason: Reason = "",
    who: Who = None, least: Least = None,
    negative: Annotated[
        bool, typer.Option(help="Also rank images down that look like these.")
    ] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Exclude images from all selections for these target sets."""
    action = "negative" if negative else "veto"
    _decide(action, folder, target, uids, scope, reason, who, least, as_json)


def keep(
    folder: Dir, uids: Uids, target: Targets, scope: Scope = "image", reason: Reason = "",
    who: Who = None, least: Least = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Mark images as correct; replaces an earlier decision on them."""
    _decide("keep", folder, target, uids, scope, reason, who, least, as_json)


def pin(
    folder: Dir, uids: Uids, target: Targets, scope: Scope = "image", reason: Reason = "",
    who: Who = None, least: Least = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Include images in all selections for these target sets; they count towards the budget."""
    _decide("pin", folder, target, uids, scope, reason, who, least, as_json)


def undo(
    folder: Dir,
    target: Targets,
    to: Annotated[
        int | None, typer.Option(help="Undo all decisions after this position of the log.")
    ] = None,
    redo: Annotated[bool, typer.Option("--redo", help="Revert the latest undo.")] = False,
    who: Who = None,
    as_json: Json = False,
) -> None:
    """Undo the latest decision."""
    with opening.opened(folder) as project:
        done = decisions.undo(project, target, to=to, redo=redo, who=who)
    if as_json:
        return output.as_json(done)
    word = "decision" if len(done["undone"]) == 1 else "decisions"
    return output.say(f"Undid {word} {', '.join(map(str, done['undone']))}.")


def history(folder: Dir, target: Targets, as_json: Json = False) -> None:
    """List all decisions with reviewer, time and reason."""
    with opening.opened(folder) as project:
        events = decisions.history(project, target)
    if as_json:
        return output.as_json({"events": events})
    columns = ["position", "at", "who", "action", "scope", "stands", "reason"]
    return output.rows(
        "Decisions",
        [*columns, "images"],
        ([*(event[c] for c in columns), len(event["uids"])] for event in events),
    )
