"""Woven and knitted families: tartans and knitwear. Drawn at twice the size, then reduced."""

import numpy as np
from PIL import Image

from sept_core.demo import canvas
from sept_core.demo.canvas import Field, Rng

LARGE = 2 * canvas.SIZE

TARTAN_DYES = (
    ("#8f1420", "#123a24", "#10182f", "#f2f0e5", "#e5b52f"),
    ("#123f2f", "#14244a", "#0f0f14", "#c9302f", "#f2e5b5"),
    ("#1f3a6b", "#6b8ab5", "#0f1a2f", "#ffffff", "#c9283a"),
    ("#c9b58f", "#1f1a17", "#f2ead8", "#a0202a", "#6b5a44"),
    ("#4a2452", "#8a5a9a", "#1a1424", "#d5c0e0", "#5a8a6b"),
    ("#d95f7f", "#f5c9d5", "#6b2a44", "#ffffff", "#3a3a44"),
    ("#3f4a2a", "#8a7a3f", "#24281a", "#d5a03a", "#a0402a"),
    ("#2f6b7a", "#a5cfd0", "#143540", "#f5f5ea", "#e0804a"),
)


def tartans(rng: Rng) -> Image.Image:
    """Twill in a checked sett, flat, turned or falling in folds."""
    dyes = [canvas.vary(rng, dye, 0.04) for dye in canvas.pick(rng, TARTAN_DYES)]
    sett = _sett(rng, len(dyes))
    angle = rng.choice([0, np.pi / 4, rng.normal(0, 0.2)])
    x, y = canvas.grid(LARGE, angle=float(angle))
    folds = canvas.noise(rng, rng.uniform(2, 5), 1, LARGE) if rng.random() < 0.5 else None
    if folds is not None:
        x = x + 0.12 * folds
        y = y + 0.1 * folds
    repeat = rng.uniform(0.9, 2.6)
    warp, weft = _thread(x, sett, repeat), _thread(y, sett, repeat)
    # Twill: over two, under two, one thread further each row, which draws the diagonal.
    fine = 34
    over = np.floor(x * fine) + np.floor(y * fine)
    upper = over % 4 < 2
    cloth = canvas.chosen(dyes, np.where(upper, warp, weft))
    thread = 0.9 + 0.13 * np.where(
        upper, np.cos(x * fine * 2 * np.pi), np.cos(y * fine * 2 * np.pi)
    )
    wool = 1 + 0.25 * (canvas.noise(rng, 90, 90, LARGE) - 0.5)
    light = thread * wool
    if folds is not None:
        light = light * (0.72 + 0.5 * canvas.relief(canvas.blur(folds, 3), 0, 3.0) * 0.6 + 0.28)
    return canvas.finish(rng, canvas.halved(cloth * light), vignette=0.2)


def _sett(rng: Rng, dyes: int) -> np.ndarray:
    """The dye of each thread in one repeat, mirrored as tartans are."""
    stripes = [0, 1, 2, 0, 1, int(rng.integers(3, dyes))]
    widths = [
        rng.integers(8, 18),
        rng.integers(6, 16),
        rng.integers(2, 8),
        rng.integers(3, 10),
        rng.integers(4, 12),
        rng.integers(1, 4),
    ]
    rng.shuffle(stripes[:5])
    half = np.repeat(stripes, widths)
    return np.concatenate([half, half[::-1]])


def _thread(at: Field, sett: np.ndarray, repeat: float) -> np.ndarray:
    index = np.floor((at + 3) / 2 * repeat * len(sett)).astype(int) % len(sett)
    return np.asarray(sett[index])


YARNS = (
    ("#8f1f2a", "#f5ead5", "#2f4a3a"),
    ("#1f3a5f", "#e8eef2", "#c9404a"),
    ("#e5d8c0", "#8a5a3a", "#3f5a6b"),
    ("#2f5a4a", "#f2d58a", "#e07a4a"),
    ("#d98a9a", "#fff2ea", "#7a3a52"),
    ("#5f6b7a", "#d5dce0", "#f2b53f"),
    ("#e0a02f", "#fff5dd", "#6b3a1f"),
    ("#3a2f52", "#b5a0d5", "#f2e5f5"),
    ("#f2efe8", "#b5bec5", "#5f7080"),
)


def knitwear(rng: Rng) -> Image.Image:
    """Stocking stitch seen close: plain, striped, Fair Isle or cabled."""
    across = int(rng.integers(8, 16))
    tall = rng.uniform(0.68, 0.85)
    x, y = canvas.grid(LARGE, angle=rng.normal(0, 0.06))
    warp = 0.02 * (canvas.noise(rng, 4, 4, LARGE) - 0.5)
    u = (x + warp + 2) * np.float32(across / 2)
    column, inner = np.floor(u).astype(int), u % 1 - 0.5
    lean = np.abs(inner) * np.float32(1.25)  # each stitch is a V
    v = (y + warp + 2) * np.float32(across / 2 / tall) + lean
    row, rise = np.floor(v).astype(int), v % 1
    motif = canvas.pick(rng, (_plain, _stripes, _fair_isle, _fair_isle, _cables))(rng, column, row)
    yarns = [canvas.vary(rng, yarn, 0.04) for yarn in canvas.pick(rng, YARNS)]
    wool = canvas.chosen(yarns, motif % len(yarns))
    leg = np.abs(np.abs(inner) - 0.25) * 4
    round_light = np.sqrt(np.clip(1 - leg**2, 0, 1)) * np.sqrt(
        np.clip(1 - (2 * rise - 1) ** 4, 0, 1)
    )
    ply = 0.12 * np.sin((rise * 2 + leg) * 9)
    fuzz = canvas.noise(rng, 110, 110, LARGE) - 0.5
    light = 0.38 + 0.68 * round_light + ply * round_light + 0.22 * fuzz
    if motif.max() >= 100:
        light = light * _cable_light(column)
    return canvas.finish(rng, canvas.halved(wool * light), vignette=0.2)


def _plain(rng: Rng, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.zeros_like(row)


def _stripes(rng: Rng, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    bands = np.repeat(rng.permutation([0, 1, 0, 2, 0, 1]), rng.integers(1, 5, 6))
    return np.asarray(bands[row % len(bands)])


def _fair_isle(rng: Rng, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Bands of small motifs, each mirrored, as charted on squared paper."""
    half = int(rng.integers(3, 6))
    tile = rng.random((2 * half + 1, half + 1)) < 0.45
    tile = np.concatenate([tile[: half + 1], tile[:half][::-1]])
    tile = np.concatenate([tile, tile[:, :-1][:, ::-1]], 1).astype(int)
    period = len(tile) + 2
    framed = np.concatenate(
        [tile, np.full((1, tile.shape[1]), 2), np.zeros((1, tile.shape[1]), int)]
    )
    return np.asarray(framed[row % period, column % tile.shape[1]])


def _cables(rng: Rng, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.full_like(row, 100 * 3)


def _cable_light(column: np.ndarray) -> Field:
    """Ribs: every third column lies deep."""
    return np.where(column % 4 == 0, 0.5, 1.05).astype(np.float32)
