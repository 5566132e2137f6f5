"""Shared backgrounds of families: skies, clouds, light and blurred backgrounds."""

from collections.abc import Sequence

import numpy as np

from sept_core.demo import canvas
from sept_core.demo.canvas import Colour, Field, Pixels, Rng


def sky(rng: Rng, stops: Sequence[Colour], horizon: float = 1.0) -> Pixels:
    """A sky from the first stop at the top to the last at `horizon` (plane y)."""
    _, y = canvas.grid()
    height = (y + 1) / np.float32(horizon + 1)
    wobble = canvas.noise(rng, 2, 5) - 0.5
    return canvas.ramp(height + 0.08 * wobble, [canvas.vary(rng, stop, 0.03) for stop in stops])


def clouds(
    rng: Rng, pixels: Pixels, colour: Colour, amount: float, flat: float = 3.0, shade: float = 0.13
) -> Pixels:
    """The picture with clouds; `amount` 0..1, `flat` how much wider than high they are."""
    billows = canvas.fractal(rng, 2.2, 2.2 * flat, octaves=5)
    cover = canvas.step(0.72 - 0.4 * amount, 0.86 - 0.3 * amount, billows)
    lit = canvas.mix(colour, canvas.rgb(colour) * (1 - shade), canvas.step(0.5, 0.75, billows))
    return canvas.mix(pixels, lit, cover * np.float32(0.9))


def glow(pixels: Pixels, at: tuple[float, float], radius: float, colour: Colour) -> Pixels:
    """The picture with a soft light added round a point."""
    x, y = canvas.grid()
    distance = canvas.length(x - np.float32(at[0]), y - np.float32(at[1]))
    strength = np.exp(-distance / np.float32(radius))
    return np.asarray(np.minimum(pixels + strength * canvas.rgb(colour), 1))


def disc(pixels: Pixels, at: tuple[float, float], radius: float, colour: Colour) -> Pixels:
    """The picture with a sun or moon."""
    x, y = canvas.grid()
    distance = canvas.length(x - np.float32(at[0]), y - np.float32(at[1])) - np.float32(radius)
    return canvas.mix(pixels, colour, canvas.edge(distance, 2 * canvas.PIXEL))


def stars(rng: Rng, count: int, side: int = canvas.SIZE) -> Field:
    """Points of light of very unequal brightness, a few of them with a halo."""
    field = np.zeros((side, side), np.float32)
    rows, columns = rng.integers(0, side, (2, count))
    field[rows, columns] = rng.random(count, dtype=np.float32) ** 4
    return np.minimum(field + 2.5 * canvas.blur(field, 0.7), 1)


def bokeh(rng: Rng, stops: Sequence[Colour], spots: int = 12) -> Pixels:
    """A background far out of focus, with discs of light."""
    pixels = canvas.ramp(canvas.fractal(rng, 2, octaves=2) * 1.6 - 0.3, stops)
    x, y = canvas.grid()
    for _ in range(spots):
        cx, cy, radius = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.06, 0.2)
        disc_of_light = canvas.edge(canvas.length(x - cx, y - cy).astype(np.float32) - radius, 0.04)
        bright = canvas.mix(canvas.pick(rng, stops), "#ffffff", 0.35)
        pixels = canvas.mix(pixels, bright, disc_of_light * np.float32(rng.uniform(0.1, 0.35)))
    return pixels


def below(crest: np.ndarray) -> Field:
    """Return each pixel's distance below a line, (size,) plane y by column; negative above it."""
    _, y = canvas.grid()
    return np.asarray(y - crest[None, :].astype(np.float32), np.float32)


def silhouette(pixels: Pixels, crest: np.ndarray, colour: Colour | Pixels) -> Pixels:
    """The picture with everything below a line painted over."""
    return canvas.mix(pixels, colour, canvas.edge(-below(crest)))
