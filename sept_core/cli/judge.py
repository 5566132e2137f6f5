"""Commands that suggest images to judge: suggest, audit."""

from typing import Annotated

import typer

from sept_core.cli import output, summaries
from sept_core.cli.options import Dir, Json, Seed, SelectionId
from sept_core.services.curate import judging
from sept_core.services.project import projects


def suggest(
    folder: Dir,
    selection: SelectionId,
    count: Annotated[int, typer.Option(help="Number of images to suggest.")] = 50,
    as_json: Json = False,
) -> None:
    """Suggest images to review next, most doubtful first."""
    with projects.opened(folder) as project:
        found = judging.suggest(project, selection, count)
    if as_json:
        return output.as_json(found)
    return output.rows(
        f"Review these next: {found['method']}",
        ["uid", "score", "file"],
        zip(found["uids"], found["scores"], found["files"], strict=True),
    )


def audit(
    folder: Dir,
    selection: SelectionId,
    size: Annotated[int, typer.Option(help="Sample size in images.")] = 100,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Estimate the precision of a selection from a random sample, judged with keep and veto."""
    with projects.opened(folder) as project:
        found = judging.audit_plan(project, selection, size, seed)
    if as_json:
        return output.as_json(found)
    return summaries.audit(found)
