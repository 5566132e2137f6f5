"""Commands of the Data section: project, sources, targets, features, map."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core.catalogue.scan_table import ScanReport
from sept_core.cli import follow, layouts, outcomes, output, summaries
from sept_core.cli.layouts import (
    ImageColumn,
    LabelColumn,
    LayoutOption,
    PathColumn,
    SplitColumn,
    SplitFile,
    SplitFolder,
    SplitFraction,
    SplitGroup,
)
from sept_core.cli.options import (
    Device,
    Dir,
    Encoder,
    EncoderSpec,
    Json,
    Seed,
    path_argument,
    path_option,
)
from sept_core.filesystem.roots import FOLLOW_LINKS
from sept_core.imaging import decoders
from sept_core.services.data import collections, embedding, remote_features
from sept_core.services.explore import map_job
from sept_core.services.project import projects
from sept_core.storage import commands, project_paths

pool = typer.Typer(no_args_is_help=True, help="Sources of the pool.")
target = typer.Typer(no_args_is_help=True, help="Target sets: images of the task you care about.")
feature = typer.Typer(no_args_is_help=True, help="Features computed or kept elsewhere.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name of your choice.")]
NewName = Annotated[str, typer.Argument(metavar="NEW-NAME", help="The name from now on.")]
OneName = Annotated[str | None, typer.Argument(metavar="[NAME]", help="One of them; default: all.")]
Note = Annotated[str, typer.Argument(metavar="TEXT", help="The note; empty removes it.")]
RETRY_SECONDS = 60.0
RetryFor = Annotated[
    float,
    typer.Option(help="Seconds over which files that cannot be read are tried three more times."),
]
Given = Annotated[
    Path,
    path_argument("PATH", "Folder, zip, tar, shards, list of paths or table."),
]
RootOption = Annotated[
    Path | None, path_option("The folder of the files that a list or table names.")
]


FollowOption = Annotated[
    bool, typer.Option("--follow-links", help="Follow links that lead out of the folder.")
]
SuffixOption = Annotated[
    str | None,
    typer.Option("--only-suffix", metavar=".jpg,.png", help="Open files of these suffixes only."),
]
BandsOption = Annotated[
    str | None,
    typer.Option(
        "--bands",
        metavar="4,3,2",
        help="Channels of TIFF images to take as red, green, blue, or one; counted from 1.",
    ),
]
ValueRange = Annotated[
    list[str] | None,
    typer.Option(
        "--value-range",
        metavar="[KIND=]LOW:HIGH",
        help="What 16-bit and float images are scaled from, such as 0:4095 or uint16=0:4095; auto "
        "fits it on the pool again. Give it once for each kind.",
    ),
]


def init(folder: Dir, as_json: Json = False) -> None:
    """Make an empty project."""
    projects.init(folder)
    if as_json:
        return output.as_json({"project": str(folder.absolute())})
    add = commands.line("pool", "add", folder, "NAME", "PATH")
    return output.say(f"Made {folder}. Next: {add}")


def status(folder: Dir, as_json: Json = False) -> None:
    """Show sources, encoders, targets, selections, runs and jobs."""
    with projects.opened(folder) as project:
        state = projects.status(project)
    if as_json:
        return output.as_json(state)
    output.facts(f"Project {state['project']}", state["pool"])
    columns = ["name", "kind", "images", "waiting", "unreadable", "rejected", "gone", "path"]
    for title in ("sources", "targets"):
        output.rows(title.capitalize(), columns, ([s[c] for c in columns] for s in state[title]))
    summaries.value_ranges(state["value_ranges"])
    for entry in state["targets"]:
        layouts.warn(folder, entry)
    output.rows(
        "Encoders",
        ["id", "kind", "pool images", "without features"],
        ([e["id"], e["kind"], e["pool_images"], e["no_features"]] for e in state["encoders"]),
    )
    summaries.without_features(state["encoders"])
    for record in state["encoders"]:
        summaries.fit(folder, record["spec"], record["fit"])
        if record["older_decoder"]:
            _offer_renewal(folder, record)
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


def _offer_renewal(folder: Path, encoder: dict[str, Any]) -> None:
    others = [name for name in encoder["decoders"] if name != decoders.version()]
    renew = commands.line("embed", folder, "--renew", "--encoder", encoder["id"])
    output.say(
        f"{encoder['older_decoder']:,} features of {encoder['id']} go on working, but were made "
        f"with another decoder ({', '.join(others) or 'of target sets'}; now "
        f"{decoders.version()}). Renew them: {renew}"
    )


def _job_row(job: dict[str, str]) -> list[str]:
    return [job["id"], job["title"], job["state"]]


@pool.command("add")
def pool_add(
    folder: Dir,
    name: Name,
    path: Given,
    path_column: PathColumn = None,
    image_column: ImageColumn = None,
    root: RootOption = None,
    follow_links: FollowOption = False,
    only_suffix: SuffixOption = None,
    bands: BandsOption = None,
    as_json: Json = False,
) -> None:
    """Add a source, or list it again: adds what is new, reports what is gone."""
    options = layouts.options(
        path_column=path_column,
        image_column=image_column,
        **_opening(root, follow_links, only_suffix, bands),
    )
    with projects.opened(folder) as project:
        report = collections.add(project, "pool", name, path, options)
        _show_notes(path, collections.reading(project, "pool", name), as_json)
        _show_scan(name, report, as_json)
        outcomes.close_listing(project, folder, "pool", name, as_json)


def _opening(
    root: Path | None, follow_links: bool, only_suffix: str | None, bands: str | None
) -> dict[str, str | None]:
    """The options that say which files of a source are opened, and how."""
    return {
        "root": None if root is None else str(root),
        FOLLOW_LINKS: "yes" if follow_links else None,
        "only_suffix": only_suffix,
        "bands": bands,
    }


def _show_notes(path: Path, notes: list[str], as_json: bool) -> None:
    if not as_json:
        for note in notes:
            output.say(f"{path.name}: {note}.")


@target.command("add")
def target_add(
    folder: Dir,
    name: Name,
    path: Given,
    layout: LayoutOption = None,
    path_column: PathColumn = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    split_column: SplitColumn = None,
    split_folder: SplitFolder = None,
    split_fraction: SplitFraction = None,
    split_group: SplitGroup = None,
    split_file: SplitFile = None,
    root: RootOption = None,
    follow_links: FollowOption = False,
    only_suffix: SuffixOption = None,
    bands: BandsOption = None,
    as_json: Json = False,
) -> None:
    """Add a target set and show what was taken for which split and class, or list it again.

    A set that can be read in several ways is not added without --layout.
    """
    given = layouts.options(
        layout=layout,
        path_column=path_column,
        image_column=image_column,
        label_column=label_column,
        split_column=split_column,
        split_folder=split_folder,
        split_fraction=split_fraction,
        split_group=split_group,
        split_file=split_file,
        **_opening(root, follow_links, only_suffix, bands),
    )
    command = ["target", "add", str(folder), name, str(path)]
    with projects.opened(folder) as project, layouts.choice(command, given, as_json):
        report = collections.add(project, "target", name, path, given)
        _show_notes(path, collections.reading(project, "target", name), as_json)
        layouts.show(folder, project, name, asdict(report), as_json)
        outcomes.close_listing(project, folder, "target", name, as_json)


@target.command("adopt")
def target_adopt(
    folder: Dir,
    name: Name,
    layout: LayoutOption = None,
    label_column: LabelColumn = None,
    split_column: SplitColumn = None,
    split_folder: SplitFolder = None,
    split_fraction: SplitFraction = None,
    split_group: SplitGroup = None,
    split_file: SplitFile = None,
    as_json: Json = False,
) -> None:
    """Read a target set anew: as it would be read if it were added today, or as the options say."""
    given = layouts.options(
        layout=layout,
        label_column=label_column,
        split_column=split_column,
        split_folder=split_folder,
        split_fraction=split_fraction,
        split_group=split_group,
        split_file=split_file,
    )
    command = ["target", "adopt", str(folder), name]
    with projects.opened(folder) as project, layouts.choice(command, given, as_json):
        report = collections.adopt(project, name, given)
        layouts.show(folder, project, name, asdict(report), as_json)


def _show_scan(name: str, report: ScanReport, as_json: bool) -> None:
    if as_json:
        output.as_json({"name": name, **asdict(report)})
    else:
        summaries.listed(name, report)


@pool.command("status")
def pool_status(
    folder: Dir, name: OneName = None, out: outcomes.Out = None, as_json: Json = False
) -> None:
    """Count each source's files by state, and list those that are not embedded with the reason."""
    outcomes.show(folder, "pool", name, out, as_json)


