"""Commands for selections: prepare, calibrate, advise, select, update, report, compare."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core.cli import follow, output, summaries
from sept_core.cli.options import (
    Device,
    Dir,
    Encoder,
    Json,
    Seed,
    SelectionId,
    Targets,
    path_option,
)
from sept_core.index import formats
from sept_core.selection import weights
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import DEFAULT_STRATEGY, STRATEGIES
from sept_core.services.curate import recipe_file, selections, subset_diagnostics, subset_page
from sept_core.services.curate.recipe_file import RecipeFile
from sept_core.services.curate.requests import Request
from sept_core.services.data import preparation
from sept_core.services.project import projects

_STRATEGY_HELP = " ".join(f"{name}: {s.description}" for name, s in STRATEGIES.items())


def prepare(
    folder: Dir,
    encoder: Encoder = None,
    device: Device = "auto",
    index_memory: Annotated[
        int,
        typer.Option(
            metavar="MIB", help="Memory for the index of pools above two million images, in MiB."
        ),
    ] = formats.MEMORY,
    as_json: Json = False,
) -> None:
    """Compute neighbour graph, near-duplicate threshold and duplicate groups for an encoder."""
    encoder_id = follow.prepare(folder, encoder, device, index_memory)
    if as_json:
        return output.as_json({"encoder_id": encoder_id})
    return output.say(f"Prepared {encoder_id}.")


def calibrate(folder: Dir, encoder: Encoder = None, as_json: Json = False) -> None:
    """Show the near-duplicate threshold and how it was calibrated."""
    encoder_id = follow.prepare(folder, encoder)
    with projects.opened(folder) as project:
        found = preparation.calibration(project, encoder_id)
    if as_json:
        return output.as_json(found)
    return summaries.calibration(encoder_id, found)


def select(
    folder: Dir,
    target: Targets,
    budget: Annotated[int | None, typer.Option(help="Number of images to select.")] = None,
    strategy: Annotated[
        str, typer.Option(metavar="STRATEGY", help=_STRATEGY_HELP)
    ] = DEFAULT_STRATEGY,
    encoder: Encoder = None,
    seed: Seed = 0,
    floor: Annotated[
        float | None,
        typer.Option(
            metavar="PERCENTILE",
            help="Minimum similarity of a picked image, as a percentile of the target–pool "
            "similarities.",
        ),
    ] = None,
    expand: Annotated[
        list[float] | None,
        typer.Option(
            metavar="PERCENTILE",
            help="Lower floor to use if the budget is not reached. Repeatable.",
        ),
    ] = None,
    fill: Annotated[
        bool,
        typer.Option(
            help="If the budget is not reached, add images from the same clusters, then random "
            "ones.",
        ),
    ] = False,
    local_scaling: Annotated[
        bool,
        typer.Option(
            help="Rank by similarity corrected for local density (fewer hubs).",
        ),
    ] = False,
    duplicate_cap: Annotated[
        int, typer.Option(metavar="COUNT", help="Maximum images per near-duplicate group.")
    ] = 1,
    max_neighbours: Annotated[
        int, typer.Option(metavar="COUNT", help="Maximum neighbours per target image.")
    ] = 4096,
    min_targets: Annotated[
        int,
        typer.Option(
            metavar="COUNT", help="clusters and --fill: minimum target images in a cluster."
        ),
    ] = 1,
    within_cluster: Annotated[
        str,
        typer.Option(metavar="hash|distance", help="clusters: order of images within a cluster."),
    ] = "hash",
    unfilled_quota: Annotated[
        str,
        typer.Option(
            metavar="leave|donate",
            help="class-balanced: leave the unused quota of a class empty, or donate it to others.",
        ),
    ] = "leave",
    recipe: Annotated[
        Path | None,
        path_option("Recipe: a TOML file of parts with shares, in place of --strategy."),
    ] = None,
    unfilled_part: Annotated[
        str | None,
        typer.Option(
            metavar="leave|donate",
            help="--recipe: leave the seats of a part without further images open (default), or "
            "donate them to the other parts.",
        ),
    ] = None,
    with_target: Annotated[
        bool,
        typer.Option(
            "--with-target",
            help="Begin with the target's own training images (never its test split).",
        ),
    ] = False,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=WEIGHT",
            help="Weight of a target set (pets=2), a class (food/ramen=3) or a target image "
            "(uid:HEX=2), default 1. Repeatable.",
        ),
    ] = None,
    stop_ratio: Annotated[
        float | None,
        typer.Option(
            metavar="RATIO",
            help="Stop instance search after the first round whose mean similarity is below this "
            "share of that of round --stop-round (SimCore: 0.95); --budget is then optional.",
        ),
    ] = None,
    stop_round: Annotated[
        int, typer.Option(metavar="ROUND", help="Round that --stop-ratio compares with.")
    ] = 20,
    filter_text: Annotated[
        str,
        typer.Option(
            "--filter",
            metavar="FILTER",
            help="Use matching pool images only: 'width >= 256 and caption ~ \"red fox\"'.",
        ),
    ] = "",
    guard: Annotated[
        bool, typer.Option(help="Contamination guard: exclude near-duplicates of held-out images.")
    ] = True,
    refill_duplicates: Annotated[
        bool,
        typer.Option(
            "--refill-duplicates",
            help="Let a near-duplicate of a vetoed image be selected in its place.",
        ),
    ] = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Select a subset of the pool for one or several target sets."""
    mixed = RecipeFile(()) if recipe is None else recipe_file.read(recipe)
    settings = SelectionSettings(
        strategy=strategy,
        budget=budget,
        seed=seed,
        floor_percentile=floor,
        expand_percentiles=tuple(expand or ()),
        fill=fill,
        local_scaling=local_scaling,
        max_neighbours=max_neighbours,
        duplicate_cap=duplicate_cap,
        min_targets=min_targets,
        within_cluster=within_cluster,
        unfilled_quota=unfilled_quota,
        recipe=mixed.parts,
        unfilled_part=unfilled_part or mixed.unfilled_part or "leave",
        with_target=with_target or bool(mixed.with_target),
        stop_ratio=stop_ratio,
        stop_round=stop_round,
        weights=weights.parse(weight or ()),
    )
    request = Request(
        tuple(target),
        settings,
        encoder,
        filter_text,
        guard,
        refill_duplicates=refill_duplicates,
        device=device,
    )
    follow.prepare(folder, encoder, device)
    with projects.opened(folder) as project:
        record = selections.select(project, request)
    _show_selection(folder, record, as_json)


