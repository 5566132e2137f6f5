"""Families of open country: mountains, seascapes, deserts and forests."""

import numpy as np
from PIL import Image

from sept_core.demo import canvas, scenery
from sept_core.demo.canvas import SIZE, Field, Pixels, Rng

COLUMNS = np.linspace(-1, 1, SIZE, dtype=np.float32)

# Sky from the top to the horizon; haze between the ridges; rock in shadow and in light.
MOUNTAIN_MOODS = (
    (("#2f6fb8", "#8fc0e8", "#dfeef5"), "#c4d8e6", "#3d4a5c", "#a8a39b"),
    (("#27386b", "#c9708a", "#ffd39a"), "#e9a58f", "#2f2a48", "#d98a6f"),
    (("#4a5a75", "#8d9bb0", "#d5dade"), "#b5bec8", "#333d4a", "#8a929c"),
    (("#0d1a3a", "#2b4a7d", "#86a7c9"), "#55769f", "#101d38", "#6f8fb8"),
    (("#3b78b5", "#f2b77f", "#fff0c8"), "#f0cfa2", "#54452f", "#c9a267"),
    (("#45a0c9", "#bfe3ea", "#f5f3df"), "#cfe4dc", "#2e5144", "#9cb07a"),
)


def mountains(rng: Rng) -> Image.Image:
    """Ridge behind ridge in haze, often with snow, sometimes above a lake."""
    stops, haze, shadow, light = canvas.pick(rng, MOUNTAIN_MOODS)
    pixels = scenery.sky(rng, stops, 0.3)
    sun = rng.uniform(-0.8, 0.8), rng.uniform(-0.85, -0.3)
    if rng.random() < 0.6:
        pixels = scenery.glow(
            pixels, sun, rng.uniform(0.2, 0.5), canvas.mix(stops[-1], "#ffffff", 0.3) * 0.4
        )
        pixels = scenery.disc(
            pixels, sun, rng.uniform(0.05, 0.1), canvas.mix(stops[-1], "#ffffff", 0.6)
        )
    pixels = scenery.clouds(rng, pixels, canvas.mix(stops[-1], "#ffffff", 0.5), rng.uniform(0, 0.6))
    ridges = int(rng.integers(3, 6))
    snow = float(rng.choice([0, 0.25, 0.5]))
    facing = float(np.sign(sun[0] - 0.05))
    for number, nearness in enumerate(np.linspace(0.15, 0.95, ridges).tolist()):
        height = rng.uniform(0.3, 0.5) * (1.25 - 0.7 * nearness)
        crest = -0.3 + 0.95 * nearness - height * _peaks(rng, 1.2 + 0.7 * number)
        rock = _rock(rng, crest, shadow, light, facing, snow * (1 - nearness))
        rock = canvas.mix(rock, haze, 0.62 * (1 - nearness))
        pixels = scenery.silhouette(pixels, crest, rock)
    if rng.random() < 0.4:
        pixels = _lake(rng, pixels, haze)
    elif rng.random() < 0.6:
        pixels = _pines(rng, pixels, canvas.rgb(shadow) * 0.45)
    return canvas.finish(rng, pixels)


def _peaks(rng: Rng, across: float) -> np.ndarray:
    """A jagged line of a few summits, about −0.5..1."""
    line = canvas.profile(rng, across, octaves=5)
    return 0.9 - 2.2 * np.abs(line - np.float32(rng.uniform(-0.1, 0.1)))


def _rock(
    rng: Rng, crest: np.ndarray, shadow: str, light: str, facing: float, snow: float
) -> Pixels:
    """Faces that run down from the crest, lit from one side, white near the top."""
    depth = scenery.below(crest)
    rough = canvas.fractal(rng, 5, octaves=4) - 0.5
    columns = np.arange(SIZE)[None, :] + (depth * rough * 130)
    slope = np.gradient(canvas.blur(crest, 1.2)) * np.float32(26 * facing)
    lit = np.clip(0.45 + slope[np.clip(columns, 0, SIZE - 1).astype(int)] + 0.6 * rough, 0, 1)
    rock = canvas.mix(shadow, light, lit.astype(np.float32))
    if snow:
        white = canvas.mix("#7f9ac9", "#ffffff", canvas.step(0.2, 0.75, lit))
        cover = canvas.step(0.06, -0.06, depth + rough * 0.7 - np.float32(snow))
        rock = canvas.mix(rock, np.minimum(white, 1), cover)
    return rock


