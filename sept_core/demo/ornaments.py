"""Families of geometric ornaments: stained glass, tiles and mandalas."""

import itertools

import numpy as np
from PIL import Image
from scipy import spatial

from sept_core.demo import canvas
from sept_core.demo.canvas import Field, Pixels, Rng

GLASS = (
    ("#c9202f", "#1f4fb5", "#f2b51f", "#2f8a4a", "#7a2f9a"),
    ("#0f3f9a", "#2f8ad5", "#8ad0f2", "#f2e5a0", "#14245f"),
    ("#f28a1f", "#ffd84a", "#d9402a", "#fff0b5", "#8f1f2a"),
    ("#1f7a5a", "#5ab56b", "#c9e57a", "#2f5f9a", "#f2d54a"),
    ("#8a2f8f", "#e0609a", "#ffb5c9", "#4a4fc0", "#f2e0f5"),
    ("#2a9aa5", "#f2f5e5", "#e5603f", "#f2c04a", "#14506b"),
)


def stained_glass(rng: Rng) -> Image.Image:
    """Panes in lead with light behind them, strewn or symmetric, sometimes below an arch."""
    x, y = canvas.grid()
    points, colour_by = canvas.pick(rng, (_strewn, _strewn, _rose, _mirrored))(rng)
    owner, border = _panes(x, y, points)
    glass = [canvas.vary(rng, c, 0.03) for c in canvas.pick(rng, GLASS)]
    own = rng.uniform(0.7, 1.3, len(points)).astype(np.float32)[owner]
    seeds = canvas.fractal(rng, 14, octaves=3) - 0.5
    sun = np.exp(-((x - rng.uniform(-0.6, 0.6)) ** 2 + (y - rng.uniform(-0.6, 0.4)) ** 2) * 0.9)
    light = (0.55 + 0.75 * sun) * (1 + 0.5 * seeds) * (0.75 + 0.25 * canvas.step(0, 0.12, border))
    pixels = np.clip(canvas.chosen(glass, (colour_by % len(glass))[owner]) * (light * own), 0, 1)
    pixels = canvas.mix(pixels, "#ffffff", 0.22 * sun * canvas.step(0.55, 0.8, seeds + 0.5))
    lead = rng.uniform(0.012, 0.024)
    cames = canvas.mix("#0c0c0f", "#4a4a50", canvas.step(lead, 0, border) * np.float32(0.7))
    pixels = canvas.mix(pixels, cames, canvas.step(lead + 0.02, lead, border))
    if rng.random() < 0.35:
        pixels = _arch(rng, pixels, x, y)
    return canvas.finish(rng, pixels)


def _panes(x: Field, y: Field, points: np.ndarray) -> tuple[np.ndarray, Field]:
    """Return the pane of each pixel, and its distance from the pane's border."""
    tree = spatial.cKDTree(points)
    distance, index = tree.query(np.stack([x.ravel(), y.ravel()], 1), k=2)
    first, second = points[index[:, 0]], points[index[:, 1]]
    apart = np.hypot(*(second - first).T)
    border = (distance[:, 1] ** 2 - distance[:, 0] ** 2) / (2 * apart)
    return index[:, 0].reshape(x.shape), border.reshape(x.shape).astype(np.float32)


