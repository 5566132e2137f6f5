"""Surfaces: brick walls, wood and marble."""

import numpy as np
from PIL import Image

from sept_core.demo import canvas
from sept_core.demo.canvas import Field, Pixels, Rng

# Bricks from dark to light, mortar.
WALLS = (
    (("#7a2f22", "#a8482f", "#c46a4a"), "#cfc5b5"),
    (("#8f5a3a", "#b5825a", "#d0a57a"), "#8f877c"),
    (("#5a3a35", "#7f4f45", "#9a6b5a"), "#b5aca5"),
    (("#d5d0c8", "#e5e2dc", "#f2f0ec"), "#c0bbb2"),
    (("#3f4247", "#565b62", "#70757c"), "#8f9499"),
    (("#b58f4a", "#cfae6b", "#e0c98f"), "#a59a80"),
    (("#44607a", "#5a7d9a", "#7fa0b8"), "#c5ccd0"),
)


def bricks(rng: Rng) -> Image.Image:
    """A wall in one of three bonds, every brick its own colour, weathered."""
    colours, mortar = canvas.pick(rng, WALLS)
    rows = rng.uniform(5, 12)
    x, y = canvas.grid(angle=rng.normal(0, 0.03))
    if rng.random() < 0.35:  # a wall that recedes to one side
        depth = 1 + rng.uniform(-0.35, 0.35) * x
        x, y = x * (1.4 - 0.4 * depth) * 1.2, y * depth
    wobble = 0.015 * (canvas.noise(rng, 12) - 0.5)
    v = (y + wobble + 4) * np.float32(rows / 2)
    course = np.floor(v).astype(int)
    long = rng.uniform(2.0, 3.0)
    offset = canvas.pick(rng, (_running, _third, _english))(course)
    u = (x + wobble + 4) * np.float32(rows / 2) / (long * np.where(offset < 0, 0.5, 1)) + np.abs(
        offset
    )
    number = np.floor(u).astype(int)
    seam = rng.uniform(0.05, 0.1)
    inside_u = (0.5 - np.abs(u % 1 - 0.5)) * long * np.where(offset < 0, 0.5, 1)
    inside = np.minimum(inside_u, 0.5 - np.abs(v % 1 - 0.5)).astype(np.float32) - np.float32(seam)
    rough = canvas.fractal(rng, 16, octaves=4) - 0.5
    own = _hash(number, course, int(rng.integers(1 << 30)))
    brick = canvas.ramp(np.clip(own + 0.5 * rough, 0, 1), colours)
    brick = brick * (1 + 0.32 * (canvas.noise(rng, 55) - 0.5))
    joint = canvas.rgb(mortar) * (0.88 + 0.3 * (canvas.noise(rng, 60) - 0.5))
    body = canvas.step(0, 2.2 * rows / canvas.SIZE, inside + 0.08 * rough)
    pixels = canvas.mix(joint, brick, body)
    bevel = canvas.relief(canvas.blur(body, 1.0), -2.2, 0.5)
    stain = 1 - 0.35 * canvas.step(0.5, 0.9, canvas.fractal(rng, 2, octaves=4)) * int(
        rng.integers(0, 2)
    )
    return canvas.finish(rng, pixels * (stain * (1 - 0.35 * bevel)))


# Bonds: how far each course is pushed along, in bricks; negative for courses of half bricks.
def _running(course: np.ndarray) -> Field:
    return np.asarray((course % 2) * 0.5, np.float32)


def _third(course: np.ndarray) -> Field:
    return np.asarray((course % 3) / 3, np.float32)


def _english(course: np.ndarray) -> Field:
    return np.where(course % 2 == 0, 0.25, -0.5).astype(np.float32)


def _hash(a: np.ndarray, b: np.ndarray, seed: int) -> Field:
    """A number in 0..1 for each pair of whole numbers."""
    mixed = (
        a.astype(np.uint64) * np.uint64(73856093) ^ b.astype(np.uint64) * np.uint64(19349663)
    ) + np.uint64(seed)
    mixed = (mixed ^ (mixed >> np.uint64(13))) * np.uint64(1274126177)
    return ((mixed ^ (mixed >> np.uint64(16))) % np.uint64(1000)).astype(np.float32) / 1000


WOODS = (
    ("#5a3319", "#8f5a30", "#b88150"),
    ("#b58a52", "#d5b07a", "#ead0a0"),
    ("#2f1c12", "#4f3222", "#704a33"),
    ("#7a2f1a", "#a5482a", "#c46b44"),
    ("#8f8678", "#b0a898", "#d0c9bc"),
    ("#c49a6b", "#dfbf92", "#f2deba"),
    ("#4a4438", "#6b6454", "#8f8874"),
)