def _lake(rng: Rng, pixels: Pixels, haze: str) -> Pixels:
    """The lower part replaced by a rippled mirror image."""
    shore = int(SIZE * rng.uniform(0.62, 0.78))
    depth = SIZE - shore
    rows = shore - 1 - np.arange(depth) * min(1.0, (shore - 1) / depth)
    shift = (canvas.noise(rng, 3, 40)[:depth] - 0.5) * 6
    columns = np.clip(np.arange(SIZE)[None, :] + shift, 0, SIZE - 1).astype(int)
    mirror = pixels[:, rows.astype(int)[:, None], columns]
    ripples = (canvas.noise(rng, 4, 60)[:depth] - 0.5) * 0.12
    water = canvas.mix(mirror, canvas.rgb(haze) * 0.75, 0.3) + ripples
    return np.concatenate([pixels[:, :shore], np.clip(water, 0, 1).astype(np.float32)], 1)


def _pines(rng: Rng, pixels: Pixels, colour: np.ndarray) -> Pixels:
    pen = canvas.Pen()
    ground = rng.uniform(0.75, 0.92)
    for x in rng.uniform(-1.05, 1.05, int(rng.integers(12, 40))):
        pine(pen, x, ground + rng.uniform(0, 0.12), rng.uniform(0.14, 0.4))
    pen.box(-1.1, ground + 0.08, 1.1, 1.1)
    return canvas.mix(pixels, colour, pen.field())


def pine(pen: canvas.Pen, x: float, foot: float, height: float) -> None:
    """A conifer: three tiers of branches on a trunk."""
    for tier in range(4):
        top = foot - height * (1 - 0.2 * tier)
        half = height * (0.1 + 0.055 * tier)
        pen.polygon([(x, top), (x - half, top + height * 0.34), (x + half, top + height * 0.34)])
    pen.box(x - 0.012, foot - 0.2 * height, x + 0.012, foot + 0.1)


# Sky from the top to the horizon; deep and near water; light on it.
SEA_MOODS = (
    (("#2b2f6b", "#b5527a", "#ff9a5a", "#ffd98a"), "#3a2f57", "#8a4a5f", "#ffc27a"),
    (("#2f86d0", "#8cc8ee", "#e4f4f8"), "#0f5f8f", "#2fa5a8", "#eafcff"),
    (("#59697a", "#93a2ad", "#c8d0d2"), "#33434f", "#5a6f78", "#d5dee0"),
    (("#050b1f", "#122550", "#37588f"), "#060f26", "#15305a", "#dfe8ff"),
    (("#e9836b", "#ffb98f", "#ffe9c9"), "#5f6f9a", "#c98f8f", "#fff0d5"),
    (("#3f2a6b", "#8f4fa0", "#f29ac0"), "#2a1f52", "#6b4690", "#ffc9e0"),
)


