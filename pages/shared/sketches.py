"""Small pictures drawn as HTML: strips of images, a curve, an interval, a pair of bars.

In: uids and numbers. Out: HTML for `st.html`, which keeps no inline SVG; a curve is therefore an
image. Nothing waits for a chart library.
"""

import html
from collections.abc import Sequence
from urllib.parse import quote

from pages.shared import state

WIDTH, HEIGHT = 320, 96

_CURVE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}"
 preserveAspectRatio="none">
<style>path{{fill:none;stroke:#0f766e;stroke-width:2;vector-effect:non-scaling-stroke}}
.a{{fill:#0f766e;opacity:.12;stroke:none}}
@media (prefers-color-scheme:dark){{path{{stroke:#3fb8a9}}.a{{fill:#3fb8a9}}}}</style>
<path class="a" d="M0 {h} L{points} L{w} {h} Z"/><path d="M{points}"/></svg>"""


def images(uids: Sequence[str], kind: str, label: str) -> str:
    """Return a grid of thumbnails.

    Args:
        uids: of the images.
        kind: `mosaic` (many small ones) or `strip` (one row).
        label: read out in place of the pictures.
    """
    tags = "".join(
        f'<img src="{html.escape(state.url(f"/thumbnails/{uid}"))}" alt="" loading="eager">'
        for uid in uids
    )
    return f'<div class="sept-{kind}" role="img" aria-label="{html.escape(label)}">{tags}</div>'


def numbers(pairs: Sequence[tuple[str, str]]) -> str:
    """Return large numbers with their words below."""
    cells = "".join(
        f"<div><b>{html.escape(value)}</b><span>{html.escape(word)}</span></div>"
        for value, word in pairs
    )
    return f'<div class="sept-numbers">{cells}</div>'


def curve(points: Sequence[tuple[float, float]], label: str) -> str:
    """Return a line through (x, y) points, scaled to fill its box; empty with fewer than two."""
    if len(points) < 2:
        return ""
    xs, ys = zip(*points, strict=True)
    spread_x, spread_y = max(xs) - min(xs) or 1.0, max(ys) - min(ys) or 1.0
    places = " L".join(
        f"{WIDTH * (x - min(xs)) / spread_x:.1f} "
        f"{4 + (HEIGHT - 8) * (1 - (y - min(ys)) / spread_y):.1f}"
        for x, y in points
    )
    drawn = quote(_CURVE.format(w=WIDTH, h=HEIGHT, points=places))
    return f'<img class="sept-curve" alt="{html.escape(label)}" src="data:image/svg+xml,{drawn}">'


def interval(value: float, low: float, high: float, label: str) -> str:
    """Return a value with its interval on an axis with zero in the middle."""
    reach = 1.2 * max(abs(low), abs(high), 1e-9)
    left, middle, right = (50 + 50 * x / reach for x in (low, value, high))
    return (
        f'<div class="sept-interval" role="img" aria-label="{html.escape(label)}">'
        f'<i class="zero"></i><i class="span" style="left: {left:.1f}%; '
        f'width: {right - left:.1f}%"></i><i class="dot" style="left: {middle:.1f}%"></i>'
        '<span class="less">random is better</span><span class="more">selection is better</span>'
        "</div>"
    )


def bars(rows: Sequence[tuple[str, float]]) -> str:
    """Return one labelled bar for each value, at least 0."""
    most = max((value for _, value in rows), default=0) or 1
    lines = "".join(
        f"<span>{html.escape(word)}</span><i><u style='width: {100 * value / most:.1f}%'></u></i>"
        f"<b>{value:.3g}</b>"
        for word, value in rows
    )
    return f'<div class="sept-bars">{lines}</div>'
