"""Families of signs and dials: road signs and clocks."""

import numpy as np
from PIL import Image

from sept_core.demo import canvas, scenery
from sept_core.demo.canvas import Pen, Pixels, Rng

ROADSIDES = (
    (("#5a9fd8", "#b5d8ee", "#e8f2f5"), "#5a7f4a"),
    (("#8a95a0", "#b5bdc5", "#d5dadd"), "#6b7068"),
    (("#e0a080", "#f2cda5", "#fff0d5"), "#5f5a4a"),
    (("#3f6b9a", "#8fb5d0", "#dfe8e5"), "#3f5f3a"),
    (("#2a3350", "#5f6b8f", "#a5a0b0"), "#2a2f33"),
    (("#9ac5d5", "#d5e5e0", "#f5f2e5"), "#a59a6b"),
)
RED, BLUE, YELLOW, WHITE, BLACK, GREEN = (
    "#c8202c",
    "#1a56a8",
    "#f7c61f",
    "#f8f8f5",
    "#17171a",
    "#14703f",
)


def road_signs(rng: Rng) -> Image.Image:
    """A sign on its pole next to a blurred road."""
    pixels = _roadside(rng)
    pen, silhouette = Pen("#808080"), Pen()
    size = rng.uniform(0.42, 0.72)
    at = rng.uniform(-0.18, 0.18), rng.uniform(-0.28, -0.02)
    for target in (pen, silhouette):
        target.box(at[0] - 0.035, at[1], at[0] + 0.035, 1.1, "#9aa0a5" if target is pen else 1.0)
    pen.box(at[0] + 0.012, at[1], at[0] + 0.035, 1.1, "#6b7075")
    sign = canvas.pick(
        rng, (_warning, _warning, _limit, _stop, _mandatory, _yield, _diamond, _place, _no_entry)
    )
    sign(rng, _Plate(pen, silhouette, at, size, rng.normal(0, 0.04)))
    mask = silhouette.field()
    light = 1.0 - 0.16 * canvas.grid()[0] * int(rng.choice([-1, 1]))
    dirt = 1 - 0.15 * canvas.step(0.5, 0.9, canvas.fractal(rng, 4))
    shadow = canvas.blur(np.roll(mask, (3, 3), (0, 1)), 3)
    pixels = pixels * (1 - 0.3 * shadow)
    dusk = 0.75 + 0.25 * float(np.mean(pixels) > 0.4)
    return canvas.finish(
        rng, canvas.mix(pixels, np.clip(pen.pixels() * (light * dirt * dusk), 0, 1), mask)
    )


def _roadside(rng: Rng) -> Pixels:
    """Sky, verge, hedge and road, far out of focus."""
    stops, verge = canvas.pick(rng, ROADSIDES)
    horizon = rng.uniform(0.2, 0.6)
    pixels = scenery.clouds(rng, scenery.sky(rng, stops, horizon), "#ffffff", rng.uniform(0, 0.5))
    hedge = horizon - 0.25 * rng.random() - 0.25 * canvas.profile(rng, 4)
    pixels = scenery.silhouette(pixels, hedge, canvas.vary(rng, canvas.rgb(verge) * 0.6, 0.1))
    pixels = scenery.silhouette(
        pixels, np.full(canvas.SIZE, horizon), canvas.vary(rng, verge, 0.08)
    )
    pen, side = Pen(), rng.choice([-1, 1])
    pen.polygon(
        [(side * 0.1, horizon), (side * 0.2, horizon), (side * 2.4, 1.1), (side * 0.3, 1.1)]
    )
    pixels = canvas.mix(pixels, "#6b6b70", pen.field())
    return canvas.blur(pixels, rng.uniform(1.5, 3.5))


