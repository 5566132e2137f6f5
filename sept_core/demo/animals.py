"""Living families: butterflies, fish, and cells under a microscope."""

import numpy as np
from PIL import Image
from scipy import spatial

from sept_core.demo import canvas, scenery
from sept_core.demo.canvas import Field, Pixels, Rng

# Near the body, middle of the wing, border, spots.
WINGS = (
    ("#ff9a1f", "#f2701f", "#1a1210", "#ffffff"),
    ("#2f7af0", "#7ac5ff", "#0d1326", "#d5f0ff"),
    ("#f2e04a", "#fff5a0", "#3a3014", "#e0502f"),
    ("#c92f3a", "#f0703a", "#24101a", "#f5e0b5"),
    ("#f5f0e5", "#ffffff", "#3a3a3f", "#f2a03a"),
    ("#3fa07a", "#a0e0b5", "#0f2a24", "#f2f5a0"),
    ("#7a4fc0", "#c9a0f2", "#1a1030", "#ffd5f0"),
    ("#b57a4a", "#e0b585", "#3a2414", "#2f4a8a"),
)
GROUNDS = (
    ("#2a4a1f", "#6b9a4a", "#c9d98a"),
    ("#c9d5c0", "#e8eedd", "#f5f5ea"),
    ("#8aa5b5", "#c9d8df", "#eef2f0"),
    ("#d9c9a8", "#efe4cc", "#f8f2e2"),
    ("#4a2f4a", "#8a5a7a", "#d9a5b5"),
    ("#1f3f44", "#4f8580", "#a8cfc0"),
)


def butterflies(rng: Rng) -> Image.Image:
    """Draw a butterfly with open wings and a symmetric pattern."""
    pixels = scenery.bokeh(rng, canvas.pick(rng, GROUNDS), spots=8)
    size = rng.uniform(0.72, 0.95)
    room = 0.95 - size
    shift = rng.uniform(-room, room), rng.uniform(-room, room) + 0.03
    x, y = canvas.grid(zoom=size, angle=rng.normal(0, 0.25), shift=shift)
    x = np.abs(x) / np.float32(rng.uniform(0.8, 1))
    colours = [canvas.vary(rng, colour, 0.04) for colour in canvas.pick(rng, WINGS)]
    fore = _Wing(rng, root=(0.03, -0.1), points=0.62, reach=rng.uniform(0.95, 1.15), narrow=1.5)
    hind = _Wing(rng, root=(0.03, 0.08), points=-0.62, reach=rng.uniform(0.68, 0.85), narrow=1.25)
    marks = _marks(rng)
    shadow = np.maximum(fore.inside(x - 0.02, y - 0.06), hind.inside(x - 0.02, y - 0.06))
    pixels = pixels * (1 - 0.35 * canvas.blur(shadow, 3.5))
    for wing in (hind, fore):
        pixels = wing.paint(pixels, x, y, colours, marks)
    return canvas.finish(rng, _body(pixels, x, y, colours[2]))


def _marks(rng: Rng) -> dict[str, float]:
    """Parameters of a pattern; both pairs of wings use one draw."""
    return {
        "border": rng.uniform(0.1, 0.28),
        "spots": float(rng.integers(5, 9)),
        "spot": rng.uniform(0.025, 0.06),
        "bands": float(rng.choice([0, 0, 2, 3, 4])),
        "veins": rng.uniform(0.2, 0.8),
        "eye": rng.uniform(0, 0.17) * int(rng.integers(0, 2)),
    }


