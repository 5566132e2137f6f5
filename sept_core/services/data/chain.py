"""The automatic steps after an embedding: adopt it, prepare selections, draw the map.

In: an open project. Out: the next job, launched, or None if all artefacts exist.
"""

from sept_core import errors
from sept_core.catalogue import settings
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.services.data import embedding, preparation
from sept_core.services.explore import map_job
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.services.train import runs
from sept_core.storage import project_paths

KINDS = ("embed", *preparation.KINDS, "map")
"""Job kinds that belong to one chain; one runs at a time."""


def ask(project: Project) -> None:
    """Request the chain: it continues whenever `advance` is called."""
    settings.put(project.db, "following", True)


def advance(project: Project) -> JobFolder | None:
    """Start the next step of the chain if it was requested and none is running.

    After a step that failed or was cancelled the chain waits until the step is resumed, or until
    another embedding.
    """
    if job := _embed_with_own(project):
        ask(project)
        return job
    if not settings.get(project.db, "following", False):
        return None
    known = [job for job in launcher.all_jobs(project.paths) if job.kind in KINDS]
    if any(not job.ended for job in known) or (known and known[0].state != "done"):
        return None
    if known and known[0].kind == "embed":
        embedding.finish(project, known[0].id)
    job = _next(project)
    if job is None:
        settings.put(project.db, "following", False)
    return job


def embed_with(project: Project, run: str) -> None:
    """Request an embedding of the pool with a run's checkpoint once it is trained."""
    settings.put(project.db, "own_encoder", run)


def _embed_with_own(project: Project) -> JobFolder | None:
    name = settings.get(project.db, "own_encoder")
    if not name or not (project.paths.run(name) / project_paths.RUN_HEADER).exists():
        return None
    settings.put(project.db, "own_encoder", None)
    return embedding.start(project, runs.embedding(project.paths, name))


def _next(project: Project) -> JobFolder | None:
    try:
        encoder_id = projects.find_encoder(project, None)
        projects.pool_features(project, encoder_id)
    except (errors.NotFoundError, errors.InputError):
        return None
    job = preparation.next_job(project, encoder_id)
    if job is None and not map_job.is_fresh(project, encoder_id):
        job = map_job.start(project, encoder_id)
    return job
