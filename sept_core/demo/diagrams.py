"""Families drawn to be read: charts, contour maps and circuit boards."""

import numpy as np
from PIL import Image

from sept_core.demo import canvas
from sept_core.demo.canvas import Pen, Pixels, Rng

# Paper, grid, ink, series.
THEMES = (
    ("#ffffff", "#e2e6ea", "#5f6b78", ("#2f6bd0", "#f28a2f", "#2fa56b", "#d5404a")),
    ("#f7f3ea", "#e2dac8", "#7a705f", ("#c9503a", "#2f5f6b", "#e0a84a", "#7f9f7a")),
    ("#1c222e", "#323b4b", "#9aa5b5", ("#4fc0f2", "#f2b54a", "#6be0a5", "#f2708a")),
    ("#fafbff", "#e0e2f2", "#6b6f8f", ("#5a4fd5", "#d54fa5", "#3fb5c9", "#f2a03f")),
    ("#eef2ee", "#d5ddd5", "#5f7066", ("#1f6b4a", "#7ab55a", "#d5b53f", "#3f7f9a")),
    ("#2a2030", "#43364b", "#b5a0c0", ("#ff7a9a", "#ffc96b", "#8ad5ff", "#b58aff")),
)


def charts(rng: Rng) -> Image.Image:
    """Bars upright, lying, stacked or grouped, or lines, with axes, a title and a legend."""
    paper, grid, ink, colours = canvas.pick(rng, THEMES)
    series = [canvas.vary(rng, colour, 0.03) for colour in rng.permutation(colours)]
    pen = Pen(canvas.vary(rng, paper, 0.015))
    left, top, right, bottom = (
        -0.75 + rng.uniform(-0.07, 0.07),
        -0.55 + rng.uniform(-0.12, 0.08),
        0.88,
        0.72,
    )
    for level in np.linspace(top, bottom, int(rng.integers(4, 8))):
        pen.line([(left, level), (right, level)], 0.012, grid)
        pen.box(left - 0.15, level - 0.018, left - 0.05, level + 0.018, ink, 0.01)
    kind = canvas.pick(rng, (_bars, _bars, _grouped, _stacked, _lying, _lines))
    kind(rng, pen, (left, top, right, bottom), series)
    pen.line([(left, bottom), (right, bottom)], 0.022, ink)
    pen.line([(left, top - 0.05), (left, bottom)], 0.022, ink)
    pen.box(left, -0.92, left + rng.uniform(0.5, 1.1), -0.84, ink, 0.02)
    if rng.random() < 0.6:
        for number in range(int(rng.integers(2, 4))):
            pen.box(
                left + 0.45 * number, 0.86, left + 0.45 * number + 0.08, 0.93, series[number], 0.01
            )
            pen.box(
                left + 0.45 * number + 0.12, 0.875, left + 0.45 * number + 0.34, 0.915, ink, 0.01
            )
    return canvas.finish(rng, pen.pixels(), grain=0.004, vignette=0.04)


Frame = tuple[float, float, float, float]


def _heights(rng: Rng, count: int) -> np.ndarray:
    """Data with a shape: growth, a hump, a decline or none."""
    at = np.linspace(0, 1, count)
    trend = canvas.pick(rng, (at, 1 - at, np.sin(np.pi * at), np.full(count, 0.6), at**2))
    return np.asarray(np.clip(0.25 + 0.6 * trend + rng.normal(0, 0.11, count), 0.06, 1))


def _bars(rng: Rng, pen: Pen, frame: Frame, series: list[np.ndarray]) -> None:
    left, top, right, bottom = frame
    count = int(rng.integers(4, 13))
    pitch = (right - left) / count
    accent = int(rng.integers(count)) if rng.random() < 0.5 else -1
    for number, height in enumerate(_heights(rng, count)):
        x = left + pitch * (number + 0.18)
        ink = series[1] if number == accent else series[0]
        pen.box(x, bottom - height * (bottom - top), x + pitch * 0.64, bottom, ink, 0.015)


def _grouped(rng: Rng, pen: Pen, frame: Frame, series: list[np.ndarray]) -> None:
    left, top, right, bottom = frame
    count, members = int(rng.integers(3, 6)), int(rng.integers(2, 4))
    pitch = (right - left) / count
    for member in range(members):
        for number, height in enumerate(_heights(rng, count)):
            x = left + pitch * (number + 0.12 + 0.76 * member / members)
            pen.box(
                x,
                bottom - height * (bottom - top),
                x + pitch * 0.7 / members,
                bottom,
                series[member],
            )


