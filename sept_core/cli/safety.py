"""Commands that keep a project safe: check and repair, backup and restore."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sept_core import errors
from sept_core.cli import output, summaries
from sept_core.cli.options import Dir, Json, path_argument
from sept_core.services.project import backups, project_check, projects

File = Annotated[Path, path_argument("FILE", "The backup.")]


def check(
    folder: Dir,
    repair: Annotated[
        bool, typer.Option("--repair", help="Move away what can be made again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read everything that the project keeps, and explain what is damaged, missing or moved."""
    with output.notes.status("Checking") as bar:
        found = project_check.check(folder, lambda what: bar.update(f"Checking {what}"))
    moved = project_check.repair(folder, found) if repair else []
    if as_json:
        rows = [asdict(f) | {"aside": [str(path) for path in f.aside]} for f in found]
        output.as_json({"findings": rows, "moved": [str(path) for path in moved]})
    else:
        for finding in found:
            output.say(f"{finding.kind} {finding.where}", style="bold")
            output.say(f"  {finding.problem}")
            output.say(f"  {finding.remedy}")
        for path in moved:
            output.say(f"Moved to {path}")
        if not found:
            output.say(f"{folder} is whole.")
    left = [finding for finding in found if not (repair and finding.aside)]
    if left:
        raise errors.IntegrityError(f"{folder} has {output.counted(len(left), 'problem')} left.")


def backup(folder: Dir, path: File, as_json: Json = False) -> None:
    """Write decisions, sources, groups and settings of selections into one small file."""
    with projects.opened(folder) as project:
        written = backups.write(project, path)
    if as_json:
        return output.as_json(written)
    return summaries.kept(path, written, "Wrote")


def restore(folder: Dir, path: File, as_json: Json = False) -> None:
    """Bring a backup into a new project, or the decisions that a project lacks into it."""
    added = backups.restore(folder, path)
    if as_json:
        return output.as_json(added)
    return summaries.kept(folder, added, "Restored into")
