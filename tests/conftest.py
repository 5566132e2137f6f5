"""A small project that is made once a run and copied by the tests that change it."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
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


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`pool/` of 4 families × 40 with a few flaws, `target/` with splits, one leak planted."""
    root = tmp_path_factory.mktemp("data")
    for family in HUES:
        folder = root / "pool" / family
        folder.mkdir(parents=True)
        for number in range(40):
            (folder / f"{number:02d}.png").write_bytes(png(picture(family, number)))
    pool = root / "pool"
    shutil.copy(pool / "red" / "00.png", pool / "again.png")
    picture("blue", 1).save(pool / "near copy.jpg", quality=90)
    (pool / "broken.jpg").write_bytes(b"\xff\xd8\xff" + b"no picture" * 20)
    for family in ("red", "blue"):
        for split, first, count in (("train", 1000, 6), ("test", 2000, 4)):
            folder = root / "target" / split / family
            folder.mkdir(parents=True)
            for number in range(first, first + count):
                (folder / f"{number}.png").write_bytes(png(picture(family, number)))
    leak = root / "target" / "test" / "red" / "leak.png"
    shutil.copy(pool / "red" / "07.png", leak)
    return root


@pytest.fixture(scope="session")
def prepared(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with that pool and target set, embedded with `classic` and prepared."""
    project = tmp_path_factory.mktemp("prepared") / "project"
    for words in (
        ("init", project),
        ("pool", "add", project, "shapes", small_data / "pool"),
        ("target", "add", project, "toys", small_data / "target"),
        ("embed", project),
        ("prepare", project),
    ):
        done = sept(*words)
        assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def project(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the prepared project that the test may change."""
    copy = tmp_path / "project"
    shutil.copytree(prepared, copy)
    return copy
