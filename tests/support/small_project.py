"""Small pictures in four families, and the command line, in this process and in one of its own."""

import contextlib
import importlib
import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sept_core import errors
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.storage import atomic

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
    """Run a command and the jobs that it launches in this process: far quicker than in their own.

    Whatever is raised besides SEPT's own errors fails the test.
    """
    from sept_core.cli import app

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    code = 0
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["sept", *map(str, words)])
        at_once(patch)
        try:
            app.main()
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(left.code is not None)
    said, complained = (_text(stream) for stream in (out, err))
    return subprocess.CompletedProcess([*map(str, words)], code, said, complained)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


MAINS = {"embed": "sept_core.features.worker", "pretrain": "sept_core.pretrain.worker"}
"""Modules with the `main` of a job kind, where it is not the one that is launched."""


def at_once(patch: pytest.MonkeyPatch) -> None:
    """Work off each job where it is launched; what a worker raises but may not, is raised."""
    patch.setattr(launcher, "_start", work_off)
    patch.setattr(launcher, "_alive", lambda job: False)


def work_off(job: JobFolder, kind: str) -> None:
    """Do in this process what the process of a job would do."""
    main = importlib.import_module(MAINS.get(kind, launcher.WORKERS[kind])).main
    try:
        atomic.write_json(job.path / "result.json", main(job))
        job.update_status(state="done", ended_at=2e9)
    except errors.SeptError as problem:
        job.update_status(state="failed", ended_at=2e9, reason=str(problem))


def sept_process(*words: object) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does, in a process of its own."""
    command = [sys.executable, "-m", "sept_core", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
