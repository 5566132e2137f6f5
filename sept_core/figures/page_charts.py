"""Charts of a page that stands alone: a curve with a band, and horizontal bars, as SVG.

In: numbers and their names. Out: `<svg>` and HTML elements without scripts, whose colours are CSS
variables of the page (`--accent`, `--soft`, `--line`, `--quiet`).
"""

import html
import math
from collections.abc import Sequence

from sept_core.figures.axis import Axis

WIDTH, HEIGHT = 640, 268
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 12, 14, 52


def curve(
    places: Sequence[float],
    low: Sequence[float],
    middle: Sequence[float],
    high: Sequence[float],
    label: str,
) -> str:
    """Draw a line with a band around it.

    Args:
        places: horizontal values, ascending.
        low: lower end of the band at each.
        middle: the line.
        high: upper end of the band.
        label: of the horizontal axis, and of the figure for readers who do not see it.
    """
    room = max((max(high) - min(low)) * 0.06, 0.01)
    across = Axis(places[0], max(places[-1], places[0] + 1), _LEFT, WIDTH - _RIGHT)
    upright = Axis(min(low) - room, max(high) + room, HEIGHT - _BOTTOM, _TOP)
    parts = [_rule(upright.at(value), f"{value:g}") for value in upright.ticks()]
    for value in across.ticks():
        if math.isclose(value, round(value)):  # places are whole numbers, such as ranks
            x, y = across.at(value), HEIGHT - _BOTTOM + 20
            parts.append(f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{value:,.0f}</text>')
    upper, lower, line = (
        [(across.at(place), upright.at(value)) for place, value in zip(places, own, strict=True)]
        for own in (high, low, middle)
    )
    parts.append(f'<polygon class="band" points="{_points([*upper, *reversed(lower)])}"/>')
    parts.append(f'<polyline class="line" points="{_points(line)}"/>')
    middle_of = (_LEFT + WIDTH - _RIGHT) / 2
    name = html.escape(label)
    parts.append(f'<text x="{middle_of}" y="{HEIGHT - 6}" text-anchor="middle">{name}</text>')
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-label="{name}">'
        f"{''.join(parts)}</svg>"
    )


def bars(rows: Sequence[tuple[str, float, str]]) -> str:
    """Draw named horizontal bars with their values as text.

    Args:
        rows: name, length and text of each.
    """
    longest = max((length for _, length, _ in rows), default=0) or 1
    lines = [
        f"<div class=bar><span class=name>{html.escape(name)}</span>"
        f'<span class=track><i style="width:{max(0.4, 100 * length / longest):.1f}%"></i></span>'
        f"<span class=value>{html.escape(text)}</span></div>"
        for name, length, text in rows
    ]
    return f"<div class=bars>{''.join(lines)}</div>"


def _rule(y: float, name: str) -> str:
    return (
        f'<line class="rule" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{name}</text>'
    )


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
