"""`sept demo`: create a small demo project."""

from collections.abc import Iterator
from pathlib import Path

from sept_core.cli import follow, output, summaries
from sept_core.cli.options import Dir, Json
from sept_core.services.curate import subset_diagnostics
from sept_core.services.project import demo_project, projects
from sept_core.storage import commands


def demo(folder: Dir, as_json: Json = False) -> None:
    """Create a demo project with generated images; takes a few minutes and no network."""
    demo_project.begin(folder)
    paths = projects.paths_of(folder)
    while True:
        with projects.opened(folder) as project:
            step = demo_project.next_job(project)
        if step is None:
            break
        follow.to_end(paths, step.id)
    with projects.opened(folder) as project:
        record = demo_project.curate(project)
        truth = demo_project.layout(paths).truth
        found = subset_diagnostics.report(project, record["id"], labels=truth)
    if as_json:
        return output.as_json(found)
    summaries.report(found)
    output.say("The demo is ready. Try:")
    for words in _to_try(folder, record["id"]):
        output.say(f"  {commands.line(*words)}")
    return None


def _to_try(folder: Path, selection: str) -> Iterator[tuple[object, ...]]:
    """Yield commands to try on the demo."""
    yield "app", folder
    yield "status", folder
    yield "pool", "status", folder
    yield "history", folder, "--target", "nature"
    yield "suggest", folder, selection
    yield "select", folder, "--target", "signs-and-charts", "--budget", 300
    yield "export", folder, selection, "--out", "subset"
