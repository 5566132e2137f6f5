"""Measure the retrieval on the mixed pool: the share of the right domain and label in subsets.

    python -m benchmarks.mixed_retrieval $SEPT_DATA WORK_FOLDER [--encoder SPEC]

Every strategy that takes pool images by a budget, at 1,000, 2,500 and 5,000 images, for satellite,
traffic and plants, in the project of `benchmarks.evidence`. `mixed-domains.csv` is read for scoring
only, after the subsets are made.

Right domain: `evidence.protocol.DOMAINS`. Right label: an image of these domains whose label is the
name of one of the target set's classes. RSSCN7 has other names than AID: `bField` counts as
Farmland and `cIndustry` as Industrial. `fResident` does not count, because the target set's
DenseResidential is only one of three densities of AID; nor does `gParking`, because the class Park
is not a car park.
"""

import argparse
import csv
import dataclasses
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from benchmarks import strategies
from benchmarks.evidence import pools, protocol
from sept_core.catalogue import place_table
from sept_core.review import decision_log
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import STRATEGIES
from sept_core.services.curate import rankings
from sept_core.services.curate.requests import Request
from sept_core.services.project import projects
from sept_core.services.project.project import Project

BUDGETS = (1000, 2500, 5000)
SAME = {("satellite-rsscn7", "bField"): "Farmland", ("satellite-rsscn7", "cIndustry"): "Industrial"}
"""Labels that mean a class of a target set under another name."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the development data")
    parser.add_argument("work", type=Path, help="folder for projects")
    parser.add_argument("--encoder", default=protocol.ENCODER)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)
    folder = pools.prepared(protocol.MIXED, options.data, options.work, options.encoder)
    heads = (
        "target",
        "strategy",
        *(f"{what} {b:,}" for b in BUDGETS for what in ("domain", "label")),
    )
    print(f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads), sep="\n", flush=True)
    for task in protocol.MIXED.tasks:
        with projects.opened(folder) as project:
            wanted = Request(
                (task,),
                SelectionSettings(budget=1),
                options.encoder,
                decisions=False,
                device="cpu",
            )
            domain, label = right(project, options.data, task)
            print(f"| {task} | in the pool: {len(domain):,} and {len(label):,} |", flush=True)
            for name, cells in measure(project, wanted, domain, label):
                print(f"| {task} | {name} | {' | '.join(cells)} |", flush=True)


def measure(
    project: Project, wanted: Request, domain: set[str], label: set[str]
) -> Iterator[tuple[str, list[str]]]:
    """Yield each strategy with its shares in percent: domain and label at each budget."""
    for name, changes in strategies.VARIANTS.items():
        whole: list[str] = []
        cells = []
        settings = SelectionSettings(budget=1, **changes)
        ranking = rankings.ranking(project, dataclasses.replace(wanted, settings=settings))
        for budget in sorted(BUDGETS, reverse=True):
            if not (whole and STRATEGIES[changes["strategy"]].is_prefix):
                whole = ranking.select(decision_log.NOTHING, budget).picks["uid"].to_pylist()
            own = whole[:budget]
            short = "" if len(own) == budget else f" ({len(own):,} images)"
            shares = [100 * np.mean([uid in found for uid in own]) for found in (domain, label)]
            cells = [f"{shares[0]:.1f}{short}", f"{shares[1]:.1f}", *cells]
        yield name, cells


def right(project: Project, data: Path, task: str) -> tuple[set[str], set[str]]:
    """Return the uids of the pool images of a task's domain, and of those with its labels."""
    classes = class_names(data / f"target-{task}.zip")
    domain, label = set(), set()
    for uid, row in true_rows(project, data):
        if row["domain"] in protocol.DOMAINS[task]:
            domain.add(uid)
            name = SAME.get((row["domain"], row["label"]), row["label"])
            if name in classes:
                label.add(uid)
    return domain, label


def class_names(path: Path) -> set[str]:
    """Return the classes of a target set's zip, by its folders `SPLIT/CLASS/FILE`."""
    with zipfile.ZipFile(path) as archive:
        files = (PurePosixPath(name) for name in archive.namelist() if not name.endswith("/"))
        return {file.parts[1] for file in files}


def true_rows(project: Project, data: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the uid of each image of the mixed part with its row of the true domains."""
    with (data / "mixed-domains.csv").open(newline="") as file:
        rows = {(row["shard"], row["key"]): row for row in csv.DictReader(file)}
    places = place_table.keys(project.db, "pool")
    for place in places.to_pylist():
        if row := rows.get(pools.shard_and_key(place["rel_path"])):
            yield place["uid"], row


if __name__ == "__main__":
    main()
