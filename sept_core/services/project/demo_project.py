"""The demo: a complete project with generated pictures.

In: a new folder. Out: a project with three sources, two target sets, features, map, a selection
and some decisions. Every step is one of the other buttons, so that an interrupted demo continues
where it stopped.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sept_core.catalogue import place_table, settings, source_table
from sept_core.demo.layout import TARGETS, Layout
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, selections
from sept_core.services.curate.requests import Request
from sept_core.services.data import collections, embedding, preparation
from sept_core.services.explore import map_job
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import project_paths

ENCODER = embedding.DEFAULT
TARGET = "nature"
BUDGET = 400
REVIEWER = "demo"
KEPT = 12
"""Number of correct picks that the reviewer confirms, so that suggestions have both classes to
learn from.
"""

NOTES = {
    "photos": "A tree of folders with names that say nothing; holds a few broken files.",
    "scans": "One zip, read without unpacking.",
    "web": "WebDataset shards with a side-car for each image; try the filter: year >= 2020",
    "nature": "Flowers, leaves, fruit, butterflies and fish. Some of its test images are in the "
    "pool: the guard finds them.",
    "signs-and-charts": "Road signs, charts, contour maps, circuit boards and clocks.",
}
"""Notes of the demo's sources and target sets."""


def begin(folder: Path, *, seed: int = 0, scale: float = 1.0) -> None:
    """Create an empty project for the demo, or continue an unfinished demo.

    Args:
        folder: new, empty, or a demo.
        seed: random seed of the pictures.
        scale: factor of the number of images (about 4,300 in the pool).

    Raises:
        InputError: the folder contains something else.
    """
    if project_paths.ProjectPaths(folder.absolute()).catalogue.exists():
        with projects.opened(folder) as project:
            if settings.get(project.db, "demo") is not None:
                return
    projects.init(folder)
    with projects.opened(folder) as project:
        settings.put(project.db, "demo", {"seed": seed, "scale": scale})


def layout(paths: project_paths.ProjectPaths) -> Layout:
    """Return the layout of the demo's pictures."""
    return Layout(paths.uploads / "demo")


def next_job(project: Project) -> JobFolder | None:
    """Launch the next of the demo's long steps; None if all of them are done."""
    data = layout(project.paths)
    if not data.header.exists():
        request = settings.get(project.db, "demo") | {"folder": str(data.root)}
        return launcher.launch(project.paths, "demo", request, "Drawing the pictures")
    _register(project, data)
    if _is_waiting(project):
        return embedding.start(project, embedding.EmbedSettings(ENCODER))
    encoder_id = projects.find_encoder(project, ENCODER)
    job = preparation.next_job(project, encoder_id)
    if job is None and not (project.paths.map(encoder_id) / project_paths.HEADER).exists():
        job = map_job.start(project, encoder_id)
    return job


def go_on(project: Project) -> None:
    """Start the next step unless one is running; a failed or cancelled step must be resumed."""
    known = launcher.all_jobs(project.paths)
    if known and known[0].state != "done":
        return
    if next_job(project) is None:
        curate(project)


def _register(project: Project, data: Layout) -> None:
    for role, found in (("pool", data.sources), ("target", data.targets)):
        known = {record.name for record in source_table.every(project.db, role)}
        for name, path in found.items():
            if name not in known:
                collections.add(project, role, name, path)
                collections.annotate(project, role, name, NOTES[name])


def _is_waiting(project: Project) -> bool:
    """Return True if any file has not been read yet."""
    records = [*source_table.every(project.db, "pool"), *source_table.every(project.db, "target")]
    return any(source_table.counts(project.db, record.id)["waiting"] for record in records)


def curate(project: Project) -> dict[str, Any]:
    """Select for the first target set, review the picks, select again; done once.

    Returns:
        The record of the second selection, with its churn the first time.
    """
    demo = settings.get(project.db, "demo")
    if "selection" in demo:
        return selections.find(project, demo["selection"])
    request = Request((TARGET,), SelectionSettings(budget=BUDGET), ENCODER)
    first = selections.select(project, request)
    _review(project, first["id"])
    second = selections.update(project, first["id"])
    settings.put(project.db, "demo", demo | {"selection": second["id"]})
    return second


def _review(project: Project, selection_id: str) -> None:
    """Decide like a reviewer who recognises the pictures, using the true families."""
    if decisions.history(project, [TARGET]):
        return
    uids = selections.picks(project, selection_id)["uid"].to_pylist()
    shown = families(project, uids)
    wrong: dict[str, list[str]] = defaultdict(list)
    for uid in uids:
        if shown[uid] not in TARGETS[TARGET]:
            wrong[shown[uid]].append(uid)
    for family, members in wrong.items():
        reason = f"shows {family}, which is not in the task"
        decisions.decide(project, [TARGET], "veto", members, reason=reason, who=REVIEWER)
    right = [uid for uid in uids if shown[uid] in TARGETS[TARGET]][:KEPT]
    decisions.decide(project, [TARGET], "keep", right, reason="just right", who=REVIEWER)


def families(project: Project, uids: Iterable[str]) -> dict[str, str]:
    """Return the true family of each pool image; only for scoring and the simulated review."""
    return _by_name(project, uids, layout(project.paths).truth, "label")


def planted(project: Project, uids: Iterable[str]) -> dict[str, str]:
    """Return the kind of each pool image that was planted as a copy or leak."""
    return _by_name(project, uids, layout(project.paths).flaws, "flaw")


def _by_name(project: Project, uids: Iterable[str], path: Path, column: str) -> dict[str, str]:
    """Return a column of a csv by uid, for the images that it names by a file name."""
    with path.open(newline="") as file:
        known = {row["key"]: row[column] for row in csv.DictReader(file)}
    places = place_table.locations(project.db, uids).to_pylist()
    named = [(row["uid"], Path(row["member"] or row["rel_path"]).stem) for row in places]
    return {uid: known[name] for uid, name in named if name in known}