@target.command("status")
def target_status(
    folder: Dir, name: OneName = None, out: outcomes.Out = None, as_json: Json = False
) -> None:
    """Count each target set's files by state, and list those not embedded with the reason."""
    outcomes.show(folder, "target", name, out, as_json)


@pool.command("retry")
def pool_retry(folder: Dir, retry_for: RetryFor = RETRY_SECONDS, as_json: Json = False) -> None:
    """Read files of the pool again that could not be read, as the last embedding did."""
    outcomes.close_embedding(folder, follow.retry(folder, "pool", retry_for), as_json)


@target.command("retry")
def target_retry(folder: Dir, retry_for: RetryFor = RETRY_SECONDS, as_json: Json = False) -> None:
    """Read files of target sets again that could not be read, as the last embedding did."""
    outcomes.close_embedding(folder, follow.retry(folder, "target", retry_for), as_json)


def _rename(role: str, folder: Path, name: str, new_name: str, as_json: bool) -> None:
    with projects.opened(folder) as project:
        collections.rename(project, role, name, new_name)
    if as_json:
        output.as_json({"name": new_name, "was": name})
    else:
        output.say(f"{name} is now {new_name}.")


def _move(role: str, folder: Path, name: str, path: Path, as_json: bool) -> None:
    with projects.opened(folder) as project:
        report = collections.move(project, role, name, path)
        _show_scan(name, report, as_json)
        outcomes.close_listing(project, folder, role, name, as_json)


