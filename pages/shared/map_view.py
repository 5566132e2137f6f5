"""The map component (WebGL points, a drawn area, a click) and the map's legend.

assets/map/index.js documents the data that it takes and sends.
"""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pages.shared import component, gallery, state

_render = component.declare("sept_map")

GLYPHS = (("▲", "#ffffff"), ("■", "#ffd84a"), ("◆", "#ff9ec4"), ("●", "#9ad8ff"))
"""Shape (as in assets/map/overlay.js) and colour of the target sets, in their order."""

LEGEND = 18
"""The most classes in the legend; the largest are listed."""

_STYLE = """<style>
.sept-legend {display: flex; flex-wrap: wrap; gap: 4px 14px; font-size: 12px}
.sept-legend span {white-space: nowrap; display: inline-flex; align-items: center; gap: 5px}
.sept-legend small {opacity: .75}
</style>"""


def draw(
    key: str,
    data: dict[str, Any],
    on_area: Callable[[], None],
    on_clicked: Callable[[], None],
) -> None:
    """Draw the map.

    Args:
        key: of this map.
        data: see assets/map/index.js.
        on_area: called before the next run when an area was drawn or cleared; see `area`.
        on_clicked: called before the next run when an image was clicked; see `clicked`.
    """
    _render(key=key, data=data, on_area_change=on_area, on_clicked_change=on_clicked)


def area(key: str) -> list[tuple[float, float]]:
    """Return the corners of the last area, in 0..1; empty after clearing."""
    sent: Any = state.component_value(key, "area") or {"corners": []}
    return [(float(x), float(y)) for x, y in sent["corners"]]


def clicked(key: str) -> str | None:
    """Return the uid of the last clicked image, or None."""
    sent = state.component_value(key, "clicked")
    return str(sent).partition(" ")[0] if sent else None


def legend(classes: list[dict[str, Any]], targets: Sequence[str]) -> None:
    """Draw the legend of colours and glyphs.

    Args:
        classes: `label`, `colour` and `count` each, as in `point_colours.Colouring`.
        targets: names of the target sets on the map, in the order of their glyphs.
    """
    shown = classes
    if len(classes) > LEGEND:
        shown = sorted(classes, key=lambda entry: -entry["count"])[:LEGEND]
    parts = [
        f'<i style="width:10px;height:10px;border-radius:5px;background:{entry["colour"]}"></i>'
        f"{gallery.text(entry['label'])} <small>{entry['count']:,}</small>"
        for entry in shown
    ]
    if more := len(classes) - len(shown):
        parts.append(f"<small>and {more:,} smaller classes</small>")
    parts += [_glyph(index, name) for index, name in enumerate(targets)]
    spans = "".join(f"<span>{part}</span>" for part in parts)
    st.html(f'{_STYLE}<div class="sept-legend">{spans}</div>')


def _glyph(index: int, name: str) -> str:
    shape, colour = GLYPHS[index % len(GLYPHS)]
    outlined = f"-webkit-text-fill-color:{colour};-webkit-text-stroke:1px currentColor"
    return f'<b style="{outlined}">{shape}</b>{gallery.text(name)} <small>target set</small>'