def wood(rng: Rng) -> Image.Image:
    """Boards with rings, fibres and knots, side by side."""
    tones = [canvas.vary(rng, tone, 0.04) for tone in canvas.pick(rng, WOODS)]
    x, y = canvas.grid(angle=float(rng.choice([0, np.pi / 2])) + rng.normal(0, 0.02))
    boards = rng.choice([0.5, 1.5, 2.5, 4])
    v = (y + 3) * np.float32(boards / 2)
    board = np.floor(v).astype(int)
    own = _hash(board, board * 7, int(rng.integers(1 << 30)))
    across = y + own * 7
    slow = canvas.fractal(rng, 1.2, 3, octaves=3) - 0.5 + own
    rings = across * rng.uniform(2.5, 6) + slow * rng.uniform(1.5, 4)
    for _ in range(int(rng.integers(0, 4))):
        rings = rings + _knot(rng, x, y)
    phase = rings * 2 % 1
    grain = canvas.step(0, 0.75, phase) * canvas.step(1, 0.88, phase)
    fibre = _along(rng, x, y)
    tone = np.clip(0.75 - 0.45 * grain + 0.35 * (fibre - 0.5) + 0.3 * (own - 0.5), 0, 1)
    pixels = canvas.ramp(tone, tones) * (0.9 + 0.2 * own)
    if boards > 1:
        gap = (0.5 - np.abs(v % 1 - 0.5)) / np.float32(boards / 2)
        pixels = pixels * (1 - 0.75 * canvas.step(0.03, 0.008, gap))
    return canvas.finish(rng, np.clip(pixels, 0, 1))


def _knot(rng: Rng, x: Field, y: Field) -> Field:
    """Rings pushed aside round a branch."""
    cx, cy, size = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.08, 0.2)
    distance = canvas.length((x - cx) * 0.45, y - cy)
    return np.asarray(np.exp(-((distance / size) ** 2)) * rng.uniform(1.5, 3), np.float32)


def _along(rng: Rng, x: Field, y: Field) -> Field:
    """Fine streaks that run along the boards, looked up so that they turn with them."""
    streaks = canvas.noise(rng, 6, 90, 2 * canvas.SIZE)
    scale = canvas.SIZE * 0.66
    rows = np.clip((y + 1.5) * scale, 0, 2 * canvas.SIZE - 1).astype(int)
    columns = np.clip((x + 1.5) * scale, 0, 2 * canvas.SIZE - 1).astype(int)
    return np.asarray(streaks[rows, columns])


# Ground, clouds in it, veins, fine veins.
MARBLES = (
    ("#f2f0ee", "#d8d8da", "#7a7f88", "#a5a8ad"),
    ("#14181a", "#2a3033", "#e5d5a5", "#b59a5a"),
    ("#1f4a3f", "#2f6b58", "#d0e8dc", "#7fb5a0"),
    ("#c98f7f", "#e0b5a5", "#7a3a30", "#fff0e8"),
    ("#e8dcc5", "#d5c09a", "#9a7040", "#c4a070"),
    ("#2a3a5a", "#44608f", "#e5ecf5", "#a0b5d5"),
    ("#5a1f24", "#7f3035", "#f2dcd5", "#c98a85"),
    ("#e0e8e5", "#b5ccc5", "#5a7f78", "#8fa8a2"),
)


def marble(rng: Rng) -> Image.Image:
    """Polished stone: cloudy ground and veins torn by slow currents."""
    ground, cloud, vein, fine = (canvas.vary(rng, c, 0.03) for c in canvas.pick(rng, MARBLES))
    x, y = canvas.grid(angle=rng.uniform(0, np.pi))
    drift = canvas.fractal(rng, 2, octaves=5) - 0.5
    aside = canvas.fractal(rng, 3, octaves=5) - 0.5
    pixels = canvas.mix(
        ground, cloud, canvas.step(0.35, 0.7, canvas.fractal(rng, 2.5, octaves=5) + 0.3 * drift)
    )
    pixels = canvas.mix(pixels, fine, 0.55 * _line(x * 2.2 + aside * 5, 0.06))
    pixels = canvas.mix(pixels, fine, 0.35 * _line(y * 3.1 + x + drift * 7, 0.05))
    strength = canvas.step(0.3, 0.65, canvas.noise(rng, 3))
    pixels = canvas.mix(
        pixels,
        vein,
        0.9
        * strength
        * _line(x * rng.uniform(0.7, 1.6) + drift * 3.2 + aside, rng.uniform(0.03, 0.1)),
    )
    pixels = _slabs(rng, pixels)
    gloss = np.exp(-((x + rng.uniform(-0.6, 0.6)) ** 2) * 3)
    return canvas.finish(rng, np.clip(pixels + 0.06 * gloss, 0, 1))


def _line(field: Field, width: float) -> Field:
    """Thin bright lines where a field passes a whole number, with a soft side."""
    distance = np.abs(field % 1 - 0.5)
    return np.asarray(0.65 * canvas.step(width, 0, distance) + 0.35 * np.exp(-distance * 9))


def _slabs(rng: Rng, pixels: Pixels) -> Pixels:
    """Sometimes the joint of four slabs, one of them turned round."""
    if rng.random() < 0.7:
        return pixels
    row, column = rng.integers(30, 98, 2)
    pixels = pixels.copy()
    pixels[:, :row, :column] = pixels[:, :row, :column][:, ::-1]
    pixels[:, row - 1 : row + 1] *= 0.6
    pixels[:, :, column - 1 : column + 1] *= 0.6
    return pixels
