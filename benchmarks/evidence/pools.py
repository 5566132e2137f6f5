"""The projects of the protocol and the subsets of its arms, made by the product.

In: the data folder and a work folder. Out: projects that are embedded and prepared, and for each
arm and seed the request that trains it. Pool labels are read for the oracle only, from a file that
no project knows.
"""

import csv
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.evidence import protocol
from benchmarks.evidence.protocol import Arm, Planned, Pool
from sept_core import api, errors
from sept_core.catalogue import place_table
from sept_core.encoders import bundled
from sept_core.ingest import worklists
from sept_core.pretrain import settings as pretrain_settings
from sept_core.pretrain.settings import PretrainSettings
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import groups, selections
from sept_core.services.curate.requests import Request
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.services.train import evaluations, pretraining


def prepared(pool: Pool, data: Path, work: Path, encoder: str = protocol.ENCODER) -> Path:
    """Return the folder of a pool's project, embedded with an encoder and ready to select."""
    folder = work / pool.name
    try:
        project = api.Project.open(folder)
    except errors.NotFoundError:
        project = api.Project.create(folder)
    for source in pool.sources:
        project.add_source(source, data / source)
    for task in pool.tasks:
        project.add_target(task, data / f"target-{task}.zip")
    project.embed(encoder, device="cpu")
    project.prepare(encoder, device="cpu")
    return folder


def settings(
    data: Path, arm: Arm, seed: int, changes: dict[str, Any] | None = None
) -> PretrainSettings:
    """Return the settings of the trainings of an arm and a seed."""
    wanted = protocol.CHANGES | arm.training | {"threads": 1, "seed": seed} | (changes or {})
    if arm.start:
        wanted["init"] = _start(data, arm.start)
    return pretrain_settings.choose(
        protocol.METHOD,
        wanted.pop("backbone", protocol.BACKBONE),
        protocol.BUDGET,
        wanted,
        image_side=protocol.IMAGE_SIDE,
    )


def _start(data: Path, start: str) -> str:
    if start == "bundled":
        return str(bundled.FOLDER)
    return f"timm@{data / protocol.PUBLISHED}"


def training(folder: Path, data: Path, run: Planned, how: PretrainSettings) -> dict[str, Any]:
    """Select an arm's subset; return the request of its training and the selection's id."""
    with projects.opened(folder) as project:
        selection = select(project, data, run.pool, run.arm, run.tasks, run.seed)
        own = ""
        if run.arm.options.get("joined"):
            own = select(project, data, run.pool, protocol.ALONE, run.tasks, run.seed)
        (request,) = pretraining.prepare_runs(project, selection, {run.name: how}, own=own)
    return request | {"selection": selection}


def select(
    project: Project, data: Path, pool: Pool, arm: Arm, tasks: tuple[str, ...], seed: int
) -> str:
    """Make the selection of an arm and return its id; review decisions are ignored."""
    unsized = arm.strategy in ("whole-pool", "target-images-only")
    wanted = SelectionSettings(
        strategy=arm.strategy,
        budget=None if unsized else protocol.BUDGET,
        seed=seed if arm.new_subset else 0,
    )
    request = Request(
        pool.tasks if arm.shared else tasks,
        wanted,
        protocol.ENCODER,
        filter=arm.options.get("filter", ""),
        group=_oracle(project, data, tasks[0]) if arm.options.get("oracle") else "",
        decisions=False,
        device="cpu",
    )
    made = selections.select(project, request)
    may_be_short = arm.options.get("oracle")  # a domain has few images besides near-duplicates
    if wanted.budget and made["count"] < wanted.budget and not may_be_short:
        raise errors.InputError(f"{arm.name} has only {made['count']} images: {made['shortfall']}")
    return str(made["selection"])


def _oracle(project: Project, data: Path, task: str) -> str:
    """Save the pool images of a task's own domain as a group, and return its name."""
    with (data / "mixed-domains.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["domain"] in protocol.DOMAINS[task]]
    right = {(row["shard"], row["key"]) for row in rows}
    places = place_table.keys(project.db, "pool").to_pylist()
    found = {p["uid"] for p in places if shard_and_key(p["rel_path"]) in right}
    groups.save(project, f"oracle-{task}", sorted(found))
    return f"oracle-{task}"


def shard_and_key(place: str) -> tuple[str, str]:
    """Return shard and key of a place as `place_table.keys` names it: SHARD.tar/KEY.jpg."""
    shard, _, member = place.rpartition("/")
    return shard, member.partition(".")[0]


def write_task(folder: Path, task: str, path: Path) -> None:
    """Write a task's labelled images as a worklist, in an order that no project changes."""
    with projects.opened(folder) as project:
        rows = evaluations.checked_task(project, task, ["all"])
    rows.sort(key=worklists.name_of)
    worklists.write(path, pa.Table.from_pylist(rows, worklists.SCHEMA))
