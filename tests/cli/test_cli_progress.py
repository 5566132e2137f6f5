"""Progress where there is no terminal: a line now and then, no bar."""

import io
import itertools
import json
from pathlib import Path

import pytest
import small_runs
from rich.console import Console

from sept_core.cli import follow, output, progress
from sept_core.services.explore import map_job
from sept_core.services.project import projects


def test_lines_come_at_their_interval_whatever_the_polling() -> None:
    out, now = io.StringIO(), itertools.count()
    lines = progress.Lines("Embedding", Console(file=out), 10.0, clock=lambda: next(now) / 4)
    for done in range(100):  # the clock is asked once or twice each time: some 25 to 50 seconds
        lines.show(done, 100, f"{done}/100 images")
    printed = out.getvalue().splitlines()
    assert 2 <= len(printed) <= 4
    assert all(line.startswith("Embedding: ") and line.endswith("/100 images") for line in printed)


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A stream of notes, with a line for each poll."""
    out = io.StringIO()
    monkeypatch.setattr(output, "notes", Console(file=out, width=200))
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    return out


def test_a_followed_job_tells_how_far_it_is(
    project: Path, stderr: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_runs.hold(monkeypatch)
    with projects.opened(project) as opened:
        job = map_job.start(opened, None, 0)
        paths = opened.paths
    small_runs.work_off(job, lambda job: {"images": 3})
    job.progress(12_000, 50_000, "images")
    told = {"rate": 340.0, "seconds_left": 125.0}
    path = job.path / "progress.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | told))
    assert follow.to_end(paths, job.id) == {"images": 3}
    told = "Drawing the map: 12,000/50,000 images, 340 images/s, 2 min 05 s left\n"
    assert stderr.getvalue() == told


def test_work_of_this_process_tells_its_shards(stderr: io.StringIO) -> None:
    with follow.shards("Copying [x]") as told:
        told(1, 2)
    assert stderr.getvalue() == "Copying [x]: 1 of 2 shards\n"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    monkeypatch.setattr(output, "notes", Console(file=out, force_terminal=True, width=100))
    monkeypatch.setenv("TERM", "xterm")
    with progress.shown("Copying [x]") as show:
        show(1, 2, "half")
    assert "━" in out.getvalue() and "Copying [x]" in out.getvalue()
