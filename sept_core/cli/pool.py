"""Commands for the pool's sources: `sept pool …`."""

import typer

from sept_core.cli import lazy, outcomes, sources
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

pool = lazy.group(help="Add, list and edit the sources of the pool.")


@pool.command("add")
def add(
    context: typer.Context,
    folder: Dir,
    name: Name,
    path: Given,
    path_column: PathColumn = None,
    image_column: ImageColumn = None,
    root: Root = None,
    follow_links: FollowLinks = False,
    only_suffix: OnlySuffix = None,
    bands: Bands = None,
    as_json: Json = False,
) -> None:
    """Add a source to the pool, or list an existing one again to find new and deleted files."""
    options = sources.options(context)
    with projects.opened(folder) as project:
        report = collections.add(project, "pool", name, path, options)
        sources.show_notes(path, collections.reading(project, "pool", name), as_json)
        sources.show_scan(name, report, as_json)
        outcomes.close_listing(project, folder, "pool", name, as_json)


sources.add_commands(pool, "pool")
