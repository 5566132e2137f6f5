"""The command `round`: select, train and score round after round."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core import errors
from sept_core.cli import follow, output
from sept_core.cli.options import Dir, Encoder, Json, Seed
from sept_core.cli.selection_options import Guard, RecipePath, WithTarget
from sept_core.cli.training_options import Backbone, BatchSize, ImageSize, Method, Steps
from sept_core.pretrain.methods import registry as methods
from sept_core.selection import weights
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import DEFAULT_STRATEGY
from sept_core.services.curate import recipe_file
from sept_core.services.project import projects
from sept_core.services.train import round_table, rounds
from sept_core.services.train.recipe import Recipe
from sept_core.services.train.rounds import Plan, Series


def run_round(
    folder: Dir,
    target: Annotated[str, typer.Option(metavar="NAME", help="Labelled target set.")],
    budget: Annotated[int, typer.Option(help="Number of images in each round's subset.")],
    strategy: Annotated[
        str, typer.Option(metavar="STRATEGY", help="Strategy of the selections; see sept select.")
    ] = DEFAULT_STRATEGY,
    recipe: RecipePath = None,
    with_target: WithTarget = False,
    encoder: Encoder = None,
    guard: Guard = True,
    method: Method = methods.DEFAULT_METHOD,
    backbone: Backbone = "resnet18",
    steps: Steps = None,
    batch_size: BatchSize = None,
    image_size: ImageSize = None,
    init: Annotated[
        str | None, typer.Option(help="Initial weights of every round; see sept pretrain.")
    ] = None,
    seed: Seed = 0,
    rounds_wanted: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            metavar="COUNT",
            help="Continue until there are this many rounds. Default: one more, or the "
            "interrupted one.",
        ),
    ] = None,
    ask: Annotated[
        bool,
        typer.Option(
            "--ask", help="Stop after a selection, so that you can review it; the next call trains."
        ),
    ] = False,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS=WEIGHT",
            help="Weight of a class in the round that is selected next, in place of all computed "
            "ones. Repeatable.",
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin again; selections and runs are kept.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Do a round: select with weights for the weakest classes, train, score on training images."""
    settings = SelectionSettings(
        strategy=strategy,
        budget=budget,
        seed=seed,
        **recipe_file.settings(recipe, with_target=with_target),
    )
    training = Recipe(
        method, backbone, steps, batch_size=batch_size, image_size=image_size, seed=seed, init=init
    )
    own = _weights(target, weight)
    follow.prepare(folder, encoder)
    with projects.opened(folder) as project:
        if restart:
            rounds.remove(project, target)
        series = rounds.begin(project, Plan(target, settings, training, encoder, guard))
    series, why = _advance(folder, series, rounds_wanted, ask, own)
    _show(folder, series, why, as_json)


def _weights(target: str, words: list[str] | None) -> dict[str, float] | None:
    """Return the weights of classes by name; None if none are given."""
    if not words:
        return None
    given = weights.parse(f"{target}/{word}" for word in words)
    return {name.partition("/")[2]: value for name, value in given.classes}


def _advance(
    folder: Path, series: Series, wanted: int | None, ask: bool, own: dict[str, float] | None
) -> tuple[Series, str | None]:
    """Do rounds until there are enough; return the series and why it stopped early, if it did."""
    goal = series.complete + 1 if wanted is None else wanted
    is_selected = series.open is not None and series.open.run is not None
    if own is not None and goal <= series.complete + is_selected:
        raise errors.InputError(
            "This call selects no round, so --weight would have no effect; give it with the next "
            "round."
        )
    while series.complete < goal:
        pending = series.open
        if pending is None and (why := rounds.ended(series)):
            return series, why
        if pending is None or pending.run is None:
            with projects.opened(folder) as project:
                series = rounds.select(project, series, own)
            own = None
            if ask and pending is None:
                return series, (
                    f"Review selection {series.rounds[-1].selection} (page Curate), then repeat "
                    "this command to train on it."
                )
        series = _train(folder, series)
    return series, None


def _train(folder: Path, series: Series) -> Series:
    """Train and score the selected round; a finished run is only scored."""
    with projects.opened(folder) as project:
        series, job = rounds.train(project, series)
    follow.to_end(projects.paths_of(folder), job.id)
    with projects.opened(folder) as project:
        return rounds.score(project, series)


def _show(folder: Path, series: Series, why: str | None, as_json: bool) -> None:
    with projects.opened(folder) as project:
        rows = round_table.rows(project, series)
    if as_json:
        found = [dataclasses.asdict(row.round) | _scores(row) for row in rows]
        return output.as_json({"target": series.plan.target, "rounds": found, "stopped": why})
    output.rows(
        f"Rounds of {series.plan.target} (scores of its training images, cross-validated)",
        [head.lower() for head in round_table.HEADS],
        map(round_table.texts, rows),
    )
    if why:
        output.say(why)
    if series.complete > 1 and series.open is None:
        output.say(
            f"Compare with random and with round 1: {round_table.comparison(folder, series)}"
        )
    return None


def _scores(row: round_table.Row) -> dict[str, Any]:
    names = ("score", "interval", "gain", "gain_interval")
    return {name: getattr(row, name) for name in names}