def _stacked(rng: Rng, pen: Pen, frame: Frame, series: list[np.ndarray]) -> None:
    left, top, right, bottom = frame
    count = int(rng.integers(4, 10))
    pitch = (right - left) / count
    for number, height in enumerate(_heights(rng, count)):
        x, floor = left + pitch * (number + 0.16), bottom
        for share, ink in zip(rng.dirichlet((5, 4, 3)), series, strict=False):
            roof = floor - share * height * (bottom - top)
            pen.box(x, roof, x + pitch * 0.68, floor, ink)
            floor = roof


def _lying(rng: Rng, pen: Pen, frame: Frame, series: list[np.ndarray]) -> None:
    left, top, right, bottom = frame
    count = int(rng.integers(4, 9))
    pitch = (bottom - top) / count
    for number, height in enumerate(np.sort(_heights(rng, count))[:: rng.choice([-1, 1])]):
        y = top + pitch * (number + 0.18)
        pen.box(left, y, left + height * (right - left), y + pitch * 0.64, series[0], 0.015)


def _lines(rng: Rng, pen: Pen, frame: Frame, series: list[np.ndarray]) -> None:
    left, top, right, bottom = frame
    count = int(rng.integers(6, 14))
    at = np.linspace(left + 0.05, right - 0.05, count)
    for number in range(int(rng.integers(1, 4))):
        points = np.stack([at, bottom - _heights(rng, count) * (bottom - top)], 1)
        if number == 0 and rng.random() < 0.5:
            area = [*points, (at[-1], bottom), (at[0], bottom)]
            pen.polygon(area, canvas.mix(series[number], "#ffffff", 0.6))
        pen.line(points, 0.04, series[number])
        for x, y in points:
            pen.disc(x, y, 0.035, series[number])


# Tints from the lowest land to the highest; contour; water.
ATLASES = (
    (("#cfe5b5", "#e8e5b0", "#e5c98f", "#c99a6b", "#f5f0ea"), "#8a6b44", "#8fc0e0"),
    (("#f5f0e0", "#f0e8d0", "#ebdfc0", "#e5d5b0", "#f8f5ec"), "#b5804a", "#a5d0e5"),
    (("#dfeedd", "#c5dfc0", "#a5cca0", "#85b585", "#e8f2e5"), "#4a7a52", "#7ab5d5"),
    (("#23303f", "#2c3c4d", "#38495b", "#47596b", "#5a6d80"), "#8fb5c9", "#0f1a26"),
    (("#f7e5d5", "#f2d0b5", "#e5b090", "#d08a6b", "#b5654a"), "#7a3a2a", "#9acad0"),
    (("#fdfdfb", "#f5f5f2", "#eeeeea", "#e5e5e0", "#ffffff"), "#7f7f7a", "#c5dcea"),
)


def contour_maps(rng: Rng) -> Image.Image:
    """Hills as contour lines and tints, with lakes, roads and a grid."""
    tints, line, water = canvas.pick(rng, ATLASES)
    land = canvas.noise(rng, rng.uniform(2, 4)) * 0.75 + canvas.fractal(rng, 5, octaves=3) * 0.25
    land = canvas.blur((land - land.min()) / np.ptp(land), 1.2)
    levels = rng.uniform(10, 17)
    pixels = canvas.ramp(land, [canvas.vary(rng, tint, 0.02) for tint in tints])
    shade = canvas.relief(land, -2.2, 1.0)
    pixels = np.clip(pixels * (1 - 0.12 * shade), 0, 1)
    pixels = canvas.mix(pixels, line, 0.85 * _isolines(land * levels, 0.6))
    pixels = canvas.mix(pixels, line, _isolines(land * levels / 5, 0.9))
    sea = rng.uniform(0.05, 0.4)
    wet = canvas.step(sea + 0.004, sea - 0.004, land)
    pixels = canvas.mix(
        pixels, canvas.mix(water, canvas.rgb(water) * 0.85, canvas.step(sea, 0, land)), wet
    )
    pixels = canvas.mix(pixels, canvas.rgb(water) * 0.6, _isolines(land - sea + 0.5, 0.8, 0.5))
    sheet = _framed(rng, _surveyed(rng, pixels, line), tints[0])
    return canvas.finish(rng, sheet, grain=0.006, vignette=0.06)


def _isolines(field: np.ndarray, width: float, at: float = 0.0) -> np.ndarray:
    """Lines where a field passes whole numbers (or `at` once), of even width in pixels."""
    down, across = np.gradient(field)
    distance = np.abs((field - at + 0.5) % 1 - 0.5) if at == 0 else np.abs(field - at)
    return canvas.step(width + 0.5, width - 0.5, distance / (canvas.length(down, across) + 1e-4))


