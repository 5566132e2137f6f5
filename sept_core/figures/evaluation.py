"""The figure of an evaluation: paired differences with their intervals, every seed a dot.

In: paired differences of arms to one reference. Out: one SVG that a page, a report and a README can
show as it is: it needs no script and follows the colour scheme of the page that holds it.
"""

import html
import itertools
from collections.abc import Sequence
from typing import Protocol

from sept_core.figures.axis import Axis

WIDTH = 1180
_NAME, _PLOT, _TEXT, _PAIRS = (0, 210), (226, 600), (616, 810), (836, 1170)
"""Left and right end of the four columns: arm, difference, the same as text, pairs of seeds."""
ROW, HEAD, TOP, AXIS = 36, 28, 46, 44

STYLE = """
.sept-forest{width:100%;max-width:1180px;height:auto;display:block;font:13px/1.2 inherit;
 font-variant-numeric:tabular-nums;--ink:light-dark(#1f2523,#e4e8e5);
 --quiet:light-dark(#5a635f,#a3aca8);--line:light-dark(#d9dcd5,#39423f);
 --better:light-dark(#0f766e,#3fc7b6);--worse:light-dark(#b4470f,#f0945a);
 --none:light-dark(#6b7280,#9aa5a1)}
.sept-forest text{fill:var(--ink);font-size:13px}
.sept-forest .quiet{fill:var(--quiet);font-size:12px}
.sept-forest .head{font-weight:600}
.sept-forest .rule{stroke:var(--line)}.sept-forest .zero{stroke:var(--quiet)}
.sept-forest .better{color:var(--better)}.sept-forest .worse{color:var(--worse)}
.sept-forest .none{color:var(--none)}
.sept-forest .mark{stroke:currentColor;fill:currentColor}
.sept-forest .seed{fill:currentColor;fill-opacity:.4}
.sept-forest .from{fill:none;stroke:currentColor;stroke-width:1.3}
.sept-forest .pair{stroke:currentColor;stroke-opacity:.65}
"""


class Paired(Protocol):
    """The difference of an arm to the reference under one readout, in shares."""

    @property
    def arm(self) -> str:
        """The compared arm."""
        ...

    @property
    def group(self) -> str:
        """Readout and label count: the heading above it."""
        ...

    @property
    def value(self) -> float:
        """Mean difference over the seeds."""
        ...

    @property
    def interval(self) -> tuple[float, float]:
        """The shown interval."""
        ...

    @property
    def better(self) -> bool | None:
        """None if the arms are not distinguishable."""
        ...

    @property
    def verdict(self) -> str:
        """The same in words."""
        ...

    @property
    def pairs(self) -> Sequence[tuple[float, float]]:
        """Accuracy of the reference and of the arm for each seed."""
        ...


def forest(rows: Sequence[Paired], reference: str) -> str:
    """Draw one row for each difference, grouped by readout; beside it each seed's two accuracies.

    Args:
        rows: in the order to draw; rows of one group are adjacent.
        reference: the arm that the others are compared with.

    Returns:
        An `<svg>` element. Colours follow `color-scheme`, texts the surrounding font.
    """
    groups = [(name, list(own)) for name, own in itertools.groupby(rows, lambda row: row.group)]
    height = TOP + HEAD * len(groups) + ROW * len(rows) + AXIS
    points = _scale([v for r in rows for v in _reach(r)], *_PLOT, around=0.0)
    shares = _scale([v for row in rows for pair in row.pairs for v in pair], *_PAIRS)
    parts = [_headings(reference), *_grid(points, shares, height)]
    y = float(TOP)
    for name, own in groups:
        parts.append(_text(_NAME[0], y + HEAD - 9, name, "head"))
        y += HEAD
        for row in own:
            parts.append(_row(row, y, points, shares))
            y += ROW
    label = _escape(described(rows, reference))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="sept-forest" role="img" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" aria-label="{label}">'
        f"<style>{STYLE}</style>{''.join(parts)}</svg>"
    )


def described(rows: Sequence[Paired], reference: str) -> str:
    """Return the content of the figure in words, for readers who do not see it."""
    said = "; ".join(
        f"{row.arm}, {row.group}: {_points(row.value)} points ({row.verdict})" for row in rows
    )
    return f"Differences to {reference}: {said}"


def standalone(drawn: str, ground: str = "light-dark(#fff,#151918)") -> str:
    """Return a figure of `forest` as an image of its own, in the colour scheme of its reader.

    Args:
        drawn: the figure.
        ground: CSS colour behind it.
    """
    paper = (
        f"<style>:root{{color-scheme:light dark;background:{ground};"
        "font-family:system-ui,sans-serif}</style>"
    )
    return drawn.replace("<style>", f"{paper}<style>", 1)


