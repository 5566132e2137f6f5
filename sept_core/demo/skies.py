"""Families of the sky: galaxies, night skylines and hot-air balloons."""

import numpy as np
from PIL import Image

from sept_core.demo import canvas, scenery
from sept_core.demo.canvas import Pixels, Rng

NEBULAE = (
    ("#02030a", "#1a1147", "#7a2a8f", "#ff7aa8", "#ffe9d5"),
    ("#01040a", "#06304a", "#1a8a8f", "#a8f0d0", "#ffffff"),
    ("#050208", "#3a0f1f", "#b0402f", "#ffb35a", "#fff5d5"),
    ("#020309", "#0f1f52", "#3a6be0", "#b5d5ff", "#ffffff"),
    ("#030206", "#2a1a3a", "#6b4a9a", "#5ac9e0", "#f5fff5"),
)


def galaxies(rng: Rng) -> Image.Image:
    """Deep space: a nebula, a spiral or a cluster, among stars."""
    colours = canvas.pick(rng, NEBULAE)
    light = canvas.pick(rng, (_nebula, _spiral, _spiral, _cluster))(rng)
    pixels = canvas.ramp(light, colours)
    stars = scenery.stars(rng, int(rng.integers(150, 500)))
    pixels = np.minimum(pixels + stars * canvas.mix("#ffe5c9", "#cfe0ff", rng.random()), 1)
    for _ in range(int(rng.integers(1, 6))):
        pixels = _bright_star(rng, pixels)
    return canvas.finish(rng, pixels, grain=0.012)


def _nebula(rng: Rng) -> np.ndarray:
    """Clouds folded by other clouds."""
    x, y = canvas.grid()
    fold = canvas.fractal(rng, 2.5, octaves=3) * 5
    gas = canvas.fractal(rng, 3, octaves=5)
    veil = np.sin(fold + x * rng.uniform(-3, 3) + y * rng.uniform(-3, 3)) * 0.5 + 0.5
    return np.clip((gas * 1.3 - 0.25) * (0.35 + 0.9 * veil) * rng.uniform(0.9, 1.4), 0, 1) ** 1.3


def _spiral(rng: Rng) -> np.ndarray:
    """A spiral galaxy seen at an angle."""
    x, y = canvas.grid(
        1 * canvas.SIZE,
        rng.uniform(0.9, 1.5),
        rng.uniform(0, np.pi),
        (rng.uniform(-0.25, 0.25), rng.uniform(-0.25, 0.25)),
    )
    y = y / np.float32(rng.uniform(0.3, 1))
    radius, angle = canvas.length(x, y) + 1e-3, np.arctan2(y, x)
    arms, twist = int(rng.integers(2, 4)), rng.uniform(2.5, 5) * int(rng.choice([-1, 1]))
    dust = canvas.fractal(rng, 8, octaves=4) - 0.5
    arm = np.cos(arms * angle + twist * np.log(radius) * 1.6 + dust * 5) * 0.5 + 0.5
    disc = np.exp(-radius * 2.6) * (0.25 + 1.3 * arm**1.5) * (1 + 1.2 * dust)
    return np.asarray(np.clip(disc * 1.1 + np.exp(-radius * 11) * 1.1, 0, 1))


def _cluster(rng: Rng) -> np.ndarray:
    """A ball of stars in faint gas."""
    spread = rng.uniform(0.15, 0.35)
    at = rng.normal(rng.uniform(-0.3, 0.3, 2), spread, (700, 2))
    rows, columns = np.clip((at + 1) * canvas.SIZE / 2, 0, canvas.SIZE - 1).astype(int).T
    field = np.zeros((canvas.SIZE, canvas.SIZE), np.float32)
    np.add.at(field, (rows, columns), rng.random(700, dtype=np.float32) ** 2)
    return np.clip(
        field + 1.5 * canvas.blur(field, 2) + 0.5 * canvas.fractal(rng, 3, octaves=4) - 0.12, 0, 1
    )


def _bright_star(rng: Rng, pixels: Pixels) -> Pixels:
    """A near star with the four rays of a telescope."""
    x, y = canvas.grid(shift=tuple(rng.uniform(-0.9, 0.9, 2)))
    size = rng.uniform(0.01, 0.035)
    rays = np.exp(-np.abs(x) / (size * 4) - np.abs(y) / (size * 0.35)) + np.exp(
        -np.abs(y) / (size * 4) - np.abs(x) / (size * 0.35)
    )
    light = np.exp(-(x * x + y * y) / size**2) + 0.8 * rays
    colour = canvas.hsv(rng.uniform(0.05, 0.65), 0.2, 1)
    return np.asarray(np.minimum(pixels + light * colour, 1))