def _surveyed(rng: Rng, pixels: Pixels, line: str) -> Pixels:
    """Roads, a grid, heights and places on top."""
    if rng.random() < 0.8:
        step = rng.uniform(0.4, 0.6)
        pen = Pen()
        for at in np.arange(-1 + rng.uniform(0, step), 1, step):
            pen.line([(at, -1), (at, 1)], 0.01)
            pen.line([(-1, at), (1, at)], 0.01)
        pixels = canvas.mix(pixels, "#5a7fb5", 0.45 * pen.field())
    for _ in range(int(rng.integers(0, 3))):
        at = np.linspace(-1.05, 1.05, 40)
        road = np.stack([at, rng.uniform(-0.6, 0.6) + 0.4 * canvas.profile(rng, 2, 2, 40)], 1)
        road = canvas.turned(road, rng.uniform(0, np.pi))
        for width, ink in (
            (0.07, "#7a4a3a"),
            (0.04, canvas.pick(rng, ("#f2d05a", "#ffffff", "#e0705a"))),
        ):
            pen = Pen()
            pen.line(road, width)
            pixels = canvas.mix(pixels, ink, pen.field())
    pen = Pen()
    for _ in range(int(rng.integers(1, 6))):
        x, y = rng.uniform(-0.8, 0.8, 2)
        pen.polygon([(x - 0.03, y + 0.025), (x + 0.03, y + 0.025), (x, y - 0.035)])
        pen.text(x + 0.02, y + 0.09, str(rng.integers(120, 2900)), 0.13)
    return canvas.mix(pixels, canvas.rgb(line) * 0.6, pen.field())


def _framed(rng: Rng, pixels: Pixels, paper: str) -> Pixels:
    """The sheet's margin, and the scale of degrees between two lines along it."""
    margin, band = rng.uniform(0.05, 0.1), 0.045
    x, y = canvas.grid()
    outward = np.maximum(np.abs(x), np.abs(y))
    along = np.where(np.abs(x) > np.abs(y), y, x)
    inside = 1 - margin - band
    degrees = canvas.step(-0.15, 0.15, np.sin(along * np.pi * int(rng.integers(4, 7))))
    pixels = canvas.mix(pixels, "#22262b", canvas.edge(inside - outward))
    pixels = canvas.mix(pixels, "#fbfaf5", canvas.edge(inside + 0.012 - outward) * degrees)
    pixels = canvas.mix(pixels, "#22262b", canvas.edge(1 - margin - 0.008 - outward))
    return canvas.mix(pixels, canvas.mix(paper, "#ffffff", 0.6), canvas.edge(1 - margin - outward))


# Mask, copper under it, silk screen.
BOARDS = (
    ("#0f5a34", "#1f7a4a", "#e8f2e5"),
    ("#123a7a", "#1f559f", "#e5eef8"),
    ("#17181c", "#2c2e35", "#d8d8d5"),
    ("#7a1420", "#9a2430", "#f5e5e0"),
    ("#e5e8e5", "#cdd3cf", "#2f3a35"),
    ("#4a1f6b", "#632f8a", "#f0e5f8"),
)
PAD, HOLE, CHIP, PIN = "#d5a94a", "#14100a", "#1c1d20", "#c5c9cc"


def circuits(rng: Rng) -> Image.Image:
    """A circuit board: chips, resistors, pads and traces that turn at 45 degrees."""
    mask, metal, silk = canvas.pick(rng, BOARDS)
    copper = canvas.vary(rng, metal, 0.04)
    pen = Pen(canvas.vary(rng, mask, 0.04))
    pitch = rng.uniform(0.09, 0.16)
    for _ in range(int(rng.integers(14, 34))):
        _trace(rng, pen, pitch, copper)
    chips: list[Frame] = []
    for _ in range(int(rng.integers(1, 5))):
        width, height = rng.uniform(0.3, 0.75, 2)
        x, y = rng.uniform(-0.95, 0.95 - width), rng.uniform(-0.95, 0.95 - height)
        chip = (x, y, x + width, y + height)
        if not any(_overlap(chip, other) for other in chips):
            chips.append(chip)
            _chip(rng, pen, chip, pitch, silk)
    for _ in range(int(rng.integers(8, 26))):
        x, y = rng.uniform(-0.95, 0.95, 2)
        if not any(_overlap((x, y, x, y), chip) for chip in chips):
            canvas.pick(rng, (_via, _via, _resistor, _capacitor))(rng, pen, x, y, pitch, silk)
    angle = rng.uniform(-0.6, 0.6)
    x, y = canvas.grid(angle=angle)
    sheen = (
        1
        + 0.16 * np.exp(-((x - rng.uniform(-0.8, 0.8)) ** 2) * 3)
        + 0.05 * (canvas.noise(rng, 40) - 0.5)
    )
    return canvas.finish(rng, np.clip(pen.pixels() * sheen, 0, 1))


