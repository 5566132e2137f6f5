"""Follow jobs from a terminal or a log: progress on stderr, Ctrl-C cancels.

The steps are those of `services.data.foreground`; each runs to its end with its progress shown.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sept_core.cli import output, progress
from sept_core.index import formats
from sept_core.jobs import launcher
from sept_core.jobs.launcher import JobStatus
from sept_core.services.data import embedding, foreground
from sept_core.storage import project_paths
from sept_core.wording import quantities


def to_end(paths: project_paths.ProjectPaths, job_id: str) -> dict[str, Any]:
    """Wait for a job and return its result.

    Raises:
        JobError: it failed, was cancelled or was lost.
    """
    with progress.shown(launcher.status(paths, job_id).title) as show:

        def tell(status: JobStatus) -> None:
            so_far = status.progress or {}
            show(so_far.get("done", 0), so_far.get("total"), _detail(status))

        return foreground.to_end(paths, job_id, tell, _say_cancelling)


def _say_cancelling() -> None:
    output.say("Cancelling; finished work is kept.", to=output.notes)


@contextlib.contextmanager
def shards(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show the progress of work in this process; yield a function of finished and total shards."""
    with progress.shown(title) as show:
        yield lambda done, total: show(done, total, f"{done:,} of {total:,} shards")


def prepare(
    folder: Path, encoder: str | None, device: str = "auto", index_memory: int = formats.MEMORY
) -> str:
    """Prepare an encoder for selections, step by step; return the encoder's id."""
    return foreground.prepare(to_end, folder, encoder, device, index_memory)


def embed(
    folder: Path,
    chosen: embedding.EmbedSettings,
    value_range: Sequence[str] = (),
    rebuild: bool = False,
) -> dict[str, Any]:
    """Embed to the end and adopt the result; joins a running job with the same settings."""
    return foreground.embed(to_end, folder, chosen, value_range, rebuild, _say_joined)


def _say_joined(job_id: str) -> None:
    output.say(f"This embedding is already running as job {job_id}; following it.", to=output.notes)


def retry(folder: Path, role: str, seconds: float) -> dict[str, Any]:
    """Retry the unreadable files of a role, to the end."""
    return foreground.retry(to_end, folder, role, seconds)


def renew(folder: Path, encoder: str | None) -> dict[str, Any]:
    """Replace the features of an earlier decoder version, to the end."""
    return foreground.renew(to_end, folder, encoder)


def finish_embedding(folder: Path, job_id: str) -> dict[str, Any]:
    """Wait for an embedding and adopt its result, or the finished part if it is interrupted."""
    return foreground.finish_embedding(to_end, folder, job_id)


def _detail(status: JobStatus) -> str:
    """Format `1,200/50,000 images, 340 images/s, 2 min 05 s left`."""
    so_far = status.progress
    if so_far is None:
        return status.state
    text = f"{so_far['done']:,}/{so_far['total']:,} {so_far['unit']}"
    if so_far["rate"]:
        text += f", {quantities.pace(so_far['rate'], so_far['unit'])}"
    if so_far["seconds_left"] is not None:
        text += f", {quantities.duration(so_far['seconds_left'])} left"
    return f"{text} {so_far['note']}".rstrip()
