"""The review grid: a virtual list of images in the browser, and the decisions that it sends.

The browser keeps every step until it is acknowledged, and sends all pending steps each time
(docs/architecture.md, lossless review); this module turns them into `outbox.Step`s.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pages.shared import component, state
from sept_core.services.curate import outbox

_render = component.declare("sept_grid")


@dataclass(frozen=True)
class Sent:
    """The browser's last message: steps on one selection, some possibly applied already."""

    selection: str
    steps: list[outbox.Step]


def draw(
    key: str, data: dict[str, Any], on_sent: Callable[[], None], on_asked: Callable[[], None]
) -> None:
    """Draw the grid.

    Args:
        key: of this grid.
        data: `selection`, `sheet` (its URL), `marks` (uid to action), `acknowledged` (client to
            number), `fresh` (uids new in an updated selection), `error` (why saving failed).
        on_sent: called before the next run when steps arrived; see `sent`.
        on_asked: called before the next run when a scope was requested; see `asked`.
    """
    _render(key=key, data=data, on_outbox_change=on_sent, on_asked_change=on_asked)


def asked(key: str) -> str | None:
    """Return the uid of the image for which a scope was last requested, or None."""
    value: Any = state.component_value(key, "asked")
    return str(value).partition(" ")[0] if value else None


def sent(key: str) -> Sent | None:
    """Return the browser's outbox, or None while it has sent nothing."""
    outbox: Any = state.component_value(key, "outbox")
    if not outbox:
        return None
    steps = [
        outbox.Step(str(client), int(number), str(action), tuple(map(str, uids)))
        for client, number, action, uids in outbox["steps"]
    ]
    return Sent(str(outbox["selection"]), steps)