def _overlap(a: Frame, b: Frame, margin: float = 0.12) -> bool:
    return (
        a[0] < b[2] + margin
        and b[0] < a[2] + margin
        and a[1] < b[3] + margin
        and b[1] < a[3] + margin
    )


def _trace(rng: Rng, pen: Pen, pitch: float, copper: np.ndarray) -> None:
    """A bundle of parallel traces from one via to another."""
    start = np.round(rng.uniform(-1, 1, 2) / pitch) * pitch
    heading, points = int(rng.integers(8)), [start]
    for _ in range(int(rng.integers(2, 6))):
        direction = np.array([np.cos(heading * np.pi / 4), np.sin(heading * np.pi / 4)])
        points.append(points[-1] + direction * pitch * rng.integers(1, 6))
        heading += int(rng.choice([-1, 1]))
    across = (
        pitch
        * 0.5
        * np.array([np.cos(heading * np.pi / 4 + 1.2), np.sin(heading * np.pi / 4 + 1.2)])
    )
    for lane in range(int(rng.integers(1, 4))):
        path = np.array(points) + across * lane
        pen.line(path, pitch * 0.2, copper)
        for x, y in (path[0], path[-1]):
            pen.disc(x, y, pitch * 0.24, PAD)
            pen.disc(x, y, pitch * 0.11, HOLE)


def _chip(rng: Rng, pen: Pen, chip: Frame, pitch: float, silk: str) -> None:
    left, top, right, bottom = chip
    pen.box(left - 0.1, top - 0.1, right + 0.1, bottom + 0.1, silk)
    pen.box(
        left - 0.085, top - 0.085, right + 0.085, bottom + 0.085, canvas.rgb(silk) * 0.25 + 0.04
    )
    step = pitch * 0.65
    for y in np.arange(top + step / 2, bottom - step / 3, step):
        pen.box(left - 0.07, y - step * 0.22, right + 0.07, y + step * 0.22, PIN)
    if rng.random() < 0.5:
        for x in np.arange(left + step / 2, right - step / 3, step):
            pen.box(x - step * 0.22, top - 0.07, x + step * 0.22, bottom + 0.07, PIN)
    pen.box(left, top, right, bottom, canvas.vary(rng, CHIP, 0.03), 0.02)
    pen.box(left, top, right, top + 0.025, "#3f4146", 0.01)
    pen.disc(left + 0.07, top + 0.08, 0.03, "#55585f")
    pen.text(
        (left + right) / 2,
        (top + bottom) / 2,
        f"{canvas.pick(rng, 'ABKLMSTX')}{rng.integers(10, 9999)}",
        0.15,
        "#a5a8ad",
    )


def _via(rng: Rng, pen: Pen, x: float, y: float, pitch: float, silk: str) -> None:
    pen.disc(x, y, pitch * 0.34, PAD)
    pen.disc(x, y, pitch * 0.17, HOLE)


def _resistor(rng: Rng, pen: Pen, x: float, y: float, pitch: float, silk: str) -> None:
    wide, high = (1.0, 0.45) if rng.random() < 0.5 else (0.45, 1.0)
    wide, high = wide * pitch, high * pitch
    pen.box(x - wide, y - high, x + wide, y + high, PIN)
    inner = (0.6, 1.0) if wide > high else (1.0, 0.6)
    pen.box(
        x - wide * inner[0],
        y - high * inner[1],
        x + wide * inner[0],
        y + high * inner[1],
        canvas.pick(rng, ("#1c1d20", "#8a6b44", "#2a3f6b")),
    )


def _capacitor(rng: Rng, pen: Pen, x: float, y: float, pitch: float, silk: str) -> None:
    size = pitch * rng.uniform(0.8, 1.3)
    pen.disc(x, y, size * 1.08, silk)
    pen.disc(x, y, size, "#2a2c33")
    pen.disc(x, y, size * 0.8, "#b5b8bd")
    pen.line(
        [(x - size * 0.4, y - size * 0.4), (x + size * 0.4, y + size * 0.4)], size * 0.12, "#8a8d93"
    )
