"""Still lifes: fruit on a table."""

import numpy as np
from PIL import Image

from sept_core.demo import canvas
from sept_core.demo.canvas import Field, Pixels, Rng

TABLES = (
    "#e8d5b5",
    "#d0dce0",
    "#f2e5e0",
    "#8a9a7a",
    "#4a5a6b",
    "#c98f6b",
    "#f5d98a",
    "#a5c0c9",
    "#6b3f3f",
)
# Kind, skin in shadow, skin in light, stretch downwards.
FRUITS = (
    ("apple", "#8a0f1f", "#f0453a", 0.95),
    ("apple", "#4a7a1f", "#b5dc4a", 0.95),
    ("citrus", "#c96a0f", "#ffb02f", 1.0),
    ("citrus", "#c9a80f", "#fff05a", 0.85),
    ("plum", "#2a1447", "#7f4fa5", 1.05),
    ("cherry", "#5a0514", "#d51f3a", 1.0),
    ("grape", "#3a5f1f", "#b5d56b", 1.15),
    ("grape", "#2f1240", "#7a3f8f", 1.15),
    ("peach", "#c9503a", "#ffc98a", 1.0),
    ("berry", "#1f2a5f", "#6b8ad0", 1.0),
)


def fruit(rng: Rng) -> Image.Image:
    """A still life: one fruit or a heap on a table, light from the upper left."""
    wall, table = (canvas.vary(rng, canvas.pick(rng, TABLES), 0.05) for _ in range(2))
    x, y = canvas.grid()
    rim = rng.uniform(-0.3, 0.2)
    pixels = canvas.mix(
        wall * (1.05 - 0.2 * (x + 1) / 2),
        table * (0.95 + 0.1 * y),
        canvas.edge(np.float32(rim) - y, 0.04),
    )
    kind, dark, light, tall = canvas.pick(rng, FRUITS)
    small = kind in ("cherry", "grape", "berry")
    count = int(rng.integers(5, 14)) if small else int(rng.integers(1, 6))
    for at, size in _heap(rng, count, small):
        skin = canvas.vary(rng, dark, 0.05), canvas.vary(rng, light, 0.05)
        pixels = _one_fruit(rng, pixels, kind, at, size, skin, tall)
    return canvas.finish(rng, pixels)


def _heap(rng: Rng, count: int, small: bool) -> list[tuple[tuple[float, float], float]]:
    """Places and sizes, far ones first."""
    size = (
        rng.uniform(0.2, 0.27)
        if small
        else rng.uniform(0.34, 0.48)
        if count > 1
        else rng.uniform(0.5, 0.68)
    )
    spread = size * (1.1 + 0.22 * count) if count > 1 else 0.1
    spread = min(spread, 0.95 - size * 0.6)
    heap = [
        (
            (rng.uniform(-spread, spread), rng.uniform(-spread * 0.35, spread * 0.75)),
            size * rng.uniform(0.9, 1.1),
        )
        for _ in range(count)
    ]
    return sorted(heap, key=lambda placed: placed[0][1])


def _one_fruit(
    rng: Rng,
    pixels: Pixels,
    kind: str,
    at: tuple[float, float],
    size: float,
    skin: tuple[np.ndarray, np.ndarray],
    tall: float,
) -> Pixels:
    x, y = canvas.grid()
    x, y = (x - np.float32(at[0])) / np.float32(size), (y - np.float32(at[1])) / np.float32(size)
    shadow = np.exp(-((x - 0.25) ** 2 * 0.9 + (y - 0.92 * tall) ** 2 * 9))
    pixels = pixels * (1 - 0.6 * shadow)
    shape = canvas.length(x * (1 + (0.1 * y if kind == "apple" else 0)), y / np.float32(tall))
    if kind in ("apple", "peach", "plum"):
        shape = shape + 0.13 * np.exp(-((x * 4) ** 2)) * canvas.step(0, -1, y)
    depth = np.sqrt(np.clip(1 - shape**2, 0, 1))
    light = np.clip(-0.45 * x - 0.55 * y + 0.7 * depth, 0, 1)
    colour = canvas.mix(skin[0], skin[1], light)
    colour = _skin(rng, kind, colour, x, y, depth)
    shine = np.exp(-((x + 0.35) ** 2 + (y + 0.42) ** 2) * 18) * (0.25 if kind == "peach" else 0.7)
    rim_light = 0.15 * (1 - depth) ** 3
    pixels = canvas.mix(
        pixels,
        np.clip(canvas.mix(colour, "#ffffff", shine) + rim_light, 0, 1),
        canvas.edge((shape - 1) * size, 2 * canvas.PIXEL),
    )
    return _stalk(rng, pixels, kind, at, size, tall)


def _skin(rng: Rng, kind: str, colour: Pixels, x: Field, y: Field, depth: Field) -> Pixels:
    """Surface of a fruit: pores, a blush, stripes, bloom."""
    if kind == "citrus":
        return canvas.mix(colour, colour * 0.84, canvas.noise(rng, 90) * depth)
    if kind == "apple":
        stripes = canvas.noise(rng, 30, 3) * canvas.step(0.8, -0.6, y)
        return canvas.mix(colour, canvas.hsv(0.13, 0.5, 0.95), 0.35 * stripes)
    if kind == "peach":
        return canvas.mix(
            colour, "#d8402f", 0.6 * canvas.step(0.1, 0.9, x * 0.6 + canvas.noise(rng, 3))
        )
    if kind in ("plum", "grape", "berry"):
        return canvas.mix(colour, "#d5dcf2", 0.22 * canvas.noise(rng, 8))
    return colour


def _stalk(
    rng: Rng, pixels: Pixels, kind: str, at: tuple[float, float], size: float, tall: float
) -> Pixels:
    if kind in ("citrus", "grape", "berry"):
        return pixels
    pen, leaf = canvas.Pen(), canvas.Pen()
    top, lean = at[1] - size * tall * 0.8, rng.uniform(-0.15, 0.15)
    length = size * (0.9 if kind == "cherry" else 0.35)
    pen.line(
        [(at[0], top), (at[0] + lean * 0.4, top - length / 2), (at[0] + lean, top - length)],
        max(0.02, 0.055 * size),
    )
    if kind == "apple" and rng.random() < 0.6:
        curve = np.linspace(0, np.pi, 12)
        blade = np.stack([np.linspace(0, 1, 12), -0.28 * np.sin(curve)], 1)
        both = np.concatenate([blade, blade[::-1] * [1, -1]])
        leaf.polygon(
            canvas.turned(
                both, rng.uniform(-0.7, 0.2), size * 0.6, (at[0] + lean * 0.4, top - length / 2)
            )
        )
    pixels = canvas.mix(pixels, "#4a3320", pen.field())
    return canvas.mix(pixels, canvas.vary(rng, "#4f8a2f", 0.06), leaf.field())
