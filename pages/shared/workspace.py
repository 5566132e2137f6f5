"""The Curate workspace component, and what the browser posts.

In (data): `services.curate.workspace.Data` as JSON, with `query` (project, rules and token of
URLs), `client` and `done` (the last wish of that client that was fulfilled), `error` (why decisions
could not be saved) and `notice`. Out: the decisions and wishes of the browser, which it sends again
until they are acknowledged (docs/architecture.md, no decision is lost).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pages.shared import component, state
from sept_core.services.curate.outbox import Step

_render = component.declare("sept_curate")


@dataclass(frozen=True)
class Sent:
    """Decisions for the target sets of `context`, ids joined by `+`; some may be saved already."""

    context: str
    steps: list[Step]


@dataclass(frozen=True)
class Wish:
    """A request of the browser other than a decision; `number` counts those of one client."""

    number: int
    kind: str
    payload: dict[str, Any]


def draw(
    key: str, data: dict[str, Any], on_outbox: Callable[[], None], on_wishes: Callable[[], None]
) -> None:
    """Draw the workspace.

    Args:
        key: of the component.
        data: see above.
        on_outbox: called before the next run when decisions arrived; see `sent`.
        on_wishes: called before the next run when wishes arrived; see `wishes`.
    """
    _render(key=key, data=data, on_outbox_change=on_outbox, on_wishes_change=on_wishes)


def sent(key: str) -> Sent | None:
    """Return the browser's decisions, or None while it has sent nothing."""
    outbox: Any = state.component_value(key, "outbox")
    if not outbox:
        return None
    return Sent(str(outbox["context"]), [_step(*step) for step in outbox["steps"]])


def _step(
    client: Any, number: Any, action: Any, uids: Any, scope: Any, reason: Any, to: Any
) -> Step:
    position = None if to is None else int(to)
    uids = tuple(map(str, uids))
    return Step(str(client), int(number), str(action), uids, str(scope), str(reason), position)


def seen(key: str, name: str) -> tuple[str, int]:
    """Return the client of a message, `outbox` or `wishes`, and the last of its wishes whose
    effect it had received.
    """
    posted: Any = state.component_value(key, name) or {}
    return str(posted.get("asker", "")), int(posted.get("seen", 0))


def wishes(key: str) -> tuple[str, list[Wish]]:
    """Return the browser's client name and its wishes, in order."""
    posted: Any = state.component_value(key, "wishes")
    if not posted:
        return "", []
    listed = [Wish(int(n), str(kind), dict(payload)) for n, kind, payload in posted["list"]]
    return str(posted["client"]), listed
