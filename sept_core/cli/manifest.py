"""Commands for manifests: export, verify."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sept_core import errors
from sept_core.cli import follow, output, summaries
from sept_core.cli.options import Dir, Json, SelectionId, path_argument, path_option
from sept_core.export import formats
from sept_core.export import registry as export_registry
from sept_core.manifest import verification
from sept_core.services.curate import manifests
from sept_core.services.project import projects
from sept_core.storage import project_paths


def export(
    folder: Dir,
    selection: SelectionId,
    out: Annotated[Path, path_option("Folder to write; must not exist.")],
    export_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"Output format: {', '.join(formats.FORMATS)}.",
        ),
    ] = "native",
    link: Annotated[
        str,
        typer.Option(
            metavar="copy|hardlink|symlink", help="How image files get into the output folder."
        ),
    ] = "copy",
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help=f"Option of the format; repeatable. {formats.options_help()}",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Export a selection as a manifest or in the format of another tool."""
    options = export_registry.read_options(export_format, option or [])
    with projects.opened(folder) as project:
        job = manifests.start_export(
            project, selection, export_format, out, link=link, options=options
        )
        if notice := manifests.notice(project, selection):
            output.say(notice, to=output.notes)
    result = follow.to_end(projects.paths_of(folder), job.id)
    if as_json:
        return output.as_json(result)
    return summaries.exported(result)


def verify(
    path: Annotated[Path, path_argument("MANIFEST", "Manifest folder or header file.")],
    root: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=FOLDER", help="Present folder of a moved source. Repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify a manifest: files present and unchanged, no leaks, rows unmodified."""
    roots = dict(_root(text) for text in root) if root else None
    found = verification.verify(path, roots)
    if as_json:
        output.as_json(asdict(found))
    else:
        for problem in found.problems:
            output.say(f"{problem.kind}: {problem.message}")
        summaries.verified(path, found.checked, len(found.problems))
    if found.problems:
        raise errors.ManifestError(f"{path} has {output.counted(len(found.problems), 'problem')}.")


def _root(text: str) -> tuple[str, Path]:
    name, sign, folder = text.partition("=")
    if not sign:
        raise errors.InputError(f"Invalid --root {text!r}; write NAME=FOLDER.")
    return name, project_paths.expanded(folder)
