"""Find the running embedding that a second `sept embed` can follow.

In: a project's paths and the requested settings. Out: the job to follow.
"""

from dataclasses import asdict
from typing import Any

from sept_core import errors
from sept_core.catalogue import source_table
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.services.data.embedding import EmbedSettings
from sept_core.services.project.project import Project
from sept_core.storage import commands, project_paths

DECIDING = ("encoder", "precision", "device", "seed")
"""Settings that must be equal for two embeddings to be the same work."""


def embedding(paths: project_paths.ProjectPaths, wanted: EmbedSettings) -> str | None:
    """Return the id of the running or queued embedding with these settings; None without any.

    Needs no catalogue, so it works while another process holds the project.

    Raises:
        BusyError: a job with other settings is running; the message lists the differences.
    """
    for job in launcher.all_jobs(paths):
        if job.kind == "embed" and not job.ended:
            if found := _differences(JobFolder(paths.job(job.id)).settings(), asdict(wanted)):
                cancel = commands.line("job", "cancel", paths.root, job.id)
                raise errors.BusyError(
                    f"{job.title} is already running as job {job.id} with {found}; wait for it to "
                    f"end, or cancel it: {cancel}"
                )
            return job.id
    return None


def _differences(running: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Format `precision fp32 (wanted: bf16)`; empty if the settings are equal."""
    if running.get("renew"):
        return "a different purpose: it renews features of an older decoder"
    found = [f"{name} {running.get(name)} (wanted: {wanted[name]})"
             for name in DECIDING if running.get(name) != wanted[name]]  # fmt: skip
    return ", ".join(found)


def is_left(project: Project) -> bool:
    """Return True if a file is still waiting, for example one added while a job ran."""
    records = [r for role in source_table.ROLES for r in source_table.every(project.db, role)]
    return any(source_table.counts(project.db, record.id)["waiting"] for record in records)
