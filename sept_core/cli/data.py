"""Commands of the Data section: project, sources, targets, features, map."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core.catalogue.sources import ScanReport
from sept_core.cli import follow, output
from sept_core.cli.options import Device, Dir, Encoder, EncoderSpec, Json, Seed
from sept_core.pipeline import collections, embedding, mapping, mirroring, projects

pool = typer.Typer(no_args_is_help=True, help="Sources of the pool.")
target = typer.Typer(no_args_is_help=True, help="Target sets: images of the task you care about.")
feature = typer.Typer(no_args_is_help=True, help="Features computed or kept elsewhere.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name of your choice.")]
NewName = Annotated[str, typer.Argument(metavar="NEW-NAME", help="The name from now on.")]
Note = Annotated[str, typer.Argument(metavar="TEXT", help="The note; empty removes it.")]
Given = Annotated[
    Path,
    typer.Argument(metavar="PATH", help="Folder, zip, tar, shards, list of paths or table."),
]
ColumnOption = Annotated[
    str | None, typer.Option("--path-column", help="The table column that holds paths.")
]


def init(folder: Dir, as_json: Json = False) -> None:
    """Make an empty project."""
    projects.init(folder)
    if as_json:
        return output.as_json({"project": str(folder.absolute())})
    return output.console.print(f"Made {folder}. Next: sept pool add {folder} NAME PATH")


def status(folder: Dir, as_json: Json = False) -> None:
    """Show sources, encoders, targets, selections, runs and jobs."""
    with projects.opened(folder) as project:
        state = projects.status(project)
    if as_json:
        return output.as_json(state)
    output.facts(f"Project {state['project']}", state["pool"])
    columns = ["name", "kind", "images", "waiting", "rejected", "gone", "path"]
    for title in ("sources", "targets"):
        output.rows(title.capitalize(), columns, ([s[c] for c in columns] for s in state[title]))
    output.rows(
        "Encoders",
        ["id", "kind", "pool images"],
        ([e["id"], e["kind"], e["pool_images"]] for e in state["encoders"]),
    )
    for encoder in state["encoders"]:
        _note_fit(folder, encoder["id"], encoder["fit"])
    output.rows(
        "Selections",
        ["id", "targets", "strategy", "images", "older than pool"],
        (
            [s["id"], " ".join(s["targets"]), s["settings"]["strategy"], s["count"],
             s["older_than_pool"]]
            for s in state["selections"]
        ),
    )  # fmt: skip
    output.rows("Runs", ["id"], ([run] for run in state["runs"]))
    return output.rows("Jobs", ["id", "title", "state"], map(_job_row, state["jobs"]))


def _job_row(job: dict[str, str]) -> list[str]:
    return [job["id"], job["title"], job["state"]]


@pool.command("add")
def pool_add(
    folder: Dir, name: Name, path: Given, path_column: ColumnOption = None, as_json: Json = False
) -> None:
    """Add a source, or list it again: adds what is new, reports what is gone."""
    _add(folder, "pool", name, path, path_column, as_json)


@target.command("add")
def target_add(
    folder: Dir, name: Name, path: Given, path_column: ColumnOption = None, as_json: Json = False
) -> None:
    """Add a target set (ImageFolder with or without splits, or flat), or list it again."""
    _add(folder, "target", name, path, path_column, as_json)


def _add(
    folder: Path, role: str, name: str, path: Path, path_column: str | None, as_json: bool
) -> None:
    options = {"path_column": path_column} if path_column else {}
    with projects.opened(folder) as project:
        report = collections.add(project, role, name, path, options)
    _show_scan(name, report, as_json)


def _show_scan(name: str, report: ScanReport, as_json: bool) -> None:
    if as_json:
        output.as_json({"name": name, **asdict(report)})
    else:
        output.facts(f"Listed {name}", asdict(report))


@pool.command("status")
def pool_status(folder: Dir, as_json: Json = False) -> None:
    """Count each source's files by state, and list every rejected file with its reason."""
    with projects.opened(folder) as project:
        state = projects.status(project)
        rejected = collections.rejected(project).to_pylist()
    if as_json:
        return output.as_json(
            {"pool": state["pool"], "sources": state["sources"], "rejected": rejected}
        )
    columns = ["name", "images", "ok", "waiting", "rejected", "gone"]
    output.rows("Sources", columns, ([s[c] for c in columns] for s in state["sources"]))
    return output.rows(
        "Rejected files",
        ["source", "path", "member", "reason"],
        ([r["source"], r["rel_path"], r["member"], r["reason"]] for r in rejected),
    )


def _rename(role: str, folder: Path, name: str, new_name: str, as_json: bool) -> None:
    with projects.opened(folder) as project:
        collections.rename(project, role, name, new_name)
    if as_json:
        output.as_json({"name": new_name, "was": name})
    else:
        output.console.print(f"{output.text(name)} is now {output.text(new_name)}.")


