"""Options of `evaluate`: what is compared, and how it is measured."""

from typing import Annotated

import typer

Runs = Annotated[
    list[str] | None, typer.Option("--run", help="Finished run to compare. Repeatable.")
]
Arms = Annotated[
    list[str] | None,
    typer.Option(
        "--arm",
        help="Arm to train and compare, baselines first: a strategy of sept select, random-10x, "
        "oracle, encoder, curated+target (or another strategy), 'metadata=FILTER', frozen=ENCODER "
        "(timm:resnet18@/path/FILE), continue=ENCODER:ARM, a selection id, NAME=SELECTION, "
        "NAME=group:GROUP or NAME=ENCODER. Repeatable.",
    ),
]
Budgets = Annotated[
    list[int] | None,
    typer.Option("--budget", help="Images per arm. Repeat for a sweep over budgets."),
]
EqualEpochs = Annotated[
    bool,
    typer.Option(
        help="Also train larger and smaller arms for the same number of epochs, not only for the "
        "same number of steps."
    ),
]
WithoutDecisions = Annotated[
    bool, typer.Option(help="Also train each strategy without the review decisions (ablation).")
]
Controls = Annotated[
    list[str] | None,
    typer.Option(
        "--control",
        help="Other labelled target set to test the same networks on. Repeatable.",
    ),
]
Readouts = Annotated[
    list[str] | None,
    typer.Option(
        "--readout",
        metavar="knn|linear|finetune",
        help="Readout to compute. Repeatable. Default: all three.",
    ),
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        metavar="all|10%|5-shot", help="Training labels to use. Repeatable. Default: all."
    ),
]
Seeds = Annotated[int, typer.Option(help="Number of random seeds.")]
Draws = Annotated[
    int,
    typer.Option(
        help="Draws of few labels per seed; 20-NN and linear probe are averaged over them."
    ),
]
