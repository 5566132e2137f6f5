"""Generated pictures that complete a sample too uniform to fit an encoder on.

In: a number. Out: as many pictures of overlapping discs ("dead leaves", Lee, Mumford & Huang 2001),
whose edges and scales are distributed as in photographs: the same pictures every time.
"""

import numpy as np
from PIL import Image, ImageDraw

SIDE = 128
DISCS = 120
RADII = (5.0, 71.0)
"""Least and greatest radius in pixels; the density falls with the cube of the radius."""


def pictures(count: int) -> list[Image.Image]:
    """`count` RGB pictures, from dark to bright and from faint to full contrast."""
    return [_picture(np.random.default_rng(number)) for number in range(count)]


def _picture(rng: np.random.Generator) -> Image.Image:
    base, contrast = rng.uniform(0, 255, 3), rng.uniform(10, 110)
    image = Image.new("RGB", (SIDE, SIDE), _colour(base))
    draw = ImageDraw.Draw(image)
    share_below = rng.uniform((RADII[0] / RADII[1]) ** 2, 1, DISCS)
    for radius, (x, y) in zip(
        RADII[0] / np.sqrt(share_below), rng.uniform(-10, SIDE + 10, (DISCS, 2)), strict=True
    ):
        shade = rng.normal(0, contrast) + rng.normal(0, contrast / 2, 3)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_colour(base + shade))
    return image


def _colour(values: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = np.clip(values, 0, 255).astype(int).tolist()
    return red, green, blue
