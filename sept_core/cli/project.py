"""Commands for a whole project: init, status, check, backup, restore."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core import errors
from sept_core.cli import layouts, output, summaries
from sept_core.cli.options import Dir, Json, path_argument
from sept_core.imaging import decoders
from sept_core.services.project import backups, project_check, projects
from sept_core.storage import commands

File = Annotated[Path, path_argument("FILE", "Backup file.")]


def init(folder: Dir, as_json: Json = False) -> None:
    """Create an empty project."""
    projects.init(folder)
    if as_json:
        return output.as_json({"project": str(folder.absolute())})
    add = commands.line("pool", "add", folder, "NAME", "PATH")
    return output.say(f"Created {folder}. Next: {add}")


def status(folder: Dir, as_json: Json = False) -> None:
    """Show sources, target sets, encoders, selections, runs and jobs."""
    with projects.opened(folder) as project:
        state = projects.status(project).json()
    if as_json:
        return output.as_json(state)
    output.facts(f"Project {state['project']}", state["pool"])
    columns = ["name", "kind", "images", "waiting", "unreadable", "rejected", "gone", "path"]
    for title in ("sources", "targets"):
        output.rows(title.capitalize(), columns, ([s[c] for c in columns] for s in state[title]))
    summaries.value_ranges(state["value_ranges"])
    for entry in state["targets"]:
        layouts.warn(folder, entry)
    _encoders(folder, state["encoders"])
    output.rows(
        "Selections",
        ["id", "targets", "strategy", "images", "older than pool"],
        (
            [s["id"], " ".join(s["targets"]), s["strategy"], s["count"],
             s["older_than_pool"]]
            for s in state["selections"]
        ),
    )  # fmt: skip
    output.rows("Runs", ["id"], ([run] for run in state["runs"]))
    columns = ["id", "title", "state"]
    return output.rows(
        "Unfinished jobs", columns, ([job[c] for c in columns] for job in state["jobs"])
    )


def _encoders(folder: Path, encoders: list[dict[str, Any]]) -> None:
    output.rows(
        "Encoders",
        ["id", "kind", "pool images", "without features"],
        ([e["id"], e["kind"], e["pool_images"], e["no_features"]] for e in encoders),
    )
    summaries.without_features(encoders)
    for record in encoders:
        summaries.fit(folder, record["spec"], record["fit"])
        if record["older_decoder"]:
            _offer_renewal(folder, record)


def _offer_renewal(folder: Path, encoder: dict[str, Any]) -> None:
    others = [name for name in encoder["decoders"] if name != decoders.version()]
    renew = commands.line("embed", folder, "--renew", "--encoder", encoder["id"])
    output.say(
        f"{encoder['older_decoder']:,} features of {encoder['id']} were computed with another "
        f"decoder version ({', '.join(others) or 'of target sets'}; now {decoders.version()}). "
        f"They stay usable. To renew them: {renew}"
    )


def check(
    folder: Dir,
    repair: Annotated[
        bool, typer.Option("--repair", help="Quarantine damaged files that can be rebuilt.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Verify all files of a project and report damaged, missing and moved ones."""
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
            output.say(f"{folder}: no problems found.")
    left = [finding for finding in found if not (repair and finding.aside)]
    if left:
        still = " left" if repair else ""
        raise errors.IntegrityError(f"{folder} has {output.counted(len(left), 'problem')}{still}.")


def backup(folder: Dir, path: File, as_json: Json = False) -> None:
    """Save decisions, sources, groups and selection settings to one small file."""
    with projects.opened(folder) as project:
        written = backups.write(project, path)
    if as_json:
        return output.as_json(written)
    return summaries.saved(path, written, "Wrote")


def restore(folder: Dir, path: File, as_json: Json = False) -> None:
    """Restore a backup into a new project, or add its missing decisions to an existing one."""
    added = backups.restore(folder, path)
    if as_json:
        return output.as_json(added)
    return summaries.saved(folder, added, "Restored into")