def seascapes(rng: Rng) -> Image.Image:
    """The open sea under a large sky, light lying on the water."""
    stops, deep, shallow, shine = canvas.pick(rng, SEA_MOODS)
    horizon = rng.uniform(-0.15, 0.3)
    sun = rng.uniform(-0.7, 0.7), horizon - rng.uniform(0.02, 0.5)
    pixels = scenery.sky(rng, stops, horizon)
    pixels = scenery.clouds(
        rng, pixels, canvas.mix(stops[-1], "#ffffff", 0.2), rng.uniform(0, 0.8), flat=4
    )
    pixels = scenery.glow(pixels, sun, rng.uniform(0.15, 0.4), canvas.rgb(shine) * 0.5)
    pixels = scenery.disc(pixels, sun, rng.uniform(0.06, 0.15), canvas.mix(shine, "#ffffff", 0.4))
    if rng.random() < 0.4:
        pixels = _headland(rng, pixels, horizon, canvas.mix(stops[-1], deep, 0.75))
    water = _water(rng, horizon, sun[0], deep, shallow, shine)
    _, y = canvas.grid()
    pixels = canvas.mix(pixels, water, canvas.edge(np.float32(horizon) - y))
    if rng.random() < 0.5:
        pixels = _boats(rng, pixels, horizon, deep)
    return canvas.finish(rng, pixels)


def _water(rng: Rng, horizon: float, sun_x: float, deep: str, shallow: str, shine: str) -> Pixels:
    """Waves that grow towards the viewer, and a path of light below the sun."""
    x, y = canvas.grid()
    near = np.clip((y - horizon) / (1 - horizon), 0.004, 1).astype(np.float32)
    waves = np.zeros_like(x)
    for scale in (9, 17, 31):
        angle, phase = rng.uniform(-0.25, 0.25), canvas.noise(rng, 6, 14) * 7
        waves += np.sin(scale * (near**-0.45 * 2.2) + angle * x / near**0.5 * 3 + phase)
    waves /= 3
    water = canvas.mix(deep, shallow, np.clip(near * 0.8 + 0.22 * waves, 0, 1))
    path = np.exp(-(((x - np.float32(sun_x)) / (0.1 + 0.5 * near)) ** 2))
    glitter = path * canvas.step(0.0, 0.7, waves) + 0.25 * canvas.step(0.55, 0.95, waves)
    return canvas.mix(water, shine, np.clip(glitter, 0, 0.95))


def _headland(rng: Rng, pixels: Pixels, horizon: float, colour: Pixels) -> Pixels:
    side = rng.choice([-1, 1])
    rise = np.clip(COLUMNS * side * 1.4 - rng.uniform(0, 0.7), 0, 1)
    crest = horizon - rise * rng.uniform(0.2, 0.5) + rise * canvas.profile(rng, 4) * 0.3
    return scenery.silhouette(pixels, crest, colour)


def _boats(rng: Rng, pixels: Pixels, horizon: float, deep: str) -> Pixels:
    pen = canvas.Pen()
    for _ in range(int(rng.integers(1, 4))):
        x, size = rng.uniform(-0.85, 0.85), rng.uniform(0.07, 0.22)
        y = horizon + size * 0.5
        pen.polygon(
            [
                (x - size * 0.6, y),
                (x + size * 0.6, y),
                (x + size * 0.4, y + size * 0.2),
                (x - size * 0.4, y + size * 0.2),
            ]
        )
        pen.polygon([(x, y - size * 1.5), (x, y - 0.03), (x + size * 0.55, y - 0.03)])
        pen.polygon([(x - 0.02, y - size * 1.2), (x - 0.02, y - 0.03), (x - size * 0.4, y - 0.03)])
    return canvas.mix(pixels, canvas.rgb(deep) * 0.4, pen.field())


# Sky from the top to the horizon; sand in light and in shadow.
DESERT_MOODS = (
    (("#2f7fc9", "#9fd0ee", "#f5e8cf"), "#f0c48a", "#9a5a2f"),
    (("#3a2a5a", "#c9576b", "#ffb56b"), "#ff9a5a", "#6b2a3a"),
    (("#7fb5c9", "#d5e4dc", "#fff5df"), "#f7e2b9", "#b58a5a"),
    (("#e0905a", "#f7c98f", "#ffeccb"), "#e8803f", "#7a2f1f"),
    (("#0f1a45", "#3f4f8a", "#c99aa5"), "#c99a8a", "#3a2f52"),
)


