"""Options of the commands that select: `select`, `round`, `advise`."""

from pathlib import Path
from typing import Annotated

import typer

from sept_core.cli.options import path_option
from sept_core.selection.strategies import STRATEGIES

_STRATEGY_HELP = " ".join(f"{name}: {s.description}" for name, s in STRATEGIES.items())

Budget = Annotated[int | None, typer.Option(help="Number of images to select.")]
Strategy = Annotated[str, typer.Option(metavar="STRATEGY", help=_STRATEGY_HELP)]
Floor = Annotated[
    float | None,
    typer.Option(
        metavar="PERCENTILE",
        help="Minimum similarity of a picked image, as a percentile of the target–pool "
        "similarities.",
    ),
]
Expand = Annotated[
    list[float] | None,
    typer.Option(
        metavar="PERCENTILE",
        help="Lower floor to use if the budget is not reached. Repeatable.",
    ),
]
Fill = Annotated[
    bool,
    typer.Option(
        help="If the budget is not reached, add images from the same clusters, then random ones.",
    ),
]
LocalScaling = Annotated[
    bool, typer.Option(help="Rank by similarity corrected for local density (fewer hubs).")
]
DuplicateCap = Annotated[
    int, typer.Option(metavar="COUNT", help="Maximum images per near-duplicate group.")
]
MaxNeighbours = Annotated[
    int, typer.Option(metavar="COUNT", help="Maximum neighbours per target image.")
]
MinTargets = Annotated[
    int,
    typer.Option(metavar="COUNT", help="clusters and --fill: minimum target images in a cluster."),
]
WithinCluster = Annotated[
    str,
    typer.Option(metavar="hash|distance", help="clusters: order of images within a cluster."),
]
UnfilledQuota = Annotated[
    str,
    typer.Option(
        metavar="leave|donate",
        help="class-balanced: leave the unused quota of a class empty, or donate it to others.",
    ),
]
RecipePath = Annotated[
    Path | None,
    path_option("Recipe: a TOML file of parts with shares, in place of --strategy."),
]
UnfilledPart = Annotated[
    str | None,
    typer.Option(
        metavar="leave|donate",
        help="--recipe: leave the seats of a part without further images open (default), or "
        "donate them to the other parts.",
    ),
]
WithTarget = Annotated[
    bool,
    typer.Option(
        "--with-target",
        help="Begin with the target's own training images (never its test split).",
    ),
]
Weights = Annotated[
    list[str] | None,
    typer.Option(
        "--weight",
        metavar="NAME=WEIGHT",
        help="Weight of a target set (pets=2), a class (food/ramen=3) or a target image "
        "(uid:HEX=2), default 1. Repeatable.",
    ),
]
StopRatio = Annotated[
    float | None,
    typer.Option(
        metavar="RATIO",
        help="Stop instance search after the first round whose mean similarity is below this "
        "share of that of round --stop-round (SimCore: 0.95); --budget is then optional.",
    ),
]
StopRound = Annotated[
    int, typer.Option(metavar="ROUND", help="Round that --stop-ratio compares with.")
]
Filter = Annotated[
    str,
    typer.Option(
        "--filter",
        metavar="FILTER",
        help="Use matching pool images only: 'width >= 256 and caption ~ \"red fox\"'.",
    ),
]
Guard = Annotated[
    bool, typer.Option(help="Contamination guard: exclude near-duplicates of held-out images.")
]
RefillDuplicates = Annotated[
    bool,
    typer.Option(
        "--refill-duplicates",
        help="Let a near-duplicate of a vetoed image be selected in its place.",
    ),
]