class _Wing:
    """One right wing in polar coordinates around its root."""

    def __init__(
        self, rng: Rng, root: tuple[float, float], points: float, reach: float, narrow: float
    ) -> None:
        self.root, self.points, self.reach, self.narrow = root, points, reach, narrow
        self.scallops, self.depth = int(rng.integers(6, 11)), rng.uniform(0.0, 0.035)

    def polar(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Return the relative distance to the rim and the angle from the midline (up: positive)."""
        dx, dy = x - np.float32(self.root[0]), y - np.float32(self.root[1])
        turn = np.arctan2(-dy, dx + 1e-4) - np.float32(self.points)
        rim = self.reach * np.clip(np.cos(turn * self.narrow), 0, 1) ** 0.42
        rim = rim * (1 + self.depth * np.cos(turn * self.scallops * 4)) + 1e-3
        return canvas.length(dx, dy) / rim, turn

    def inside(self, x: Field, y: Field) -> Field:
        out, turn = self.polar(x, y)
        ahead = np.cos(turn * self.narrow) * (np.abs(turn) * self.narrow < np.pi)
        return canvas.edge(np.where(ahead > 0, out - 1, 1), 0.04)

    def paint(
        self, pixels: Pixels, x: Field, y: Field, colours: list[np.ndarray], marks: dict[str, float]
    ) -> Pixels:
        out, turn = self.polar(x, y)
        wing = canvas.mix(colours[0], colours[1], np.clip(out, 0, 1))
        ribs = np.abs(np.sin(turn * 9)) ** 0.5
        wing = canvas.mix(
            wing, colours[2], (1 - canvas.step(0.1, 0.45, ribs)) * np.float32(marks["veins"])
        )
        if marks["bands"]:
            bands = canvas.step(0.3, 0.6, np.sin(out * marks["bands"] * 6 + turn * 2))
            wing = canvas.mix(wing, colours[2], bands * np.float32(0.75))
        wing = canvas.mix(
            wing,
            colours[2],
            canvas.step(1 - marks["border"] - 0.04, 1 - marks["border"] + 0.04, out),
        )
        place = (turn * self.narrow / np.pi + 0.5) * marks["spots"] % 1 - 0.5
        near = canvas.length(
            place * 0.9 * self.reach / marks["spots"] * 2.2, out - (1 - marks["border"] * 0.5)
        )
        wing = canvas.mix(wing, colours[3], canvas.edge(near - np.float32(marks["spot"]), 0.03))
        if marks["eye"]:
            ring = canvas.length(turn * 0.45, out - 0.58).astype(np.float32)
            for radius, colour in ((1.0, colours[2]), (0.7, colours[3]), (0.35, colours[2])):
                wing = canvas.mix(
                    wing, colour, canvas.edge(ring - np.float32(marks["eye"] * radius), 0.03)
                )
        light = 0.82 + 0.25 * np.clip(out, 0, 1) + 0.05 * np.cos(turn * 18)
        return canvas.mix(pixels, np.clip(wing * light, 0, 1), self.inside(x, y))


def _body(pixels: Pixels, x: Field, y: Field, colour: np.ndarray) -> Pixels:
    """Draw abdomen, head and two antennae; x is already folded."""
    body = (
        np.minimum(
            canvas.length(x / 0.062, (y - 0.08) / 0.42), canvas.length(x / 0.075, (y + 0.28) / 0.1)
        )
        - 1
    )
    light = 1.2 - 6 * x + 0.25 * np.sin(y * 55)
    pixels = canvas.mix(pixels, np.clip((colour + 0.1) * light, 0, 1), canvas.edge(body, 0.25))
    feeler = np.abs(x - 0.25 * np.clip(-(y + 0.3), 0, 1) ** 0.8 - 0.015) - 0.012
    feelers = canvas.edge(feeler, 0.02) * canvas.edge(np.abs(y + 0.5) - 0.2, 0.02)
    return canvas.mix(pixels, colour, feelers)


WATERS = (
    ("#0a4a7a", "#1f8fb5", "#7ad5d8"),
    ("#06304a", "#0f6080", "#3fa5a8"),
    ("#0f3a5f", "#3f7ab5", "#a8d5f2"),
    ("#0a3f3a", "#1f7f6b", "#8fd5a8"),
    ("#14204a", "#3a4f9a", "#8fa8e0"),
)
FISH = (
    ("#ff7a1f", "#ffd08a", "#ffffff"),
    ("#ffd81f", "#fff5a0", "#1f2a4a"),
    ("#2f6be0", "#8ad0ff", "#ffe02f"),
    ("#e0305a", "#ffb5b0", "#ffffff"),
    ("#c9d5df", "#ffffff", "#3a4a5f"),
    ("#8a3fc0", "#e0a8f2", "#ffd84a"),
    ("#1fa58a", "#c0f2d5", "#0f3f4a"),
    ("#2a2a33", "#c9c9d0", "#f2a02f"),
)


def fish(rng: Rng) -> Image.Image:
    """Draw tropical fish in lit water, above weeds or coral."""
    _, y = canvas.grid()
    deep, middle, light = canvas.pick(rng, WATERS)
    pixels = canvas.ramp((1 - y) / 2 + 0.15 * (canvas.noise(rng, 3) - 0.5), [deep, middle, light])
    rays = canvas.noise(rng, 12, 1, 2 * canvas.SIZE)[canvas.SIZE // 2 : -canvas.SIZE // 2]
    slant = np.clip(
        (np.arange(canvas.SIZE)[None, :] + y * rng.uniform(-25, 25) + 64), 0, 255
    ).astype(int)
    beams = np.take_along_axis(rays, slant, 1) * canvas.step(0.9, -1, y)
    pixels = canvas.mix(pixels, "#ffffff", 0.35 * beams * beams)
    pixels = _seabed(rng, pixels, deep)
    colours = canvas.pick(rng, FISH)
    shape = {
        "tall": rng.uniform(0.38, 0.75),
        "tail": rng.uniform(0.3, 0.6),
        "marks": int(rng.integers(4)),
        "fin": rng.uniform(0.15, 0.35),
        "number": rng.uniform(3, 7),
    }
    count = int(rng.choice([1, 1, 2, 3, 5]))
    facing = rng.choice([-1, 1])
    for _ in range(count):
        size = rng.uniform(0.5, 0.7) if count == 1 else rng.uniform(0.2, 0.42)
        room = 1 - size
        at = rng.uniform(-room, room) * 0.9, rng.uniform(-room, room) * 0.8
        pixels = _one_fish(rng, pixels, at, size, facing, colours, shape)
    pen = canvas.Pen()
    for _ in range(int(rng.integers(3, 16))):
        pen.disc(rng.uniform(-1, 1), rng.uniform(-1, 0.8), rng.uniform(0.01, 0.04))
    return canvas.finish(rng, canvas.mix(pixels, "#ffffff", 0.45 * pen.field()))


def _seabed(rng: Rng, pixels: Pixels, deep: str) -> Pixels:
    """Draw swaying weeds or branching coral, dim in the distance."""
    for nearness in (0.4, 0.9):
        pen = canvas.Pen()
        sway = rng.uniform(-0.3, 0.3)
        for x in rng.uniform(-1.1, 1.1, int(rng.integers(4, 12))):
            height = rng.uniform(0.2, 0.9)
            at = np.linspace(0, 1, 7)
            bend = x + sway * at**2 + 0.06 * np.sin(at * 9 + x * 20)
            pen.line(np.stack([bend, 1.05 - height * at], 1), 0.05 * nearness)
        plant = canvas.mix(
            deep,
            canvas.pick(rng, ("#c9506b", "#3f8a4a", "#8a5fb5", "#d5a04a", "#2f6b5a")),
            0.75 * nearness,
        )
        pixels = canvas.mix(pixels, plant, pen.field())
    return pixels


def _one_fish(
    rng: Rng,
    pixels: Pixels,
    at: tuple[float, float],
    size: float,
    facing: float,
    colours: tuple[str, str, str],
    shape: dict[str, float],
) -> Pixels:
    back, belly, mark = (canvas.vary(rng, colour, 0.03) for colour in colours)
    x, y = canvas.grid()
    x, y = (
        (x - np.float32(at[0])) * np.float32(facing / size),
        (y - np.float32(at[1])) / np.float32(size),
    )
    y = y - x * np.float32(rng.uniform(-0.15, 0.15))
    nose = np.clip((0.95 - x) / 1.6, 0, 1)
    half = shape["tall"] * np.abs(np.sin(np.pi * nose**0.7)) ** 0.75
    body = np.abs(y) - half + 0.05
    tail = np.maximum(
        np.abs(np.abs(y) - shape["tail"] * 0.55) - 0.32 * shape["tail"] - 0.1 * (-x - 0.6),
        np.abs(x + 0.78) - 0.24,
    )
    tail = np.maximum(tail, np.abs(y) - shape["tail"] * (-x - 0.5) * 2.2)
    fins = np.maximum(
        np.abs(y) - half - shape["fin"] * canvas.step(0.55, 0.0, x) * canvas.step(-0.6, -0.3, x),
        np.abs(x - 0.0) - 0.55,
    )
    soft = 2 * canvas.PIXEL / size
    streaks = 0.92 + 0.12 * np.sin(x * 40 + y * 14)
    fin_colour = np.clip(canvas.mix(back, mark, 0.35) * streaks, 0, 1)
    pixels = canvas.mix(
        pixels, fin_colour, canvas.edge(np.minimum(tail, fins), soft) * np.float32(0.92)
    )
    skin = canvas.mix(back, belly, canvas.step(-0.3, 0.75, y / shape["tall"]))
    skin = canvas.mix(skin, mark, _fish_marks(x, y, half, shape))
    scales = np.sin(x * 42) * np.sin((y + 0.5 * (np.floor(x * 42 / np.pi) % 2) * 0.15) * 42)
    light = 1.05 - 0.35 * (np.abs(y + 0.15) / np.maximum(half, 0.05)) ** 3 + 0.06 * scales
    pixels = canvas.mix(pixels, np.clip(skin * light, 0, 1), canvas.edge(body, soft))
    eye = canvas.length(x - 0.62, y + 0.1 * shape["tall"]).astype(np.float32)
    for radius, colour in ((0.1, "#f8f8f0"), (0.062, "#101014")):
        pixels = canvas.mix(pixels, colour, canvas.edge(eye - np.float32(radius), soft))
    return pixels


def _fish_marks(x: Field, y: Field, half: Field, shape: dict[str, float]) -> Field:
    number = shape["number"]
    if shape["marks"] == 0:
        return canvas.step(0.35, 0.6, np.sin(x * number * 1.6 + 0.8 * y * y))
    if shape["marks"] == 1:
        return canvas.step(0.4, 0.7, np.sin(y / shape["tall"] * number * 2))
    if shape["marks"] == 2:
        return canvas.step(0.45, 0.7, np.sin(x * number * 2.2) * np.sin(y * number * 2.2))
    return canvas.step(0.12, 0.06, np.abs(y) + np.maximum(x - 0.5, 0) / 4)


# Ground, cell body, rim, nucleus.
STAINS = (
    ("#f8e5ee", "#e8a5c5", "#c9709f", "#5a2f8a"),
    ("#f5eef5", "#d5b5e0", "#a57ac0", "#4a1f6b"),
    ("#04060f", "#0f4a3a", "#2fd58a", "#4a6bff"),
    ("#0a0408", "#4a0f1f", "#ff5a4a", "#5ab5ff"),
    ("#f5f0dd", "#e5b59a", "#c9705a", "#9a4a3a"),
    ("#e8f2ef", "#b0d8c9", "#5a9f8f", "#1f5a5f"),
    ("#03080f", "#14304f", "#5ad0f0", "#f2e05a"),
    ("#eef2e0", "#c5dc9a", "#7f9f4a", "#3a5f24"),
)


def cells(rng: Rng) -> Image.Image:
    """Draw cells with membrane and nucleus, stained or fluorescent, packed or scattered."""
    colours = [canvas.vary(rng, colour, 0.03) for colour in canvas.pick(rng, STAINS)]
    x, y = canvas.grid(side=canvas.SIZE)
    wobble = 0.05 * (canvas.noise(rng, 9) - 0.5), 0.05 * (canvas.noise(rng, 9) - 0.5)
    across = rng.uniform(4, 9)
    points = _scatter(rng, across)
    first, second, owner = nearest_two(
        x + wobble[0] * 8 / across * 2, y + wobble[1] * 8 / across * 2, points
    )
    gap = (second - first) * np.float32(across / 2)  # 0 on the border between two cells
    radius = first * np.float32(across / 2)
    packed = rng.random() < 0.5
    reach = rng.uniform(0.42, 0.55)
    border = gap - 0.09 if packed else np.minimum(gap - 0.04, np.float32(reach) - radius)
    body = canvas.step(0, 0.08, border)
    rim = body * canvas.step(0.3, 0.06, border)
    texture = canvas.fractal(rng, 14, octaves=3) - 0.5
    pixels = canvas.mix(colours[0], colours[1], body * np.clip(0.75 + texture, 0, 1))
    pixels = canvas.mix(pixels, colours[2], rim * np.float32(0.85))
    own_size = rng.uniform(0.14, 0.26, len(points)).astype(np.float32)[owner]
    nucleus = canvas.step(0.03, -0.03, radius - own_size + 0.06 * texture)
    chromatin = np.clip(0.8 + 0.9 * (canvas.noise(rng, 40) - 0.5), 0, 1)
    pixels = canvas.mix(pixels, colours[3], nucleus * chromatin * body)
    if rng.random() < 0.4:
        pixels = pixels * (
            0.12
            + 0.88 * canvas.edge(canvas.length(x, y) - np.float32(rng.uniform(0.93, 1.05)), 0.06)
        )
    return canvas.finish(rng, pixels, grain=0.015)


def _scatter(rng: Rng, across: float) -> np.ndarray:
    """Return (n, 2) points at some distance: a jittered, staggered lattice beyond the border."""
    steps = np.arange(-1 - 2 / across, 1 + 3 / across, 2 / across)
    px, py = np.meshgrid(steps, steps)
    px = px + (np.arange(len(steps)) % 2)[:, None] / across
    return np.asarray(
        np.stack([px.ravel(), py.ravel()], 1) + rng.normal(0, 0.42 / across, (px.size, 2))
    )


def nearest_two(x: Field, y: Field, points: np.ndarray) -> tuple[Field, Field, np.ndarray]:
    """Return the distances to the nearest and second-nearest point, and the nearest's number."""
    tree = spatial.cKDTree(points)
    distance, index = tree.query(np.stack([x.ravel(), y.ravel()], 1), k=2)
    first, second = distance.astype(np.float32).T.reshape(2, *x.shape)
    return first, second, index[:, 0].reshape(x.shape)
