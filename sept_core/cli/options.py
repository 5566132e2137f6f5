"""Arguments and options shared by several commands.

Every command imports this module, so it imports no slow library.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core.storage import project_paths


def path_argument(metavar: str, help: str) -> Any:
    """Return an argument that is a path; see `project_paths.expanded`."""
    return typer.Argument(metavar=metavar, help=help, parser=project_paths.expanded)


def path_option(help: str) -> Any:
    """Return an option that is a path; see `project_paths.expanded`."""
    return typer.Option(metavar="PATH", help=help, parser=project_paths.expanded)


Dir = Annotated[Path, path_argument("DIR", "Project folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
Encoder = Annotated[
    str | None,
    typer.Option("--encoder", help="Encoder id or spec. Default: the one embedded with last."),
]
Targets = Annotated[
    list[str],
    typer.Option("--target", metavar="NAME", help="Target set. Repeat to combine several."),
]
Seed = Annotated[int, typer.Option("--seed", help="Random seed.")]
SelectionId = Annotated[
    str, typer.Argument(metavar="SELECTION", help="Selection id, or the beginning of it.")
]
Device = Annotated[
    str,
    typer.Option(metavar="auto|cpu|cuda|ray", help="Device; ray uses the cluster at RAY_ADDRESS."),
]
