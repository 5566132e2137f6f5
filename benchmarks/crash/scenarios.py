"""Scenarios to kill: adding, embedding, deciding, exporting, pre-training, migrating.

In: nothing but a seed: pictures are drawn. Out: `SCENARIOS`, by name.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from PIL import Image

from benchmarks import scale
from benchmarks.crash.trials import Scenario, sept
from sept_core.catalogue import decision_table, migrations, selection_table
from sept_core.jobs import launcher
from sept_core.services.project import projects
from sept_core.storage import project_paths

PICTURES, TARGETS, SIDE = 600, 12, 40
TRAINING = ("--method", "simclr", "--backbone", "resnet10-tiny", "--steps", "60",
            "--batch-size", "16", "--image-size", "16", "--run", "run")  # fmt: skip


def draw_pictures(folder: Path, count: int, seed: int) -> None:
    """Small pictures of coloured noise, no two alike."""
    folder.mkdir(parents=True)
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        colour = rng.integers(0, 256, 3)
        pixels = np.clip(colour + rng.normal(0, 40, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04d}.png")


def with_pictures(project: Path) -> None:
    """Make an empty project, and pictures next to it that are not added yet."""
    draw_pictures(project.parent / "pool", PICTURES, 1)
    draw_pictures(project.parent / "target", TARGETS, 2)
    sept("init", project)


def added(project: Path) -> None:
    """Make a project with listed pictures, and the encoder's checkpoint next to it."""
    with_pictures(project)
    scale.tiny_encoder(project.parent)
    sept("pool", "add", project, "pool", project.parent / "pool")
    sept("target", "add", project, "target", project.parent / "target")


def embedded(project: Path) -> None:
    """Make a project with everything embedded and one selection."""
    added(project)
    sept(*embed(project)[3:])
    sept("prepare", project)
    sept("select", project, "--target", "target", "--budget", "100")


def the_selection(project: Path) -> str:
    with projects.opened(project) as opened:
        return str(selection_table.every(opened.db)[0]["id"])


def a_command(*words: object) -> list[str]:
    return [sys.executable, "-m", "sept_core", *map(str, words)]


def act(name: str, project: Path) -> list[str]:
    """Return the command that runs a function of `acts` in a separate process."""
    return [sys.executable, "-m", "benchmarks.crash.acts", name, str(project)]


def sums(folder: Path, *, but: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by its path, hidden ones included."""
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in but)
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    }


def worked_on(kind: str) -> Any:
    """Return whether a job of that kind has reported progress."""

    def working(project: Path) -> bool:
        return any(project.glob(f"jobs/*-{kind}-*/progress.json"))

    return working


def resume_or(kind: str, project: Path, command: list[str]) -> None:
    """Resume the lost job, or start again if there is none, and run it to the end."""
    paths = project_paths.ProjectPaths(project)
    known = [job for job in launcher.all_jobs(paths) if job.kind == kind]
    if not known:
        sept(*command[3:])
    elif known[0].state != "done":
        sept("job", "resume", project, known[0].id)


# Adding: the same command again lists the rest.


def add(project: Path) -> list[str]:
    return a_command("pool", "add", project, "pool", project.parent / "pool")


def listed(project: Path) -> list[tuple[Any, ...]]:
    with projects.opened(project) as opened:
        return opened.db.execute(
            "SELECT s.name, rel_path, size, state, gone FROM files f JOIN sources s "
            "ON s.id = f.source_id ORDER BY ALL"
        ).fetchall()


# Embedding.


def embed(project: Path) -> list[str]:
    return a_command("embed", project, "--encoder", f"checkpoint:{project.parent / 'tiny'}")


def embedding(project: Path) -> dict[str, Any]:
    return {"files": sums(project / "features"), "rows": listed(project)}


# Deciding: the process prints each position once it is acknowledged.


def lost_decisions(project: Path, said: Path) -> list[str]:
    lines = [json.loads(line) for line in said.read_text().splitlines() if line.endswith("]")]
    with projects.opened(project) as opened:
        log = {entry["position"]: entry for entry in decision_table.log(opened.db)}
    return [
        f"decision {position} on {uid} was acknowledged and is not in the log"
        for position, action, uid in lines
        if position not in log
        or (log[position]["action"], log[position]["uids"]) != (action, [uid])
    ]


# Exporting: complete or not there.


def export(project: Path) -> list[str]:
    out = project / "out"
    return a_command("export", project, the_selection(project), "--format", "webdataset",
                     "--out", out)  # fmt: skip


def finish_export(project: Path) -> None:
    if not (project / "out").exists():
        sept(*export(project)[3:])


# Pre-training.


def train(project: Path) -> list[str]:
    return a_command("pretrain", project, the_selection(project), *TRAINING)


def weights(project: Path) -> dict[str, str]:
    found = sums(project / "runs" / "run")
    return {name: found.get(name, "") for name in ("backbone.safetensors", "probe.parquet")}


# Migrating: a catalogue of the first schema, with decisions in it.


def old_project(project: Path) -> None:
    project.mkdir(parents=True)
    db = duckdb.connect(str(project / "catalogue.duckdb"))
    db.execute("CREATE TABLE migrations (step INTEGER, name TEXT, applied_at DOUBLE)")
    name, sql = migrations.MIGRATIONS[0]
    db.execute(sql)
    db.execute("INSERT INTO migrations VALUES (1, ?, 0)", [name])
    db.execute(
        "INSERT INTO decisions SELECT i, 's1', '2026-01-01', 'Ada', 'veto', 'image', '', "
        "[md5(i::TEXT)], NULL FROM range(1, 2001) t(i)"
    )
    db.execute("INSERT INTO settings VALUES ('who', '\"Ada\"')")
    db.close()


def migrated(project: Path) -> list[Any]:
    with projects.opened(project) as opened:
        steps = opened.db.execute("SELECT step, name FROM migrations ORDER BY step").fetchall()
        return [steps, decision_table.log(opened.db)]


SCENARIOS: dict[str, Scenario] = {
    "adding": Scenario(with_pictures, add, lambda project: sept(*add(project)[3:]), listed),
    "embedding": Scenario(
        added,
        embed,
        lambda project: sept(*embed(project)[3:]),
        embedding,
        working=worked_on("embed"),
    ),
    "deciding": Scenario(
        embedded,
        lambda project: act("decide", project),
        lambda project: None,
        lambda project: None,
        broken=lost_decisions,
    ),
    "exporting": Scenario(
        embedded,
        export,
        finish_export,
        lambda project: sums(project / "out"),
        working=worked_on("export"),
    ),
    "pretraining": Scenario(
        embedded,
        train,
        lambda project: resume_or("pretrain", project, train(project)),
        weights,
        working=worked_on("pretrain"),
    ),
    "migrating": Scenario(
        old_project, lambda project: act("migrate", project), lambda project: None, migrated
    ),
}
