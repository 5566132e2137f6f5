"""Arguments and options that many commands share, described once."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core.encoders import families
from sept_core.storage import project_paths


def path_argument(metavar: str, help: str) -> Any:
    """An argument that is a path; see `project_paths.expanded`."""
    return typer.Argument(metavar=metavar, help=help, parser=project_paths.expanded)


def path_option(help: str) -> Any:
    """An option that is a path; see `project_paths.expanded`."""
    return typer.Option(metavar="PATH", help=help, parser=project_paths.expanded)


Dir = Annotated[Path, path_argument("DIR", "The project folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for machines.")]
Encoder = Annotated[
    str | None, typer.Option("--encoder", help="Encoder id or spec; default: the last embedded.")
]
Targets = Annotated[
    list[str], typer.Option("--target", help="A target set; give it again to join several.")
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of all that is random.")]
SelectionId = Annotated[
    str, typer.Argument(metavar="SELECTION", help="A selection's id, or the beginning of it.")
]
EncoderSpec = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        help=f"{', '.join(families.SPECS)}; default: {families.DEFAULT}.",
    ),
]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda, or ray for the cluster at RAY_ADDRESS.")
]
