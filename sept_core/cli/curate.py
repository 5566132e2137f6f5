"""Commands for selections: prepare, calibrate, advise, select, update, report, compare."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core.cli import follow, output, summaries
from sept_core.cli import selection_options as options
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
from sept_core.selection.strategies import DEFAULT_STRATEGY
from sept_core.services.curate import (
    recipe_file,
    selections,
    subset_diagnostics,
    subset_facts,
    subset_page,
)
from sept_core.services.curate.requests import Request
from sept_core.services.data import preparation
from sept_core.services.project import projects


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
    budget: options.Budget = None,
    strategy: options.Strategy = DEFAULT_STRATEGY,
    encoder: Encoder = None,
    seed: Seed = 0,
    floor: options.Floor = None,
    expand: options.Expand = None,
    fill: options.Fill = False,
    local_scaling: options.LocalScaling = False,
    duplicate_cap: options.DuplicateCap = 1,
    max_neighbours: options.MaxNeighbours = 4096,
    min_targets: options.MinTargets = 1,
    within_cluster: options.WithinCluster = "hash",
    unfilled_quota: options.UnfilledQuota = "leave",
    recipe: options.RecipePath = None,
    unfilled_part: options.UnfilledPart = None,
    with_target: options.WithTarget = False,
    weight: options.Weights = None,
    stop_ratio: options.StopRatio = None,
    stop_round: options.StopRound = 20,
    filter_text: options.Filter = "",
    guard: options.Guard = True,
    refill_duplicates: options.RefillDuplicates = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Select a subset of the pool for one or several target sets."""
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
        **recipe_file.settings(recipe, unfilled_part, with_target),
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
    score: Annotated[
        bool,
        typer.Option(
            "--score", help="First compute the missing validation scores of the studies' runs."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Advise on budget and strategy: similarity by budget, and what the project's studies say."""
    from sept_core.services.train import study_advice  # scipy, which `select` does without

    follow.prepare(folder, encoder)
    request = Request(tuple(target), SelectionSettings(budget=budget or 1), encoder)
    with projects.opened(folder) as project:
        found = selections.advise(project, request)
        for name in target if score else ():
            study_advice.score(project, name)
        wanted = budget or found["flattens_at"]
        studies = [study_advice.advise(project, name, wanted) for name in target]
    if as_json:
        return output.as_json(found | {"studies": [asdict(one) for one in studies]})
    summaries.advice(found)
    return summaries.study_advice(studies)


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
    ] = subset_facts.PICTURES,
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