def _strewn(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    points = rng.uniform(-1.2, 1.2, (int(rng.integers(35, 110)), 2))
    # Panes near one another tend to the same colour, as in a picture.
    wave = np.sin(points @ rng.normal(0, 1.6, 2) + 3) + rng.normal(0, 0.35, len(points))
    return points, np.floor((wave + 2) * 1.6).astype(int)


def _rose(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Rings of panes round a centre."""
    fold = int(rng.integers(6, 15))
    points, colours = [np.zeros((1, 2))], [np.zeros(1, int)]
    for ring, radius in enumerate(np.linspace(0.25, 1.35, int(rng.integers(4, 7)))):
        angle = (np.arange(fold) + ring % 2 / 2) * 2 * np.pi / fold
        points.append(radius * np.stack([np.cos(angle), np.sin(angle)], 1))
        colours.append(np.where(np.arange(fold) % 2, ring, ring + rng.integers(1, 3)))
    return np.concatenate(points) + rng.normal(0, 1e-3, 2), np.concatenate(colours).astype(int)


def _mirrored(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    half, colours = _strewn(rng)
    keep = half[:, 0] > 0.04
    half, colours = half[keep], colours[keep]
    return np.concatenate([half, half * [-1, 1]]), np.concatenate([colours, colours])


def _arch(rng: Rng, pixels: Pixels, x: Field, y: Field) -> Pixels:
    """The dark stone of a pointed window."""
    width = rng.uniform(0.7, 0.85)
    bow = canvas.length(np.abs(x) + width, y + 0.1) - 2 * width
    inside = np.where(y < -0.1, bow, np.abs(x) - width).astype(np.float32)
    stone = canvas.rgb("#2a2622") * (0.75 + 0.5 * canvas.fractal(rng, 10))
    return canvas.mix(stone, pixels, canvas.edge(inside, 0.03))


GLAZES = (
    ("#f5f0e2", "#14509a", "#3fa0d0", "#e5b53f"),
    ("#f2ead5", "#0f6b6b", "#2fb5a5", "#c9602f"),
    ("#fbf8f0", "#1f3a8a", "#7aa5e0", "#f2c94a"),
    ("#e8dcc0", "#8a2f24", "#d9804a", "#2f5a5f"),
    ("#f0f2ea", "#1f5a3a", "#7ab57f", "#d5a02f"),
    ("#14305a", "#f2ead5", "#d5a53f", "#4f9ac9"),
    ("#f5e8dc", "#5a2452", "#b56b9a", "#e0a84a"),
    ("#1f4a4a", "#f5ecd0", "#e08a4a", "#7ac0b5"),
)


def tiles(rng: Rng) -> Image.Image:
    """Glazed tiles: stars, knots and crosses that repeat across the wall."""
    ground, first, second, third = (canvas.vary(rng, c, 0.03) for c in canvas.pick(rng, GLAZES))
    count = float(rng.choice([2, 2.5, 3, 4, 5]))
    x, y = canvas.grid(
        2 * canvas.SIZE,
        angle=float(rng.choice([0, 0, np.pi / 4])),
        shift=tuple(rng.uniform(-1, 1, 2)),
    )
    u, v = (x + 8) * np.float32(count / 2) % 1 - 0.5, (y + 8) * np.float32(count / 2) % 1 - 0.5
    soft = 0.008 * count
    pixels = ground
    design = canvas.pick(rng, (_stars, _stars, _azulejo, _knot))
    for distance, ink in design(rng, np.abs(u), np.abs(v)):
        pixels = canvas.mix(
            pixels, (ground, first, second, third)[ink], canvas.edge(distance, soft)
        )
    grout = 0.5 - np.maximum(np.abs(u), np.abs(v))
    glaze = 0.94 + 0.12 * canvas.noise(rng, 3 * count, side=2 * canvas.SIZE)
    craze = 1 - 0.1 * canvas.step(
        0.04, 0, np.abs(canvas.noise(rng, 14, side=2 * canvas.SIZE) - 0.5)
    )
    pixels = pixels * (glaze * craze)
    pixels = canvas.mix("#b5aea0", pixels, canvas.step(0.004 * count, 0.009 * count, grout))
    shine = canvas.step(0.02 * count, 0.004 * count, grout - 0.01) * (
        0.27 * (u + v < 0).astype(np.float32) - 0.12
    )
    return canvas.finish(rng, canvas.halved(np.clip(pixels + shine, 0, 1)), vignette=0.12)


def _folded(u: Field, v: Field, fold: int, turn: float = 0.0) -> tuple[Field, Field]:
    """Coordinates in one of `fold` sectors round the middle: along its axis and aside."""
    sector = 2 * np.pi / fold
    radius, angle = canvas.length(u, v), np.arctan2(v, u) + turn
    angle = (angle + sector / 2) % sector - sector / 2
    return radius * np.cos(angle), np.abs(radius * np.sin(angle))


def _stars(rng: Rng, u: Field, v: Field) -> list[tuple[Field, int]]:
    """An eight-pointed star with a rosette, and quarter stars in the corners."""
    reach, ink = rng.uniform(0.34, 0.46), rng.permutation([1, 2, 3])
    square = np.maximum(u, v) - reach * 0.74
    diamond = (u + v) / 2**0.5 - reach * 0.74
    star = np.minimum(square, diamond)
    corner = canvas.length(0.5 - u, 0.5 - v)
    along, aside = _folded(u, v, 8, np.pi / 8)
    petal = canvas.length(along - reach * 0.42, aside * 1.7) - reach * 0.22
    layers = [(corner - 0.24, ink[1]), (corner - 0.17, 0), (corner - 0.1, ink[2])]
    layers += [(star - 0.035, ink[0]), (star, 0), (star + 0.04, ink[1]), (petal, 0)]
    return [
        *layers,
        (canvas.length(u, v) - reach * 0.2, ink[2]),
        (np.abs(star - 0.06) - 0.006, ink[2]),
    ]


def _azulejo(rng: Rng, u: Field, v: Field) -> list[tuple[Field, int]]:
    """A flower in a round frame, leaves in the corners."""
    fold, ink = int(rng.choice([4, 8])), rng.permutation([1, 2, 3])
    radius, size = canvas.length(u, v), rng.uniform(0.26, 0.36)
    along, aside = _folded(u, v, fold)
    petal = (
        canvas.length((along - size * 0.55) * 0.8, aside * (1.2 if fold == 4 else 2)) - size * 0.3
    )
    corner = canvas.length(0.5 - u, 0.5 - v)
    leaf = np.maximum(
        canvas.length(0.5 - u, 0.14 - v) - 0.2, canvas.length(0.14 - u, 0.5 - v) - 0.45
    )
    layers = [(np.abs(corner - 0.22) - 0.03, ink[0]), (leaf, ink[2]), (corner - 0.11, ink[1])]
    layers += [
        (np.abs(radius - size - 0.05) - 0.022, ink[0]),
        (petal - 0.02, ink[0]),
        (petal, ink[1]),
    ]
    return [*layers, (radius - size * 0.22, ink[2]), (radius - size * 0.1, 0)]


def _knot(rng: Rng, u: Field, v: Field) -> list[tuple[Field, int]]:
    """Bands that cross one another, with squares between them."""
    ink, wide = rng.permutation([1, 2, 3]), rng.uniform(0.035, 0.06)
    diagonal = np.abs(u + v - 0.5) / 2**0.5
    ring = np.abs(canvas.length(u, v) - rng.uniform(0.25, 0.38))
    straight = np.abs(np.minimum(u, v) - rng.uniform(0.1, 0.2))
    field = (u + v) / 2**0.5 - 0.14
    layers = [
        (diagonal - wide - 0.02, ink[0]),
        (diagonal - wide + 0.01, 0),
        (straight - wide / 2, ink[1]),
    ]
    return [
        *layers,
        (ring - wide, ink[0]),
        (ring - wide + 0.02, ink[1]),
        (field, ink[2]),
        (field + 0.06, 0),
        (field + 0.09, ink[0]),
    ]


GROUNDS = (
    ("#14122a", "#f2c95a", "#e05f8a", "#4fc0d5"),
    ("#f5efe2", "#8a2f52", "#d58a3f", "#2f6b7a"),
    ("#0a2a33", "#f2e5c0", "#2fb5a5", "#f28a5a"),
    ("#3a0f24", "#ffd59a", "#ff7a5a", "#d54a8a"),
    ("#ffffff", "#2f3a9a", "#8a5ac9", "#3fb5e0"),
    ("#1a1a1d", "#e8e8e2", "#c9a04a", "#8a8f99"),
    ("#fff2dd", "#c9402f", "#f2a51f", "#3f8a5a"),
    ("#1f1147", "#d5b5ff", "#7a6bff", "#ff9ad5"),
)


def mandalas(rng: Rng) -> Image.Image:
    """Rings of petals, beads and arcs round one centre."""
    colours = [canvas.vary(rng, c, 0.03) for c in canvas.pick(rng, GROUNDS)]
    x, y = canvas.grid(2 * canvas.SIZE, zoom=rng.uniform(0.88, 1.05), angle=rng.uniform(0, 1))
    radius, angle = canvas.length(x, y), np.arctan2(y, x)
    fold = int(rng.choice([8, 10, 12, 16]))
    halo = np.exp(-radius * 1.5) * 0.25
    pixels = canvas.mix(colours[0], colours[2], halo * np.float32(rng.uniform(0, 0.8)))
    rims = np.linspace(1, 0.12, int(rng.integers(5, 8))).tolist()
    for number, (outer, inner) in enumerate(itertools.pairwise(rims)):
        petals = fold * (2 if outer > 0.55 and rng.random() < 0.5 else 1)
        inks = colours[0], colours[1 + number % 3], colours[1 + (number + 1) % 3]
        at = (radius > inner - 0.02) & (radius < inner + 1.25 * (outer - inner))
        ring = _ring(rng, pixels[:, at], radius[at], angle[at], (inner, outer), petals, inks)
        rim = canvas.step(0.012, 0.005, np.abs(radius[at] - inner))
        pixels[:, at] = canvas.mix(ring, colours[1][..., 0], rim)
    pixels = canvas.mix(pixels, colours[1], canvas.edge(radius - 0.1, 0.02))
    pixels = canvas.mix(pixels, colours[2], canvas.edge(radius - 0.06, 0.02))
    return canvas.finish(rng, canvas.halved(pixels), vignette=0.12)


def _ring(
    rng: Rng,
    pixels: Pixels,
    radius: Field,
    angle: Field,
    rims: tuple[float, float],
    petals: int,
    inks: tuple[np.ndarray, ...],
) -> Pixels:
    """The pixels of one ring, (3, n), with its motif: filled, outlined and with lines inside."""
    ground, fill_ink, line_ink = (ink[..., 0] for ink in inks)
    inner, outer = rims
    motif = canvas.pick(rng, (_lotus, _lotus, _beads, _arcs, _spikes))
    turn = float(rng.choice([0, np.pi / petals]))
    across = ((angle + turn) * petals / (2 * np.pi)) % 1 - 0.5
    along = (radius - inner) / (outer - inner)
    width = 2 * np.pi * (inner + outer) / 2 / petals / (outer - inner)
    fill, line = motif(along, np.abs(across), width)
    inside = canvas.step(-0.06, 0.06, fill) * canvas.step(1.25, 1.2, along)
    shade = canvas.mix(fill_ink * 0.6, fill_ink, np.clip(along, 0, 1))
    pixels = canvas.mix(pixels, shade, inside * np.float32(0.92))
    pixels = canvas.mix(pixels, ground, canvas.step(0.13, 0.05, np.abs(fill)) * inside)
    return canvas.mix(pixels, line_ink, canvas.step(0.05, -0.02, line) * inside)


# A ring's motif: how far inside its outline, and a distance to the lines drawn within it.
# `along` runs from 0 at the inner rim to 1, `across` from 0 in the middle to 0.5; `width` is how
# much wider than high a unit is.
def _lotus(along: Field, across: Field, width: float) -> tuple[Field, Field]:
    reach = np.sqrt(np.clip(along, 0, 1)) * np.clip(1 - along**3, 0, 1) * 0.62
    line = canvas.length(across * width, (along - 0.45) * 0.6) - 0.14
    return reach - across - 0.05, line


def _beads(along: Field, across: Field, width: float) -> tuple[Field, Field]:
    distance = canvas.length(across * width, along - 0.5)
    size = min(0.42, width * 0.42)
    return size - distance, distance - size * 0.45


def _arcs(along: Field, across: Field, width: float) -> tuple[Field, Field]:
    distance = canvas.length(across * 2, along)
    return np.minimum(0.95 - distance, along), np.abs(distance - 0.55) - 0.08


def _spikes(along: Field, across: Field, width: float) -> tuple[Field, Field]:
    return np.minimum((1 - along) * 0.5 - across, along), across - 0.05 * (1 - along)