class _Plate:
    """Drawing area of a sign: shapes around its centre, in units of its half height."""

    def __init__(
        self, pen: Pen, silhouette: Pen, at: tuple[float, float], size: float, angle: float
    ) -> None:
        self.pen, self.silhouette, self.at, self.size, self.angle = pen, silhouette, at, size, angle

    def place(self, points: object) -> np.ndarray:
        return canvas.turned(np.asarray(points, float), self.angle, self.size, self.at)

    def back(self, points: object, ink: str) -> None:
        """The plate itself: what hides the background."""
        self.silhouette.polygon(self.place(points))
        self.pen.polygon(self.place(points), ink)

    def polygon(self, points: object, ink: str) -> None:
        self.pen.polygon(self.place(points), ink)

    def line(self, points: object, width: float, ink: str) -> None:
        self.pen.line(self.place(points), width * self.size, ink)

    def disc(self, x: float, y: float, radius: float, ink: str) -> None:
        ((px, py),) = self.place([(x, y)])
        self.pen.disc(px, py, radius * self.size, ink)

    def text(self, y: float, text: str, height: float, ink: str) -> None:
        ((px, py),) = self.place([(0, y)])
        self.pen.text(px, py, text, height * self.size, ink)


def _regular(corners: int, radius: float = 1.0, turn: float = 0.0) -> np.ndarray:
    angle = np.arange(corners) * 2 * np.pi / corners + turn - np.pi / 2
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1)


def _warning(rng: Rng, plate: _Plate) -> None:
    """A triangle with a red rim."""
    ground = canvas.pick(rng, (WHITE, WHITE, YELLOW))
    plate.back(_regular(3, 1.12), RED)
    plate.polygon(_regular(3, 0.78), ground)
    _symbol(rng, plate, 0.1, 0.36)


def _diamond(rng: Rng, plate: _Plate) -> None:
    plate.back(_regular(4, 1.12), BLACK)
    plate.polygon(_regular(4, 1.02), YELLOW)
    _symbol(rng, plate, 0.0, 0.5)


def _limit(rng: Rng, plate: _Plate) -> None:
    """A round prohibition: a speed, or something crossed out."""
    plate.back(_regular(40), RED)
    plate.polygon(_regular(40, 0.76), WHITE)
    if rng.random() < 0.6:
        plate.text(0.02, str(int(rng.choice([20, 30, 50, 60, 70, 80, 100, 120]))), 0.8, BLACK)
    else:
        _symbol(rng, plate, 0, 0.42)
        plate.line([(-0.58, -0.58), (0.58, 0.58)], 0.17, RED)


def _stop(rng: Rng, plate: _Plate) -> None:
    plate.back(_regular(8, 1.06, np.pi / 8), WHITE)
    plate.polygon(_regular(8, 0.97, np.pi / 8), RED)
    plate.text(0.02, "STOP", 0.58, WHITE)


def _yield(rng: Rng, plate: _Plate) -> None:
    plate.back(_regular(3, 1.12, np.pi), RED)
    plate.polygon(_regular(3, 0.68, np.pi), WHITE)


def _no_entry(rng: Rng, plate: _Plate) -> None:
    plate.back(_regular(40), WHITE)
    plate.polygon(_regular(40, 0.93), RED)
    plate.polygon([(-0.68, -0.16), (0.68, -0.16), (0.68, 0.16), (-0.68, 0.16)], WHITE)


def _mandatory(rng: Rng, plate: _Plate) -> None:
    """White on a blue disc."""
    plate.back(_regular(40), WHITE)
    plate.polygon(_regular(40, 0.93), BLUE)
    _arrow(rng, plate, WHITE)


def _place(rng: Rng, plate: _Plate) -> None:
    """A board with a name or a distance on it."""
    ground = canvas.pick(rng, (BLUE, GREEN, "#7a4a24"))
    wide, high = rng.uniform(1.0, 1.25), rng.uniform(0.6, 0.85)
    plate.back([(-wide, -high), (wide, -high), (wide, high), (-wide, high)], WHITE)
    wide, high = wide - 0.08, high - 0.08
    plate.polygon([(-wide, -high), (wide, -high), (wide, high), (-wide, high)], ground)
    name = canvas.pick(
        rng, ("Lindau", "Exit", "Porto", "Vik", "Centre", "Lugano", "Park", "Riga", "Zoo")
    )
    plate.text(-0.22, name, 0.5, WHITE)
    plate.text(0.3, f"{rng.integers(1, 99)} km", 0.38, WHITE)


