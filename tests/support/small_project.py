"""Small pictures in four families, and the command line as a process."""

import io
import os
import subprocess
import sys

import numpy as np
from PIL import Image, ImageDraw

# Tests run side by side: one thread each, here and in every process they start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

HUES = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (50, 70, 210), "grey": (128,) * 3}


def picture(family: str, number: int, size: int = 48) -> Image.Image:
    """A family is a hue and a shape; no two numbers look alike."""
    rng = np.random.default_rng([number, *HUES[family]])
    noise = rng.normal(0, 18, (size, size, 3))
    pixels = np.clip(np.array(HUES[family]) + noise, 0, 255).astype(np.uint8)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for _ in range(4):
        x, y, r = *rng.integers(4, size - 4, 2).tolist(), int(rng.integers(3, 12))
        colour = tuple(rng.integers(0, 255, 3).tolist())
        box = (x - r, y - r, x + r, y + r)
        if family in ("red", "grey"):
            draw.ellipse(box, fill=colour)
        else:
            draw.rectangle(box, fill=colour)
    return image


def png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def sept(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, in a process of its own."""
    command = [sys.executable, "-m", "sept_core", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