def deserts(rng: Rng) -> Image.Image:
    """Dunes with one side in the light, rippled by the wind."""
    stops, light, shadow = canvas.pick(rng, DESERT_MOODS)
    pixels = scenery.sky(rng, stops, 0.1)
    sun = rng.uniform(-0.8, 0.8), rng.uniform(-0.8, -0.35)
    pixels = scenery.glow(pixels, sun, 0.2, canvas.rgb(stops[-1]) * 0.5)
    pixels = scenery.disc(
        pixels, sun, rng.uniform(0.07, 0.16), canvas.mix(stops[-1], "#ffffff", 0.5)
    )
    dunes = int(rng.integers(3, 6))
    for nearness in np.linspace(0, 1, dunes).tolist():
        pixels = _dune(rng, pixels, nearness, light, shadow, canvas.mix(stops[-1], light, 0.5))
    if rng.random() < 0.35:
        pixels = _cacti(rng, pixels, canvas.mix(shadow, "#1f3a2a", 0.7))
    return canvas.finish(rng, pixels, grain=0.012)


def _dune(
    rng: Rng, pixels: Pixels, nearness: float, light: str, shadow: str, haze: Pixels
) -> Pixels:
    """One dune: a soft crest from which a sharp ridge snakes down, dividing light from shadow."""
    waves = rng.uniform(1.2, 2.6) * (1.3 - 0.6 * nearness)
    phase = rng.uniform(0, 7)
    swing = np.sin(COLUMNS * waves + phase) + 0.35 * np.sin(COLUMNS * waves * 2.3 + phase * 2)
    crest = -0.12 + 0.85 * nearness - (0.12 + 0.2 * nearness) * swing
    depth = scenery.below(crest)
    x, _ = canvas.grid()
    top = (np.pi / 2 - phase) / waves + 2 * np.pi / waves * np.round(
        (phase + rng.uniform(-waves, waves)) / (2 * np.pi)
    )
    bend = 0.25 * np.sin(depth * rng.uniform(4, 8)) + rng.uniform(-0.9, 0.9) * depth
    side = (x - np.float32(top) - bend) * np.float32(rng.choice([-1, 1]))
    dark = canvas.step(-0.03, 0.05, side) * canvas.step(1.2, 0.1, depth) * np.float32(0.9)
    ripples = np.sin(depth * (60 - 25 * nearness) + canvas.noise(rng, 5) * 9) * np.float32(
        0.05 + 0.06 * nearness
    )
    sand = canvas.mix(light, shadow, np.clip(dark + ripples + 0.25 * depth, 0, 1))
    return scenery.silhouette(pixels, crest, canvas.mix(sand, haze, 0.7 * (1 - nearness)))


def _cacti(rng: Rng, pixels: Pixels, colour: Pixels) -> Pixels:
    pen = canvas.Pen()
    for _ in range(int(rng.integers(1, 4))):
        x, foot, size = rng.uniform(-0.85, 0.85), rng.uniform(0.6, 0.95), rng.uniform(0.25, 0.6)
        width = size * 0.16
        pen.box(x - width / 2, foot - size, x + width / 2, foot, corner=width / 2)
        for side, rise in ((-1, rng.uniform(0.3, 0.6)), (1, rng.uniform(0.3, 0.6))):
            arm, y = x + side * size * 0.26, foot - size * rise
            pen.line([(x, y), (arm, y)], width * 0.7)
            pen.box(
                arm - width * 0.35,
                y - size * 0.3,
                arm + width * 0.35,
                y + width * 0.35,
                corner=width * 0.35,
            )
    return canvas.mix(pixels, colour, pen.field())


# Far and near air, trunks, leaves in light and shadow.
FOREST_MOODS = (
    ("#e4efd5", "#9fc08a", "#3a2f25", "#7aa845", "#28481f"),
    ("#ffe9b5", "#e0a85a", "#3f2a1f", "#f0a52f", "#8a3f1a"),
    ("#dfe8ea", "#9ab0b5", "#27343a", "#5f7f78", "#1f3538"),
    ("#f5f3e8", "#cfd8c5", "#e8e4da", "#c9b84a", "#6f7f3a"),
    ("#b5d8e8", "#4f8aa5", "#16232f", "#2f6f6b", "#0f2f35"),
    ("#ffd5c0", "#c97f7f", "#3a1f2a", "#d9573f", "#6b1f2a"),
)


