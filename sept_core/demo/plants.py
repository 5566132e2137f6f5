"""Families of plants: flowers and leaves."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from sept_core.demo import canvas, scenery
from sept_core.demo.canvas import Field, Pixels, Rng

MEADOWS = (
    ("#1a3a1f", "#3f7a3a", "#8fb55a"),
    ("#10281f", "#2a5f52", "#7aa08a"),
    ("#3a4a1f", "#8a9a3a", "#d5d58a"),
    ("#1f2a3a", "#3f5f6b", "#8aa5a0"),
    ("#2a1f2f", "#5a4a5f", "#a08a9a"),
)
# Base of a petal, its tip, the heart.
BLOOMS = (
    ("#c9205a", "#ff8ab5", "#ffd23f"),
    ("#ff9a1f", "#ffd84a", "#5a2f14"),
    ("#e5e0f2", "#ffffff", "#f2b51f"),
    ("#4a2aa0", "#9a7af0", "#ffe58a"),
    ("#a00f1f", "#ff4a3f", "#2a0f14"),
    ("#ff7a5a", "#ffd0b0", "#e0902f"),
    ("#2a50c0", "#7ab5ff", "#fff2a0"),
    ("#8a1f7a", "#f28ae0", "#ffef9f"),
    ("#f2c01f", "#fff08a", "#a0601f"),
)


def flowers(rng: Rng) -> Image.Image:
    """One bloom or a few in front of a meadow out of focus."""
    pixels = scenery.bokeh(rng, canvas.pick(rng, MEADOWS))
    colours = canvas.pick(rng, BLOOMS)
    count = int(rng.choice([1, 1, 1, 2, 3, 4]))
    bloom = canvas.pick(rng, (_daisy, _daisy, _dahlia, _poppy))
    for _ in range(count):
        size = rng.uniform(0.62, 0.9) if count == 1 else rng.uniform(0.3, 0.5)
        spread = 0.2 if count == 1 else 0.65
        at = rng.uniform(-spread, spread), rng.uniform(-spread, spread)
        varied = [canvas.vary(rng, colour, 0.04) for colour in colours]
        pixels = _stem(pixels, rng, at, size)
        pixels = bloom(rng, pixels, at, size, varied)
    return canvas.finish(rng, pixels, vignette=0.25)


def _stem(pixels: Pixels, rng: Rng, at: tuple[float, float], size: float) -> Pixels:
    pen = canvas.Pen()
    foot = at[0] + rng.uniform(-0.3, 0.3)
    pen.line([at, ((at[0] * 2 + foot) / 3, at[1] + 0.5), (foot, 1.2)], 0.07 * size + 0.01)
    return canvas.mix(pixels, canvas.vary(rng, "#3f6b2a", 0.1), pen.field())


def _polar(rng: Rng, at: tuple[float, float], size: float) -> tuple[Field, Field]:
    """Radius (1 at the rim) and angle round a bloom that looks a little away from us."""
    x, y = canvas.grid()
    x, y = (x - np.float32(at[0])) / np.float32(size), (y - np.float32(at[1])) / np.float32(size)
    tilt, lean = rng.uniform(0.72, 1), rng.uniform(0, np.pi)
    c, s = np.float32(np.cos(lean)), np.float32(np.sin(lean))
    along, aside = c * x + s * y, (c * y - s * x) / np.float32(tilt)
    return canvas.length(along, aside), np.arctan2(aside, along)


def _petals(
    pixels: Pixels,
    radius: Field,
    angle: Field,
    petals: int,
    turn: float,
    length: float,
    base: np.ndarray,
    tip: np.ndarray,
    width: float,
    soft: float,
    dim: float = 0.15,
) -> Pixels:
    """A ring of petals with veins, darker between them and where they meet the heart."""
    across = ((angle + turn) * petals / (2 * np.pi)) % 1 - 0.5
    along = radius / np.float32(length)
    # A petal widens from the heart and rounds off at its tip.
    outline = width * np.sqrt(np.clip(along, 0, 1)) * np.sqrt(np.clip(1 - along**4, 0, 1))
    inside = canvas.step(-soft, soft, outline - np.abs(across)) * canvas.step(
        1, 1 - 4 * soft, along
    )
    veins = 0.06 * np.cos(across * 40) * along
    fold = 1 - 1.1 * across**2 + 0.15 * across
    colour = canvas.mix(base, tip, np.clip(along * 1.2 - 0.15, 0, 1))
    lit = colour * ((0.72 + 0.35 * along) * fold + veins)
    shadow = canvas.step(-6 * soft, soft, outline - np.abs(across)) * canvas.step(1.12, 0.95, along)
    pixels = pixels * (1 - np.float32(dim) * shadow)
    return canvas.mix(pixels, np.clip(lit, 0, 1), inside)


def _heart(pixels: Pixels, radius: Field, angle: Field, size: float, colour: np.ndarray) -> Pixels:
    """The middle: a dome of small grains in spirals."""
    grains = np.sin(13 * angle + 30 * radius / size) * np.sin(-21 * angle + 30 * radius / size)
    light = 0.75 + 0.3 * grains - 0.35 * (radius / size) ** 2 - 0.2 * np.sin(angle)
    return canvas.mix(pixels, np.clip(colour * light, 0, 1), canvas.edge(radius - size, 0.06))


def _daisy(
    rng: Rng, pixels: Pixels, at: tuple[float, float], size: float, colours: list[np.ndarray]
) -> Pixels:
    radius, angle = _polar(rng, at, size)
    petals, turn = int(rng.integers(7, 20)), rng.uniform(0, 6)
    soft = 0.02 / size + petals / 400
    for ring in range(2):
        pixels = _petals(
            pixels,
            radius,
            angle,
            petals,
            turn + ring * np.pi / petals,
            1 - 0.08 * ring,
            colours[0],
            colours[1],
            0.5,
            soft,
        )
    return _heart(pixels, radius, angle, rng.uniform(0.2, 0.38), colours[2])


def _dahlia(
    rng: Rng, pixels: Pixels, at: tuple[float, float], size: float, colours: list[np.ndarray]
) -> Pixels:
    """Ring in ring of pointed petals."""
    radius, angle = _polar(rng, at, size)
    petals = int(rng.integers(8, 15))
    for ring, length in enumerate(np.linspace(1, 0.3, 5).tolist()):
        tip = canvas.mix(colours[1], colours[0], float(ring / 8))
        pixels = _petals(
            pixels, radius, angle, petals, 2.4 * ring, float(length), colours[0], tip, 0.46, 0.05
        )
    return _heart(pixels, radius, angle, 0.13, colours[2])


def _poppy(
    rng: Rng, pixels: Pixels, at: tuple[float, float], size: float, colours: list[np.ndarray]
) -> Pixels:
    """A few broad, overlapping petals round a dark eye."""
    radius, angle = _polar(rng, at, size)
    radius = radius * (1 + 0.06 * np.sin(angle * 11 + rng.uniform(0, 6)))
    petals, turn = int(rng.integers(4, 7)), rng.uniform(0, 6)
    for ring in range(3):
        pixels = _petals(
            pixels,
            radius,
            angle,
            petals,
            turn + 2.1 * ring,
            1 - 0.1 * ring,
            colours[0],
            colours[1],
            0.72,
            0.02 / size,
        )
    pixels = canvas.mix(
        pixels, colours[0] * 0.25, canvas.step(0.42, 0.15, radius) * np.float32(0.85)
    )
    return _heart(pixels, radius, angle, 0.15, colours[2])


PAPERS = ("#f2ead8", "#e8e4da", "#d9dfd2", "#cfd8dc", "#3a3f3a", "#2f3a44", "#5f4a3a", "#e5cfa8")
LEAF_COLOURS = (
    ("#2f6b2a", "#7fb04a"),
    ("#1f5a3f", "#4fa06b"),
    ("#a03f14", "#f09a2f"),
    ("#8a1f1f", "#e0573a"),
    ("#b58a1f", "#f2d55a"),
    ("#5a7a2a", "#c9d56b"),
    ("#3a5f5a", "#8fc0a8"),
    ("#6b2f3f", "#b56b6b"),
)


def leaves(rng: Rng) -> Image.Image:
    """A pressed leaf, or several, on paper or on the forest floor."""
    paper = canvas.vary(rng, canvas.pick(rng, PAPERS), 0.04)
    fibre = canvas.fractal(rng, 12, octaves=3) - 0.5
    pixels = np.clip(paper * (1 + 0.22 * fibre), 0, 1)
    outline = canvas.pick(rng, (_oval, _oval, _lobed, _maple, _heart_leaf))
    dark, light = canvas.pick(rng, LEAF_COLOURS)
    count = int(rng.choice([1, 1, 1, 2, 3]))
    for _ in range(count):
        size = rng.uniform(0.75, 0.92) if count == 1 else rng.uniform(0.42, 0.6)
        room = 1 - size
        at = rng.uniform(-room, room), rng.uniform(-room, room)
        angle = rng.normal(0, 0.5) if count == 1 else rng.uniform(0, 2 * np.pi)
        colours = canvas.vary(rng, dark), canvas.vary(rng, light)
        pixels = _leaf(rng, pixels, outline, at, size, angle, colours)
    return canvas.finish(rng, pixels)


def _leaf(
    rng: Rng,
    pixels: Pixels,
    outline: Callable[[Field, Field], Field],
    at: tuple[float, float],
    size: float,
    angle: float,
    colours: tuple[np.ndarray, np.ndarray],
) -> Pixels:
    x, y = canvas.grid()
    c, s = np.cos(angle) / size, np.sin(angle) / size
    x, y = x - np.float32(at[0]), y - np.float32(at[1])
    x, y = (c * x + s * y).astype(np.float32), (c * y - s * x).astype(np.float32)
    x = x + 0.08 * np.sin(y * 2)  # a leaf is never quite straight
    inside_by = outline(x, y)
    stalk = (
        canvas.edge(np.abs(x) - 0.03, 0.03) * canvas.step(0.3, 0.4, y) * canvas.step(1.05, 1.0, y)
    )
    inside = np.maximum(canvas.edge(-inside_by, 2 * canvas.PIXEL / size), stalk)
    shadow = canvas.blur(np.roll(inside, (3, 2), (0, 1)), 2.0)
    pixels = pixels * (1 - 0.4 * shadow)
    blotches = canvas.fractal(rng, 5, octaves=4)
    flesh = canvas.mix(
        colours[0], colours[1], np.clip(blotches * 1.6 - 0.4 + 0.25 * np.abs(x), 0, 1)
    )
    side = 0.1 * (x > 0).astype(np.float32) - 0.04
    flesh = flesh * (1 + side + 0.1 * np.tanh(inside_by * 6))
    return canvas.mix(
        pixels,
        canvas.mix(np.clip(flesh, 0, 1), canvas.mix(colours[1], "#fff8d5", 0.55), _veins(x, y)),
        inside,
    )


def _veins(x: Field, y: Field) -> Field:
    """A midrib and side veins that leave it upwards."""
    rib = canvas.step(0.035, 0.012, np.abs(x))
    lines = np.abs(((y + np.abs(x) * 0.8) * 5.5) % 1 - 0.5)
    side = canvas.step(0.42, 0.48, lines) * canvas.step(0.75, 0.1, np.abs(x))
    return np.asarray(np.maximum(rib, 0.6 * side), np.float32)


# Outlines: positive inside, about the distance to the rim, for a leaf with its tip at the top.
def _oval(x: Field, y: Field) -> Field:
    along = np.clip((0.95 - y) / 1.9, 0, 1)
    return (
        np.asarray(
            0.85 * np.abs(np.sin(np.pi * along**0.8)) ** 0.9 * 0.55
            - np.abs(x)
            + 0.012 * np.sin(y * 60),
            np.float32,
        )
        - 0.02
    )


def _lobed(x: Field, y: Field) -> Field:
    along = np.clip((0.95 - y) / 1.9, 0, 1)
    swell = np.abs(np.sin(np.pi * along**0.75)) ** 0.8
    waves = 0.14 * swell * np.sin(y * 14 + np.abs(x) * 5)
    return np.asarray(0.5 * swell + waves - np.abs(x), np.float32) - 0.05


def _maple(x: Field, y: Field) -> Field:
    angle = np.arctan2(np.abs(x), -(y - 0.25))
    radius = canvas.length(x, y - 0.25)
    lobes = 0.62 + 0.32 * np.cos(angle * 5.2) + 0.05 * np.cos(angle * 26)
    return np.asarray(lobes * (1.15 - 0.18 * angle) - radius, np.float32)


def _heart_leaf(x: Field, y: Field) -> Field:
    y = -(y - 0.1) * 1.15
    return np.asarray(
        0.32 - (x * x * 1.1 + (y + 0.55 * np.sqrt(np.abs(x)) - 0.15) ** 2 * 0.55), np.float32
    )
