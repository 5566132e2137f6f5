"""Commands for background jobs: `sept jobs` and `sept job …`, and the report of a started job."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core.cli import follow, lazy, output, summaries
from sept_core.cli.options import Dir, Json
from sept_core.jobs import launcher
from sept_core.services.project import projects
from sept_core.storage import commands

job = lazy.group(help="Cancel, resume or inspect a background job.")

JobId = Annotated[str, typer.Argument(metavar="ID", help="Job id, as listed by sept jobs.")]
Wait = Annotated[bool, typer.Option(help="Wait until the job ends and show its progress.")]


def list_jobs(folder: Dir, as_json: Json = False) -> None:
    """List background jobs, latest first."""
    found = launcher.all_jobs(projects.paths_of(folder))
    rows = [
        {"id": j.id, "kind": j.kind, "title": j.title, "state": j.state, "reason": j.reason,
         "progress": j.progress}
        for j in found
    ]  # fmt: skip
    if as_json:
        return output.as_json({"jobs": rows})
    columns = ["id", "title", "state", "reason"]
    return output.rows("Jobs", columns, ([row[c] for c in columns] for row in rows))


@job.command("cancel")
def job_cancel(folder: Dir, job_id: JobId, as_json: Json = False) -> None:
    """Cancel a job; finished parts are kept."""
    status = launcher.cancel(projects.paths_of(folder), job_id)
    if as_json:
        return output.as_json({"job": job_id, "state": status.state})
    return output.say(f"{status.title}: {status.state}.")


@job.command("move")
def job_move(
    folder: Dir,
    job_id: JobId,
    place: Annotated[
        int, typer.Option("--to", help="New position in the queue, counted from 1.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Move a waiting job to another position in the queue."""
    order = launcher.move_to(projects.paths_of(folder), job_id, place)
    if as_json:
        return output.as_json({"waiting": [status.id for status in order]})
    return output.rows("Waiting", ["id", "title"], ([job.id, job.title] for job in order))


@job.command("resume")
def job_resume(folder: Dir, job_id: JobId, wait: Wait = True, as_json: Json = False) -> None:
    """Resume an interrupted job where it stopped."""
    launcher.relaunch(projects.paths_of(folder), job_id)
    report(folder, job_id, {}, wait, as_json)


@job.command("log")
def job_log(folder: Dir, job_id: JobId, as_json: Json = False) -> None:
    """Print the end of a job's log."""
    paths = projects.paths_of(folder)
    launcher.status(paths, job_id)  # raises if there is no such job
    text = launcher.tail(paths, job_id)
    if as_json:
        return output.as_json({"job": job_id, "log": text.splitlines()})
    return output.say_lines(text) if text else output.say("The log is empty.")


def report(folder: Path, job_id: str, known: dict[str, Any], wait: bool, as_json: bool) -> None:
    """Wait for a job and print its result, or print only that it was started."""
    values = known | {"job": job_id}
    if wait:
        values |= follow.to_end(projects.paths_of(folder), job_id)
    if as_json:
        return output.as_json(values)
    if not wait:
        return output.say(
            f"Started job {job_id}. To see its state: {commands.line('jobs', folder)}"
        )
    if "images_seen" in values:
        return summaries.trained({"run": job_id} | values)
    return output.say(f"Job {job_id} is done.")