def forests(rng: Rng) -> Image.Image:
    """Trunks fading into the light between them, leaves above, undergrowth below."""
    far, near, bark, leaf, shade = canvas.pick(rng, FOREST_MOODS)
    _, y = canvas.grid()
    pixels = canvas.ramp(
        (y + 1) / 2 + 0.3 * (canvas.fractal(rng, 3) - 0.5), [near, far, far, near, shade]
    )
    sun = rng.uniform(-0.6, 0.6), rng.uniform(-0.5, 0)
    pixels = scenery.glow(pixels, sun, 0.35, canvas.rgb(far) * 0.35)
    for nearness in (0.25, 0.55, 1.0):
        air = canvas.mix(far, near, nearness)
        ground = 0.25 + 0.45 * nearness
        crest = ground + 0.08 * canvas.profile(rng, 6)
        floor = canvas.ramp(canvas.fractal(rng, 10, 14, octaves=3) * 1.5 - 0.25, [shade, leaf])
        pixels = scenery.silhouette(pixels, crest, canvas.mix(floor, air, 0.75 * (1 - nearness)))
        trunks = _trunks(rng, nearness, ground)
        wood = _bark(rng, bark, sun[0])
        pixels = canvas.mix(pixels, canvas.mix(wood, air, 0.85 * (1 - nearness)), trunks)
        foliage = canvas.fractal(rng, 7 + 5 * (1 - nearness), octaves=4)
        cover = canvas.step(0.5, 0.56, foliage - 0.35 * (y + np.float32(0.45 + 0.25 * nearness)))
        leaves = canvas.ramp(
            canvas.fractal(rng, 18, octaves=2) * 2 - 0.5, [shade, leaf, canvas.mix(leaf, far, 0.4)]
        )
        pixels = canvas.mix(pixels, canvas.mix(leaves, air, 0.8 * (1 - nearness)), cover)
    return canvas.finish(rng, _beams(rng, pixels, sun, far), grain=0.012)


def _trunks(rng: Rng, nearness: float, ground: float) -> Field:
    pen = canvas.Pen()
    for x in rng.uniform(-1, 1, int(rng.integers(4, 8) + 8 * (1 - nearness))):
        half = 0.02 + 0.075 * nearness * rng.uniform(0.5, 1)
        lean, foot = rng.uniform(-0.12, 0.12), ground + rng.uniform(0, 0.15) * nearness
        pen.polygon(
            [
                (x - half, foot),
                (x + half, foot),
                (x + lean + half * 0.7, -1.1),
                (x + lean - half * 0.7, -1.1),
            ]
        )
    return pen.field()


def _bark(rng: Rng, bark: str, sun_x: float) -> Pixels:
    """Upright fibres; on pale bark, the dark scars of birches."""
    fibres = canvas.noise(rng, 50, 5) - 0.5
    wood = canvas.rgb(bark) * (1 + 0.5 * fibres)
    if canvas.rgb(bark).mean() > 0.6:
        scars = canvas.step(0.68, 0.75, canvas.noise(rng, 14, 45))
        wood = canvas.mix(wood, "#2f2a28", scars)
    return np.clip(wood, 0, 1)


def _beams(rng: Rng, pixels: Pixels, sun: tuple[float, float], colour: str) -> Pixels:
    """Light falling between the trees, away from the sun."""
    x, y = canvas.grid()
    angle = np.arctan2(y - np.float32(sun[1] - 1), x - np.float32(sun[0]))
    rays = np.interp(angle, np.linspace(0, np.pi, 40), rng.random(40) ** 3).astype(np.float32)
    return canvas.mix(pixels, colour, rays * np.float32(rng.uniform(0, 0.45)))