def _move(role: str, folder: Path, name: str, path: Path, as_json: bool) -> None:
    with projects.opened(folder) as project:
        report = collections.move(project, role, name, path)
    _show_scan(name, report, as_json)


def _note(role: str, folder: Path, name: str, text: str, as_json: bool) -> None:
    with projects.opened(folder) as project:
        collections.annotate(project, role, name, text)
    if as_json:
        output.as_json({"name": name, "note": text})
    else:
        output.console.print(f"Noted on {output.text(name)}.")


def _remove(role: str, folder: Path, name: str, as_json: bool) -> None:
    with projects.opened(folder) as project:
        count = collections.remove(project, role, name)
    if as_json:
        output.as_json({"name": name, "files": count})
    else:
        output.console.print(
            f"Removed {output.text(name)}: {count:,} files forgotten, none touched on disk."
        )


@pool.command("rename")
def pool_rename(folder: Dir, name: Name, new_name: NewName, as_json: Json = False) -> None:
    """Give a source another name."""
    _rename("pool", folder, name, new_name, as_json)


@target.command("rename")
def target_rename(folder: Dir, name: Name, new_name: NewName, as_json: Json = False) -> None:
    """Give a target set another name; its decisions follow."""
    _rename("target", folder, name, new_name, as_json)


@pool.command("move")
def pool_move(folder: Dir, name: Name, path: Given, as_json: Json = False) -> None:
    """Say where a source lies now; what did not change keeps its features."""
    _move("pool", folder, name, path, as_json)


@target.command("move")
def target_move(folder: Dir, name: Name, path: Given, as_json: Json = False) -> None:
    """Say where a target set lies now; what did not change keeps its features."""
    _move("target", folder, name, path, as_json)


@pool.command("note")
def pool_note(folder: Dir, name: Name, text: Note, as_json: Json = False) -> None:
    """Write a note on a source."""
    _note("pool", folder, name, text, as_json)


@target.command("note")
def target_note(folder: Dir, name: Name, text: Note, as_json: Json = False) -> None:
    """Write a note on a target set."""
    _note("target", folder, name, text, as_json)


@pool.command("remove")
def pool_remove(folder: Dir, name: Name, as_json: Json = False) -> None:
    """Forget a source; its files on disk stay."""
    _remove("pool", folder, name, as_json)


@target.command("remove")
def target_remove(folder: Dir, name: Name, as_json: Json = False) -> None:
    """Forget a target set; its files on disk stay."""
    _remove("target", folder, name, as_json)


def embed(
    folder: Dir,
    encoder: EncoderSpec = embedding.DEFAULT,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    device: Device = "auto",
    seed: Seed = 0,
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit the encoder to today's pool again, then embed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read every image once and compute its features; continues where it stopped."""
    chosen = embedding.EmbedSettings(encoder, precision, device, seed=seed, refit=refit)
    result = follow.embed(folder, chosen)
    if as_json:
        return output.as_json(result)
    shown = {name: value for name, value in result.items() if name != "fit"}
    output.facts(f"Embedded with {result['encoder_id']}", shown)
    return _note_fit(folder, result["encoder_id"], result["fit"])


def _note_fit(folder: Path, encoder_id: str, fit: str | None) -> None:
    """How the sample that an encoder was fitted on is degenerate, and what to do."""
    if fit:
        output.notes.print(
            f"{encoder_id}: {fit}. Once the pool has more or other images, fit it again with: "
            f"sept embed {folder} --refit"
        )


def draw_map(folder: Dir, encoder: Encoder = None, seed: Seed = 0, as_json: Json = False) -> None:
    """Draw the UMAP map of the pool with the targets on it."""
    with projects.opened(folder) as project:
        job = mapping.start(project, encoder, seed)
    result = follow.to_end(projects.paths_of(folder), job.id)
    if as_json:
        return output.as_json(result)
    return output.facts("Map", result)


Url = Annotated[
    str, typer.Argument(metavar="URL", help="s3://…, gs://… or whatever fsspec knows; or a folder.")
]


@feature.command("push")
def features_push(folder: Dir, url: Url, encoder: Encoder = None, as_json: Json = False) -> None:
    """Copy features to object storage; machines of a cluster fetch what they need from there."""
    with follow.shards("Copying") as told:
        result = mirroring.push(folder, url, encoder, told)
    _told(result, as_json)


@feature.command("pull")
def features_pull(folder: Dir, url: Url, as_json: Json = False) -> None:
    """Bring back features that were copied to object storage."""
    with follow.shards("Copying") as told:
        result = mirroring.pull(folder, url, told)
    _told(result, as_json)


def _told(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return output.as_json(result)
    return output.facts("Features", result)