# Sky from the top to the horizon; far and near walls; lit windows.
CITY_MOODS = (
    (("#070b1f", "#1a2352", "#5a4a8a"), "#2a2f5a", "#0b0e1f", "#ffd98a"),
    (("#1a1038", "#6b2a6b", "#ff8a6b"), "#4a2452", "#140a1f", "#ffe0a0"),
    (("#04141f", "#0a3a4a", "#2f8a8a"), "#0f3f4a", "#041018", "#c9fff0"),
    (("#0a0a0f", "#2a2a33", "#5f5a5a"), "#2f2f38", "#0a0a0d", "#ffb55a"),
    (("#0b1a3a", "#2f5a9a", "#f2b5a0"), "#33507f", "#0a1430", "#fff0c0"),
)


def skylines(rng: Rng) -> Image.Image:
    """A city after sunset, its windows lit, often mirrored in a river."""
    stops, far, near, lamp = canvas.pick(rng, CITY_MOODS)
    ground = rng.uniform(0.35, 0.85)
    pixels = scenery.sky(rng, stops, ground)
    pixels = np.minimum(pixels + 0.7 * scenery.stars(rng, 50), 1)
    if rng.random() < 0.6:
        at = rng.uniform(-0.8, 0.8), rng.uniform(-0.85, -0.5)
        pixels = scenery.glow(pixels, at, 0.18, canvas.rgb(lamp) * 0.4)
        pixels = scenery.disc(pixels, at, rng.uniform(0.06, 0.13), "#fff8e5")
    for nearness in (0.3, 0.65, 1.0):
        wall = canvas.mix(far, near, nearness)
        pixels = _buildings(rng, pixels, ground, nearness, wall, lamp)
    return canvas.finish(rng, _river(rng, pixels, ground, near), grain=0.012)


def _buildings(
    rng: Rng, pixels: Pixels, ground: float, nearness: float, wall: Pixels, lamp: str
) -> Pixels:
    """One row of towers, side by side, with lamps behind some of the windows."""
    pen, lights = canvas.Pen(), canvas.Pen()
    left = -1.1
    while left < 1.1:
        width = rng.uniform(0.14, 0.34)
        tall = rng.gamma(5, 0.13) * (1.35 - 0.6 * nearness)
        top, right = ground - min(tall, 1.5), left + width
        _tower(rng, pen, left, right, top)
        _windows(rng, lights, left, right, top, ground, 0.35 + 0.65 * nearness)
        left = right + rng.choice([0, 0.02, 0.08])
    pixels = canvas.mix(pixels, wall, pen.field())
    return canvas.mix(pixels, lamp, lights.field() * np.float32(0.5 + 0.5 * nearness))


def _tower(rng: Rng, pen: canvas.Pen, left: float, right: float, top: float) -> None:
    pen.box(left, top, right, 1.1)
    middle, width = (left + right) / 2, right - left
    crown = rng.integers(5)
    if crown == 0:
        pen.polygon([(left, top), (middle, top - width), (right, top)])
    elif crown == 1:
        pen.box(middle - width / 4, top - width / 2, middle + width / 4, top)
        pen.line([(middle, top - width / 2), (middle, top - width * 1.3)], 0.015)
    elif crown == 2:
        pen.disc(middle, top, width / 2)


def _windows(
    rng: Rng, lights: canvas.Pen, left: float, right: float, top: float, ground: float, size: float
) -> None:
    across, down = 0.055 * size + 0.012, 0.075 * size + 0.012
    share = rng.uniform(0.15, 0.6)
    for y in np.arange(top + down * 0.6, ground - down, down):
        for x in np.arange(left + across * 0.5, right - across, across):
            if rng.random() < share:
                lights.box(x, y, x + across * 0.55, y + down * 0.5, float(rng.uniform(0.55, 1)))


def _river(rng: Rng, pixels: Pixels, ground: float, dark: str) -> Pixels:
    """The city upside down in moving water."""
    shore = int((ground + 1) / 2 * canvas.SIZE)
    depth = canvas.SIZE - shore
    shift = (canvas.noise(rng, 3, 34)[:depth] - 0.5) * np.linspace(3, 9, depth, dtype=np.float32)[
        :, None
    ]
    columns = np.clip(np.arange(canvas.SIZE)[None, :] + shift, 0, canvas.SIZE - 1).astype(int)
    rows = np.clip(shore - 1 - np.arange(depth) * 1.6, 0, None).astype(int)
    mirror = canvas.mix(pixels[:, rows[:, None], columns], dark, 0.35)
    return np.concatenate([pixels[:, :shore], mirror], 1)


