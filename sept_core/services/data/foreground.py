"""Long steps that run to their end while the caller (a command or a notebook) waits.

In: a project's folder, settings, and `wait`, which follows one job. Out: the step's result. The
jobs are those of the queue. The catalogue is held to start a job and to adopt its result, never
while the job runs, so that other processes can work in the meantime.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sept_core.encoders import registry
from sept_core.index import formats
from sept_core.jobs import launcher
from sept_core.jobs.launcher import JobStatus
from sept_core.services.data import embedding, preparation, underway
from sept_core.services.project import projects
from sept_core.storage import project_paths

Wait = Callable[[project_paths.ProjectPaths, str], dict[str, Any]]
"""Waits for the job of an id and returns its result, such as `to_end`."""

Joined = Callable[[str], None]
"""Takes the id of a job that does the same work already and is followed instead."""


def to_end(
    paths: project_paths.ProjectPaths,
    job_id: str,
    tell: Callable[[JobStatus], None] = lambda status: None,
    cancelling: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Wait for a job and return its result; an interrupt (Ctrl-C) cancels the job.

    Args:
        paths: of the project.
        job_id: of the job.
        tell: called with the job's state, several times a second.
        cancelling: called before an interrupted job is cancelled, which can take seconds.

    Raises:
        NotFoundError: there is no such job.
        JobError: it failed, was cancelled or was lost.
    """
    try:
        for status in launcher.follow(paths, job_id):
            tell(status)
    except KeyboardInterrupt:
        cancelling()
        launcher.cancel(paths, job_id)
    return launcher.finish(paths, job_id)


def prepare(
    wait: Wait,
    folder: Path,
    encoder: str | None,
    device: str = "auto",
    index_memory: int = formats.MEMORY,
) -> str:
    """Prepare an encoder for selections, step by step; return the encoder's id.

    Raises:
        NotFoundError: nothing is embedded with the encoder.
        JobError: a step failed, was cancelled or was lost.
    """
    paths = projects.paths_of(folder)
    while True:
        with projects.opened(folder) as project:
            encoder_id = projects.find_encoder(project, encoder)
            job = preparation.next_job(project, encoder_id, device, index_memory)
        if job is None:
            return encoder_id
        wait(paths, job.id)


def embed(
    wait: Wait,
    folder: Path,
    chosen: embedding.EmbedSettings,
    value_range: Sequence[str] = (),
    rebuild: bool = False,
    joined: Joined = lambda job_id: None,
) -> dict[str, Any]:
    """Embed to the end and adopt the result; joins a running job with the same settings.

    Raises:
        EncoderError: no encoder has this spec; found before a job starts.
        InputError, BusyError: see `embedding.start`.
        JobError: the job failed, was cancelled or was lost.
    """
    registry.parse(chosen.encoder)
    is_plain = not value_range and not rebuild  # otherwise it never joins a running job
    if is_plain and (running := underway.embedding(projects.paths_of(folder), chosen)):
        joined(running)
        result = finish_embedding(wait, folder, running)
        with projects.opened(folder) as project:
            if not underway.is_left(project):
                return result
    with projects.opened(folder) as project:
        job = embedding.start(project, chosen, value_range=value_range, rebuild=rebuild)
    return finish_embedding(wait, folder, job.id)


def retry(wait: Wait, folder: Path, role: str, seconds: float) -> dict[str, Any]:
    """Retry the unreadable files of a role, to the end; see `embedding.retry`."""
    with projects.opened(folder) as project:
        job = embedding.retry(project, role, embedding.retry_delays(seconds))
    return finish_embedding(wait, folder, job.id)


def renew(wait: Wait, folder: Path, encoder: str | None) -> dict[str, Any]:
    """Replace the features of an earlier decoder version, to the end; see `embedding.renew`."""
    with projects.opened(folder) as project:
        job = embedding.renew(project, encoder)
    return finish_embedding(wait, folder, job.id)


def finish_embedding(wait: Wait, folder: Path, job_id: str) -> dict[str, Any]:
    """Wait for an embedding and adopt its result, or the finished part if it is interrupted.

    Raises:
        JobError: it failed, was cancelled or was lost.
    """
    try:
        wait(projects.paths_of(folder), job_id)
    except BaseException:
        with projects.opened(folder):  # opening adopts the finished part
            raise
    with projects.opened(folder) as project:
        return embedding.finish(project, job_id)