def _note(role: str, folder: Path, name: str, text: str, as_json: bool) -> None:
    with projects.opened(folder) as project:
        collections.annotate(project, role, name, text)
    if as_json:
        output.as_json({"name": name, "note": text})
    else:
        output.say(f"Noted on {name}.")


def _remove(role: str, folder: Path, name: str, as_json: bool) -> None:
    with projects.opened(folder) as project:
        count = collections.remove(project, role, name)
    if as_json:
        output.as_json({"name": name, "files": count})
    else:
        output.say(f"Removed {name}: {count:,} files forgotten, none touched on disk.")


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
    encoder: EncoderSpec = None,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.")] = "auto",
    device: Device = "auto",
    seed: Seed = 0,
    retry_for: RetryFor = RETRY_SECONDS,
    renew: Annotated[
        bool, typer.Option("--renew", help="Only replace features that an earlier decoder made.")
    ] = False,
    value_range: ValueRange = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Delete this encoder's features and embed all again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read every image once and compute its features; continues where it stopped."""
    if renew:
        result = follow.renew(folder, encoder)
    else:
        chosen = embedding.EmbedSettings(
            encoder or embedding.DEFAULT,
            precision,
            device,
            seed=seed,
            retry_delays=embedding.retry_delays(retry_for),
        )
        result = follow.embed(folder, chosen, value_range or (), rebuild)
    outcomes.close_embedding(folder, result, as_json)


def draw_map(folder: Dir, encoder: Encoder = None, seed: Seed = 0, as_json: Json = False) -> None:
    """Draw the UMAP map of the pool with the targets on it."""
    with projects.opened(folder) as project:
        job = map_job.start(project, encoder, seed)
    result = follow.to_end(projects.paths_of(folder), job.id)
    if as_json:
        return output.as_json(result)
    return summaries.drawn(result)


Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="s3://…, gs://… or whatever fsspec knows; or a folder.",
        parser=lambda text: str(project_paths.expanded(text)) if text.startswith("~") else text,
    ),
]


@feature.command("status")
def features_status(folder: Dir, out: outcomes.Out = None, as_json: Json = False) -> None:
    """List encoders, and the rows of imported features that could not be used with the reason."""
    outcomes.show_feature_rows(folder, out, as_json)


@feature.command("push")
def features_push(folder: Dir, url: Url, encoder: Encoder = None, as_json: Json = False) -> None:
    """Copy features to object storage; machines of a cluster fetch what they need from there."""
    with follow.shards("Copying") as told:
        result = remote_features.push(folder, url, encoder, told)
    _told(result, "to", as_json)


@feature.command("pull")
def features_pull(folder: Dir, url: Url, as_json: Json = False) -> None:
    """Bring back features that were copied to object storage."""
    with follow.shards("Copying") as told:
        result = remote_features.pull(folder, url, told)
    _told(result, "from", as_json)


def _told(result: dict[str, Any], where: str, as_json: bool) -> None:
    if as_json:
        return output.as_json(result)
    return summaries.copied(result, where)