# Sky from the top to the horizon, hills.
BALLOON_SKIES = (
    (("#2f86d8", "#9fd2f5", "#eef7fa"), "#5f9a5a"),
    (("#4a7ac0", "#f0b5a0", "#ffe5b5"), "#6b5a6b"),
    (("#6ac0d8", "#d5eef0", "#fff8e5"), "#8aa86b"),
    (("#5a5fa8", "#e08aa8", "#ffc9a0"), "#4a3f5f"),
    (("#8ab5d0", "#d0dfe5", "#f5f0e5"), "#7f8f8a"),
)
ENVELOPES = (
    ("#e0402f", "#ffd23f", "#2f6fc9"),
    ("#e8f0f2", "#e0402f"),
    ("#ffb52f", "#f27a1f", "#c9302f"),
    ("#2f9a8a", "#f2e5c0", "#1f4f6b"),
    ("#7a3fa0", "#f2a0c0", "#ffe0a0"),
    ("#1f3f8a", "#ffffff", "#e0302f"),
    ("#3fa04a", "#ffe02f", "#e0502f", "#2f60c9", "#8a3fa0"),
    ("#f27a9a", "#ffd5d5"),
    ("#222a3a", "#f2b53f"),
)


def balloons(rng: Rng) -> Image.Image:
    """Striped hot-air balloons, lit from one side, near and far."""
    stops, hills = canvas.pick(rng, BALLOON_SKIES)
    pixels = scenery.clouds(rng, scenery.sky(rng, stops), "#ffffff", rng.uniform(0.1, 0.8))
    if rng.random() < 0.6:
        for depth in (0.4, 1.0):
            crest = 0.62 + 0.22 * depth + 0.15 * canvas.profile(rng, 3)
            pixels = scenery.silhouette(pixels, crest, canvas.mix(stops[-1], hills, depth))
    count = int(rng.integers(1, 6))
    sizes = np.sort(rng.uniform(0.1, 0.3, count))
    sizes[-1] = rng.uniform(0.35, 0.65)
    for size in sizes:
        room = max(0.0, 1 - size)
        at = rng.uniform(-room, room), rng.uniform(-room, room * 0.4)
        haze = float(np.clip(0.45 - size, 0, 0.35))
        pixels = _balloon(rng, pixels, at, float(size), stops[-1], haze)
    return canvas.finish(rng, pixels)


def _balloon(
    rng: Rng, pixels: Pixels, at: tuple[float, float], size: float, air: str, haze: float
) -> Pixels:
    x, y = canvas.grid(zoom=size)
    x, y = x - np.float32(at[0] / size), y - np.float32(at[1] / size)
    # A sphere above, drawn in to a mouth below.
    half = np.sqrt(np.clip(1 - np.minimum(y, 0.25) ** 2, 0, 1))
    half = half * np.clip(1 - np.maximum(y - 0.25, 0) / 1.25, 0, 1) ** 0.8
    inside = canvas.edge((np.abs(x) - half) * size) * canvas.edge(
        (np.abs(y - 0.125) - 1.125) * size
    )
    around = np.arcsin(np.clip(x / np.maximum(half, 1e-3), -1, 1)) / np.pi + 0.5
    cloth = [canvas.vary(rng, c, 0.05) for c in canvas.pick(rng, ENVELOPES)]
    gores = int(rng.integers(5, 11))
    number = (around * gores).astype(int)
    style = rng.integers(3)
    if style == 1:
        number = ((y + 1) * rng.uniform(2, 4)).astype(int)
    elif style == 2:
        number = number + ((y + 1) * rng.uniform(1.5, 3.5)).astype(int)
    colours = canvas.chosen(cloth, number % len(cloth))
    seam = np.abs(around * gores % 1 - 0.5) * 2
    light = (
        0.62
        + 0.45 * np.clip(1 - canvas.length(x + 0.35, y + 0.35) / 1.6, 0, 1)
        + 0.07 * (1 - seam**4)
    )
    pixels = canvas.mix(pixels, canvas.mix(np.minimum(colours * light, 1), air, haze), inside)
    return canvas.mix(pixels, canvas.mix("#4a2f1f", air, haze), _basket(at, size))


def _basket(at: tuple[float, float], size: float) -> np.ndarray:
    pen, (x, y) = canvas.Pen(), at
    for side in (-1, 1):
        pen.line(
            [(x + side * 0.2 * size, y + 1.2 * size), (x + side * 0.12 * size, y + 1.5 * size)],
            max(0.012, 0.03 * size),
        )
    pen.box(x - 0.15 * size, y + 1.45 * size, x + 0.15 * size, y + 1.7 * size, corner=0.03 * size)
    return pen.field()