def _arrow(rng: Rng, plate: _Plate, ink: str) -> None:
    turn = float(rng.choice([0, np.pi / 2, -np.pi / 2, np.pi * 0.75, -np.pi * 0.75]))
    shaft = [
        (-0.13, 0.65),
        (-0.13, -0.1),
        (-0.38, -0.1),
        (0, -0.65),
        (0.38, -0.1),
        (0.13, -0.1),
        (0.13, 0.65),
    ]
    plate.polygon(canvas.turned(np.array(shaft), turn), ink)


def _symbol(rng: Rng, plate: _Plate, y: float, size: float) -> None:
    """A black symbol in the middle: an exclamation mark, a bend, a walker, a crossing."""
    kind = int(rng.integers(4))
    if kind == 0:
        plate.polygon(
            [
                (-size * 0.22, y - size),
                (size * 0.22, y - size),
                (size * 0.1, y + size * 0.3),
                (-size * 0.1, y + size * 0.3),
            ],
            BLACK,
        )
        plate.disc(0, y + size * 0.65, size * 0.18, BLACK)
    elif kind == 1:
        side = rng.choice([-1, 1])
        plate.line(
            [
                (-side * size * 0.4, y + size * 0.8),
                (-side * size * 0.4, y),
                (side * size * 0.3, y - size * 0.25),
                (side * size * 0.3, y - size * 0.7),
            ],
            size * 0.3,
            BLACK,
        )
        plate.polygon(
            [
                (side * size * 0.3 - size * 0.32, y - size * 0.6),
                (side * size * 0.3 + size * 0.32, y - size * 0.6),
                (side * size * 0.3, y - size * 1.1),
            ],
            BLACK,
        )
    elif kind == 2:
        plate.disc(0, y - size * 0.8, size * 0.22, BLACK)
        plate.line([(0, y - size * 0.5), (0, y + size * 0.1)], size * 0.34, BLACK)
        plate.line(
            [(-size * 0.4, y + size * 0.85), (0, y + size * 0.1), (size * 0.4, y + size * 0.85)],
            size * 0.22,
            BLACK,
        )
        plate.line(
            [(-size * 0.5, y), (0, y - size * 0.4), (size * 0.5, y - size * 0.1)],
            size * 0.17,
            BLACK,
        )
    else:
        plate.line([(0, y - size * 0.9), (0, y + size * 0.9)], size * 0.3, BLACK)
        plate.line([(-size * 0.75, y), (size * 0.75, y)], size * 0.3, BLACK)


