"""The map component: WebGL points, an area drawn on them, and a click.

What it shows and answers is told in assets/map.js.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from pages.shared import state

_ASSETS = Path(__file__).parents[2] / "assets"
_render = st.components.v2.component(
    "sept_map",
    html='<div class="sept-map">\n</div>',
    css=(_ASSETS / "map.css").read_text(),
    js=(_ASSETS / "map.js").read_text(),
)


def draw(
    key: str,
    data: dict[str, Any],
    on_area: Callable[[], None],
    on_clicked: Callable[[], None],
) -> None:
    """Draw the map.

    Args:
        key: of this map.
        data: see assets/map.js.
        on_area: called before the next run when an area was drawn or cleared; see `area`.
        on_clicked: called before the next run when an image was clicked; see `clicked`.
    """
    _render(
        key=key, data=data, height="content", on_area_change=on_area, on_clicked_change=on_clicked
    )


def area(key: str) -> list[tuple[float, float]]:
    """The corners that were drawn last, in 0..1; empty when it was cleared."""
    sent: Any = state.component_value(key, "area") or {"corners": []}
    return [(float(x), float(y)) for x, y in sent["corners"]]


def clicked(key: str) -> str | None:
    """The uid that was clicked last."""
    sent = state.component_value(key, "clicked")
    return str(sent).partition(" ")[0] if sent else None
