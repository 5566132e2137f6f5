"""Charts of a page that stands alone: a curve with a band, and horizontal bars, as SVG.

In: numbers and their names. Out: `<svg>` and HTML elements without scripts, whose colours are CSS
variables of the page (`--accent`, `--soft`, `--line`, `--quiet`).
"""

import html
import math
from collections.abc import Callable, Sequence

WIDTH, HEIGHT = 640, 268
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 12, 14, 52
_TICKS = 5

Point = tuple[float, float]


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
    left, right = places[0], max(places[-1], places[0] + 1)
    floor, ceiling = _padded(min(low), max(high))

    def at(place: float, value: float) -> Point:
        x = _LEFT + (place - left) / (right - left) * (WIDTH - _LEFT - _RIGHT)
        share = (value - floor) / (ceiling - floor)
        return x, HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)

    upper = [at(x, y) for x, y in zip(places, high, strict=True)]
    lower = [at(x, y) for x, y in zip(places, low, strict=True)]
    line = [at(x, y) for x, y in zip(places, middle, strict=True)]
    parts = [_grid_line(at, value, left, right) for value in _ticks(floor, ceiling)]
    for value in _ticks(left, right):
        x, y = at(value, floor)
        parts.append(f'<text x="{x:.1f}" y="{y + 20:.1f}" text-anchor="middle">{value:,g}</text>')
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


def _grid_line(at: Callable[[float, float], Point], value: float, left: float, right: float) -> str:
    start, end = at(left, value), at(right, value)
    return (
        f'<line class="rule" x1="{start[0]:.1f}" x2="{end[0]:.1f}" y1="{start[1]:.1f}" '
        f'y2="{end[1]:.1f}"/><text x="{_LEFT - 6}" y="{start[1] + 4:.1f}" text-anchor="end">'
        f"{value:g}</text>"
    )


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _padded(low: float, high: float) -> Point:
    room = max((high - low) * 0.06, 0.01)
    return low - room, high + room


def _ticks(low: float, high: float) -> list[float]:
    """Return round values within a range."""
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]