# Wall, rim, face, ink, accent.
CLOCKS = (
    ("#d5c9b5", "#2a2a2d", "#fafaf7", "#1c1c20", "#d0202a"),
    ("#3f5a5f", "#c9a04a", "#f5ecd5", "#3a2a1a", "#7a1f1f"),
    ("#e8e8ea", "#c5c8cc", "#ffffff", "#2f343a", "#f28a1f"),
    ("#7a3f35", "#4a2c1a", "#f2e5c5", "#2a1a10", "#2f5a8a"),
    ("#24303f", "#8fa0b0", "#17202a", "#e5eaf0", "#4fc0f2"),
    ("#c5d5c0", "#ffffff", "#2f6b5a", "#f5f5ea", "#f2c94a"),
    ("#f2d5c9", "#b56b5a", "#fff8f2", "#5a2f2a", "#d5705a"),
    ("#5a5f80", "#e5d5a0", "#20244a", "#f2e5b5", "#ff7a6b"),
)
ROMAN = ("XII", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI")


def clocks(rng: Rng) -> Image.Image:
    """A clock on a papered wall, at any time of day."""
    wall, rim, face, ink, accent = (canvas.vary(rng, c, 0.035) for c in canvas.pick(rng, CLOCKS))
    size = rng.uniform(0.68, 0.9)
    room = max(0.0, 0.93 - size)
    at = rng.uniform(-room, room), rng.uniform(-room, room)
    pixels = _wall(rng, wall)
    pen, outline = Pen(rim), Pen()
    outline.disc(*at, size)
    _face(rng, pen, at, size, face, ink)
    _hands(rng, pen, at, size * 0.86, ink, accent)
    mask = outline.field()
    pixels = pixels * (1 - 0.45 * canvas.blur(np.roll(mask, (5, 4), (0, 1)), 4))
    x, y = canvas.grid(shift=at)
    radius = canvas.length(x, y) / np.float32(size)
    metal = 1 + 0.35 * np.sin(np.arctan2(y, x) * 2 + 0.8) * canvas.step(0.84, 0.9, radius)
    shade = 1 - 0.22 * canvas.step(0.7, 0.86, radius) * canvas.step(0.9, 0.86, radius)
    glass = 0.1 * canvas.step(0.05, -0.05, x + y + 0.35) * canvas.step(0.86, 0.84, radius)
    clock = np.clip(pen.pixels() * (metal * shade) + glass * 0.6, 0, 1)
    return canvas.finish(rng, canvas.mix(pixels, clock, mask))


def _wall(rng: Rng, colour: np.ndarray) -> Pixels:
    """Plain, striped or dotted wallpaper."""
    x, y = canvas.grid()
    number, kind = rng.uniform(4, 9), int(rng.integers(4))
    pattern = np.zeros_like(x)
    if kind == 1:
        pattern = canvas.step(-0.2, 0.2, np.sin(x * number * np.pi))
    elif kind == 2:
        pattern = canvas.step(0.6, 0.8, np.sin(x * number * np.pi) * np.sin(y * number * np.pi))
    elif kind == 3:
        pattern = canvas.fractal(rng, 6)
    return np.clip(colour * (0.94 + 0.12 * pattern), 0, 1)


def _face(
    rng: Rng, pen: Pen, at: tuple[float, float], size: float, face: np.ndarray, ink: np.ndarray
) -> None:
    pen.disc(*at, size * 0.87, face)
    style = int(rng.integers(4))
    for minute in range(60):
        angle = minute * np.pi / 30
        out = np.array([np.sin(angle), -np.cos(angle)]) * size
        hour = minute % 5 == 0
        if not hour and (style == 2 or rng.random() < 0):
            continue
        inner = (0.7 if style == 0 else 0.77) if hour else 0.8
        width = size * (0.055 if hour else 0.018)
        pen.line([out * inner + at, out * 0.83 + at], width, ink)
        if hour and style in (1, 3):
            text = ROMAN[minute // 5] if style == 3 else str(minute // 5 or 12)
            x, y = out * 0.63 + at
            pen.text(x, y, text, size * (0.2 if style == 1 else 0.17), ink)


def _hands(
    rng: Rng, pen: Pen, at: tuple[float, float], size: float, ink: np.ndarray, accent: np.ndarray
) -> None:
    minutes = rng.uniform(0, 720)
    turns = (
        (minutes / 720, 0.55, 0.085, ink),
        (minutes / 60 % 1, 0.82, 0.06, ink),
        (rng.random(), 0.88, 0.022, accent),
    )
    shown = 3 if rng.random() < 0.7 else 2
    for turn, length, width, colour in turns[:shown]:
        way = np.array([np.sin(turn * 2 * np.pi), -np.cos(turn * 2 * np.pi)]) * size
        pen.line([at - way * 0.14, way * length + at], width * size, colour)
    pen.disc(*at, size * 0.065, accent if shown == 3 else ink)