def _reach(row: Paired) -> tuple[float, ...]:
    """Return everything that the axis of differences must cover, in points."""
    seeds = [100 * (arm - base) for base, arm in row.pairs]
    return (*(100 * end for end in row.interval), 100 * row.value, *seeds)


def _scale(values: Sequence[float], left: float, right: float, around: float | None = None) -> Axis:
    """Return an axis over the values with some room; it includes `around`."""
    shown = [*values, *([] if around is None else [around])] or [0.0, 1.0]
    low, high = min(shown), max(shown)
    room = 0.06 * (high - low) or (1.0 if around is not None else 0.01)
    return Axis(low - room, high + room, left, right)


def _headings(reference: str) -> str:
    """Draw the titles of the columns, with the key of the two dots."""
    left = _PAIRS[0]
    key = (
        f'<circle class="from" cx="{left + 4}" cy="9" r="3.6"/>'
        f'<circle class="mark" cx="{left + 90}" cy="9" r="3.6"/>'
    )
    return (
        _text(_PLOT[0], 13, f"Difference to {_short(reference, 40)}, points", "quiet")
        + _text(_TEXT[0], 13, "mean and 95% interval", "quiet")
        + f'<g class="none">{key}</g>'
        + _text(left + 13, 13, "reference", "quiet")
        + _text(left + 99, 13, "arm; a line joins each seed", "quiet")
    )


def _grid(points: Axis, shares: Axis, height: float) -> list[str]:
    """Draw the vertical lines and the labels of both axes, above and below."""
    bottom = height - AXIS + 8
    parts = []
    for scale, form in ((points, _signed), (shares, _accuracy)):
        for tick in scale.ticks():
            x = scale.at(tick)
            kind = "zero" if scale is points and abs(tick) < 1e-9 else "rule"
            parts.append(_line(x, TOP - 8, x, bottom, kind))
            parts += [_text(x, y, form(tick), "quiet", "middle") for y in (TOP - 13, bottom + 16)]
    below = ((points.at(0), "← worse · better →"), (sum(_PAIRS) / 2, "accuracy on the test images"))
    return parts + [_text(x, height - 4, text, "quiet", "middle") for x, text in below]


def _accuracy(share: float) -> str:
    return f"{100 * share:.4g}%"


def _row(row: Paired, top: float, points: Axis, shares: Axis) -> str:
    kind = {True: "better", False: "worse", None: "none"}[row.better]
    y = top + ROW / 2
    low, high = (points.at(100 * end) for end in row.interval)
    middle = points.at(100 * row.value)
    dots = "".join(
        f'<circle class="seed" cx="{points.at(100 * (arm - base)):.1f}" cy="{y + 9:.1f}" r="2.6"/>'
        for base, arm in row.pairs
    )
    ends = " to ".join(_points(end) for end in row.interval)
    tip = f"{row.arm}, {row.group}: {_points(row.value)} points, {ends}, {row.verdict}"
    return (
        f'<g class="{kind}"><title>{_escape(tip)}</title>'
        + _text(_NAME[0] + 12, y + 4, _short(row.arm, 29))
        + _line(low, y, high, y, "mark", 2)
        + "".join(_line(x, y - 4, x, y + 4, "mark", 2) for x in (low, high))
        + f'<path class="mark" d="M{middle:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"/>{dots}'
        + _text(_TEXT[0], y - 1, f"{_points(row.value)}  ({ends})")
        + _text(_TEXT[0], y + 14, row.verdict, "quiet")
        + _joined(row, y, shares)
        + "</g>"
    )


def _joined(row: Paired, y: float, shares: Axis) -> str:
    """Draw a line from the reference's accuracy to the arm's for each seed, one below the other."""
    count = len(row.pairs)
    gap = min(7.0, (ROW - 10) / max(1, count - 1))
    size = min(3.4, 1.1 + gap / 2)
    parts = []
    for number, (base, arm) in enumerate(row.pairs):
        level = y + gap * (number - (count - 1) / 2)
        parts.append(_line(shares.at(base), level, shares.at(arm), level, "pair", 1.5))
        parts += [
            f'<circle class="{kind}" cx="{shares.at(value):.1f}" cy="{level:.1f}" r="{size:.1f}"/>'
            for kind, value in (("from", base), ("mark", arm))
        ]
    return "".join(parts)


def _points(share: float) -> str:
    return _signed(100 * share, 1)


def _signed(value: float, digits: int | None = None) -> str:
    text = f"{value:+.{digits}f}" if digits is not None else f"{value:+.4g}" if value else "0"
    return text.replace("-", "\N{MINUS SIGN}")


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _line(x1: float, y1: float, x2: float, y2: float, kind: str, width: float = 1) -> str:
    return (
        f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke-width="{width}"/>'
    )


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"'
    return f"<text {where}>{_escape(text)}</text>"


def _escape(text: str) -> str:
    return html.escape(text, quote=True)