def _show_selection(folder: Path, record: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return output.as_json(record)
    return summaries.selection(folder, record)


def update(folder: Dir, selection: SelectionId, as_json: Json = False) -> None:
    """Update a selection to the current pool and decisions, and show added and removed images."""
    with projects.opened(folder) as project:
        encoder = selections.find(project, selection)["encoder_id"]
    follow.prepare(folder, encoder)
    with projects.opened(folder) as project:
        record = selections.update(project, selection)
    _show_selection(folder, record, as_json)


def advise(
    folder: Dir,
    target: Targets,
    budget: Annotated[int | None, typer.Option(help="Budget to assess.")] = None,
    encoder: Encoder = None,
    as_json: Json = False,
) -> None:
    """Advise on the budget: show how similarity decays and where coverage flattens."""
    follow.prepare(folder, encoder)
    request = Request(tuple(target), SelectionSettings(budget=budget or 1), encoder)
    with projects.opened(folder) as project:
        found = selections.advise(project, request)
    if as_json:
        return output.as_json(found)
    return summaries.advice(found)


def report(
    folder: Dir,
    selection: SelectionId,
    labels: Annotated[
        Path | None,
        path_option("CSV file with the true class of pool images (key,label), for scoring only."),
    ] = None,
    second_encoder: Annotated[
        str | None,
        typer.Option(metavar="ENCODER", help="Also measure with this independent encoder."),
    ] = None,
    html: Annotated[
        Path | None,
        path_option(
            "Instead write one HTML file with pictures, figures, provenance and decisions, for "
            "others; must not exist."
        ),
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="--html: include the names of reviewers.")
    ] = False,
    pictures: Annotated[
        int, typer.Option(metavar="COUNT", help="--html: maximum number of pictures.")
    ] = 240,
    as_json: Json = False,
) -> None:
    """Report diagnostics of a selection, or write it as one HTML page for others (--html)."""
    if html is not None:
        with projects.opened(folder) as project:
            written = subset_page.write(project, selection, html, names=names, pictures=pictures)
        return output.as_json(written) if as_json else summaries.page_written(written)
    with projects.opened(folder) as project:
        found = subset_diagnostics.report(project, selection, labels=labels, second=second_encoder)
    if as_json:
        return output.as_json(found)
    return summaries.report(found)


def compare(folder: Dir, first: SelectionId, second: SelectionId, as_json: Json = False) -> None:
    """Compare two selections: count shared images and those in only one of them."""
    with projects.opened(folder) as project:
        found = selections.compared(project, first, second)
    if as_json:
        return output.as_json(found)
    return summaries.comparison(first, second, found)
