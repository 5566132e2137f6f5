"""Following jobs from a terminal: a progress bar on stderr, Ctrl-C cancels."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from sept_core import files, jobs
from sept_core.cli.output import notes
from sept_core.index import formats
from sept_core.jobs import JobStatus
from sept_core.pipeline import embedding, preparation, projects


def to_end(paths: files.ProjectPaths, job_id: str) -> dict[str, Any]:
    """Wait for a job and return its result.

    Raises:
        JobError: it failed, was cancelled or was lost.
    """
    with _bar() as bar:
        task = bar.add_task(jobs.status(paths, job_id).title, total=None, detail="starting")
        try:
            for status in jobs.follow(paths, job_id):
                progress = status.progress or {}
                bar.update(
                    task,
                    completed=progress.get("done", 0),
                    total=progress.get("total"),
                    detail=_detail(status),
                )
        except KeyboardInterrupt:
            notes.print("Cancelling; what is finished is kept.")
            jobs.cancel(paths, job_id)
    return jobs.finish(paths, job_id)


def _bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=notes, transient=True)


@contextlib.contextmanager
def shards(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for work of this very process; gives what takes shards done and all of them."""
    with _bar() as bar:
        task = bar.add_task(title, total=None, detail="")
        yield lambda done, total: bar.update(
            task, completed=done, total=total, detail=f"{done:,} of {total:,} shards"
        )


def prepare(
    folder: Path, encoder: str | None, device: str = "auto", index_memory: int = formats.MEMORY
) -> str:
    """Make what selections need once per encoder, step by step; returns the encoder's id."""
    paths = projects.paths_of(folder)
    while True:
        with projects.opened(folder) as project:
            encoder_id = projects.find_encoder(project, encoder)
            job = preparation.next_job(project, encoder_id, device, index_memory)
        if job is None:
            return encoder_id
        to_end(paths, job.id)


def embed(
    folder: Path,
    chosen: embedding.EmbedSettings,
    value_range: Sequence[str] = (),
    rebuild: bool = False,
) -> dict[str, Any]:
    """Embed to the end and take over the result; see `embedding.start`."""
    with projects.opened(folder) as project:
        job = embedding.start(project, chosen, value_range=value_range, rebuild=rebuild)
    return finish_embedding(folder, job.id)


def retry(folder: Path, role: str, seconds: float) -> dict[str, Any]:
    """Read the unreadable files of a role again, to the end."""
    with projects.opened(folder) as project:
        job = embedding.retry(project, role, embedding.retry_delays(seconds))
    return finish_embedding(folder, job.id)


def renew(folder: Path, encoder: str | None) -> dict[str, Any]:
    """Replace the features of an earlier decoder, to the end."""
    with projects.opened(folder) as project:
        job = embedding.renew(project, encoder)
    return finish_embedding(folder, job.id)


def finish_embedding(folder: Path, job_id: str) -> dict[str, Any]:
    """Wait for an embedding and take over its result; of an interrupted one, what it finished."""
    try:
        to_end(projects.paths_of(folder), job_id)
    finally:
        with projects.opened(folder) as project:
            projects.adopt(project)
    with projects.opened(folder) as project:
        return embedding.finish(project, job_id)


def _detail(status: JobStatus) -> str:
    """`1,200/50,000 images, 340/s, 2 min left`."""
    progress = status.progress
    if progress is None:
        return status.state
    text = f"{progress['done']:,}/{progress['total']:,} {progress['unit']}"
    if progress["rate"]:
        text += f", {progress['rate']:,.3g}/s"
    if progress["seconds_left"] is not None:
        minutes, seconds = divmod(int(progress["seconds_left"]), 60)
        text += f", {minutes} min {seconds:02d} s left" if minutes else f", {seconds} s left"
    return f"{text} {progress['note']}".rstrip()
