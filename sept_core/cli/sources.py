"""Commands shared by sources and target sets: status, retry, rename, move, note, remove.

In: a group of commands and the role of its sources, `pool` or `target`. Out: those commands in the
group; and for `add`, the options of reading files and the output of a listing.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sept_core.catalogue.source_table import ROLES, ScanReport
from sept_core.cli import follow, outcomes, output, summaries
from sept_core.cli.options import Dir, Json, path_argument, path_option
from sept_core.services.data import collections, source_options
from sept_core.services.data.source_options import TargetOptions
from sept_core.services.project import projects

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name in this project.")]
NewName = Annotated[str, typer.Argument(metavar="NEW-NAME", help="New name.")]
OneName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Name in this project. Default: all.")
]
Note = Annotated[str, typer.Argument(metavar="TEXT", help="Note; empty text removes it.")]
Given = Annotated[
    Path,
    path_argument("PATH", "Folder, zip or tar archive, shards, list of paths, or table."),
]

RETRY_SECONDS = 60.0
RetryFor = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", help="Retry unreadable files three times within this many seconds."
    ),
]
PathColumn = Annotated[
    str | None,
    typer.Option("--path-column", metavar="COLUMN", help="Table column with the image paths."),
]
ImageColumn = Annotated[
    str | None,
    typer.Option("--image-column", metavar="COLUMN", help="Table column with the image data."),
]
Root = Annotated[
    Path | None, path_option("Folder that the paths in a list or table are relative to.")
]
FollowLinks = Annotated[
    bool, typer.Option("--follow-links", help="Follow links that lead out of the folder.")
]
OnlySuffix = Annotated[
    str | None,
    typer.Option("--only-suffix", metavar=".jpg,.png", help="Read files with these suffixes only."),
]
Bands = Annotated[
    str | None,
    typer.Option(
        "--bands",
        metavar="4,3,2",
        help="TIFF channels to use as red, green and blue, or one channel for grey; counted from "
        "1.",
    ),
]


def options(context: typer.Context) -> dict[str, str]:
    """Return the options that were given, as a source stores them."""
    given = {name: context.params.get(name) for name in TargetOptions.__annotations__}
    return source_options.stored(given)


def show_notes(path: Path, notes: list[str], as_json: bool) -> None:
    """Print the notes about how a source is read."""
    if not as_json:
        for note in notes:
            output.say(f"{path.name}: {note}.")


def show_scan(name: str, report: ScanReport, as_json: bool) -> None:
    """Print the counts of a listing."""
    if as_json:
        output.as_json({"name": name, **asdict(report)})
    else:
        summaries.listed(name, report)


def add_commands(group: typer.Typer, role: str) -> None:
    """Add the shared commands to a group."""
    noun = ROLES[role]

    @group.command("status", help=f"Count the files of each {noun} by state, and list problems.")
    def status(
        folder: Dir, name: OneName = None, out: outcomes.Out = None, as_json: Json = False
    ) -> None:
        outcomes.show(folder, role, name, out, as_json)

    @group.command("retry", help=f"Read the unreadable files of every {noun} again.")
    def retry(folder: Dir, retry_for: RetryFor = RETRY_SECONDS, as_json: Json = False) -> None:
        outcomes.close_embedding(folder, follow.retry(folder, role, retry_for), as_json)

    @group.command("rename", help=f"Rename a {noun}.")
    def rename(folder: Dir, name: Name, new_name: NewName, as_json: Json = False) -> None:
        with projects.opened(folder) as project:
            collections.rename(project, role, name, new_name)
        if as_json:
            return output.as_json({"name": new_name, "was": name})
        return output.say(f"Renamed {name} to {new_name}.")

    @group.command("move", help=f"Set a new path of a {noun}; unchanged files keep their features.")
    def move(folder: Dir, name: Name, path: Given, as_json: Json = False) -> None:
        with projects.opened(folder) as project:
            report = collections.move(project, role, name, path)
            show_scan(name, report, as_json)
            outcomes.close_listing(project, folder, role, name, as_json)

    @group.command("note", help=f"Set the note of a {noun}.")
    def note(folder: Dir, name: Name, text: Note, as_json: Json = False) -> None:
        with projects.opened(folder) as project:
            collections.annotate(project, role, name, text)
        if as_json:
            return output.as_json({"name": name, "note": text})
        return output.say(f"Saved the note of {name}.")

    @group.command("remove", help=f"Remove a {noun} from the project; its files stay on disk.")
    def remove(folder: Dir, name: Name, as_json: Json = False) -> None:
        with projects.opened(folder) as project:
            count = collections.remove(project, role, name)
        if as_json:
            return output.as_json({"name": name, "files": count})
        return output.say(
            f"Removed {name} with {output.counted(count, 'file')} from the project; "
            "the files on disk are unchanged."
        )
