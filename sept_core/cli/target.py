"""Commands for target sets: `sept target …`."""

from typing import Annotated

import typer

from sept_core.cli import layouts, lazy, outcomes, sources
from sept_core.cli.options import Dir, Json
from sept_core.cli.sources import (
    Bands,
    FollowLinks,
    Given,
    ImageColumn,
    Name,
    OnlySuffix,
    PathColumn,
    Root,
)
from sept_core.services.data import collections
from sept_core.services.project import projects
from sept_core.targets import layout as target_layout

target = lazy.group(help="Add, list and edit target sets: images of the task you care about.")

LabelColumn = Annotated[
    str | None,
    typer.Option("--label-column", metavar="COLUMN", help="Table column with the class."),
]
SplitColumn = Annotated[
    str | None,
    typer.Option("--split-column", metavar="COLUMN", help="Table column with the split."),
]
Layout = Annotated[
    str | None,
    typer.Option("--layout", help=f"Meaning of the folder names: {target_layout.HELP}"),
]
SplitFolder = Annotated[
    list[str] | None,
    typer.Option(
        "--split-folder",
        metavar="NAME=SPLIT",
        help="Split of a folder, an archive or a value of the split column: extra=train, 2=test, "
        "old=unassigned. Repeatable.",
    ),
]
SplitFraction = Annotated[
    list[str] | None,
    typer.Option(
        "--split-fraction",
        metavar="SPLIT=SHARE",
        help="Hold out a share of the training images of each class: test=0.2. Repeatable.",
    ),
]
SplitGroup = Annotated[
    str | None,
    typer.Option(
        "--split-group",
        help="With --split-fraction: keep images together whose value of this column, or match of "
        "this regular expression on the path, is equal.",
    ),
]
SplitFile = Annotated[
    list[str] | None,
    typer.Option(
        "--split-file",
        metavar="[SPLIT=]FILE",
        help="List of the images of a split (test=test.txt), or one file with the split on each "
        "line or in a column. Repeatable.",
    ),
]


@target.command("add")
def add(
    context: typer.Context,
    folder: Dir,
    name: Name,
    path: Given,
    layout: Layout = None,
    path_column: PathColumn = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    split_column: SplitColumn = None,
    split_folder: SplitFolder = None,
    split_fraction: SplitFraction = None,
    split_group: SplitGroup = None,
    split_file: SplitFile = None,
    root: Root = None,
    follow_links: FollowLinks = False,
    only_suffix: OnlySuffix = None,
    bands: Bands = None,
    as_json: Json = False,
) -> None:
    """Add a target set and show its splits and classes, or list an existing one again.

    If the folders can be read in several ways, the command lists them and asks for --layout.
    """
    given = sources.options(context)
    command = ["target", "add", str(folder), name, str(path)]
    with projects.opened(folder) as project, layouts.choice(command, given, as_json):
        report = collections.add(project, "target", name, path, given)
        sources.show_notes(path, collections.reading(project, "target", name), as_json)
        layouts.show(folder, project, name, report, as_json)
        outcomes.close_listing(project, folder, "target", name, as_json)


@target.command("adopt")
def adopt(
    context: typer.Context,
    folder: Dir,
    name: Name,
    layout: Layout = None,
    label_column: LabelColumn = None,
    split_column: SplitColumn = None,
    split_folder: SplitFolder = None,
    split_fraction: SplitFraction = None,
    split_group: SplitGroup = None,
    split_file: SplitFile = None,
    as_json: Json = False,
) -> None:
    """Detect the splits and classes of a target set again, or set them with options."""
    given = sources.options(context)
    command = ["target", "adopt", str(folder), name]
    with projects.opened(folder) as project, layouts.choice(command, given, as_json):
        report = collections.adopt(project, name, given)
        layouts.show(folder, project, name, report, as_json)


sources.add_commands(target, "target")
