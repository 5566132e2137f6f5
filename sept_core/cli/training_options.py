"""Options of the commands that train: `pretrain`, `train-encoder`, `evaluate`, `round`."""

from pathlib import Path
from typing import Annotated

import typer

from sept_core.cli.options import path_option
from sept_core.pretrain import loggers
from sept_core.pretrain.methods import registry as methods
from sept_core.services.train import presets

Method = Annotated[
    str,
    typer.Option(metavar="METHOD", help=f"Pre-training method: {', '.join(methods.METHODS)}."),
]
Backbone = Annotated[
    str,
    typer.Option(
        metavar="BACKBONE", help="A timm model, or resnet10-narrow or resnet10-tiny for CPUs."
    ),
]
OptionalMethod = Annotated[
    str | None,
    typer.Option(
        metavar="METHOD",
        help=f"Pre-training method: {', '.join(methods.METHODS)}. Default: the preset's, or "
        f"{methods.DEFAULT_METHOD}.",
    ),
]
OptionalBackbone = Annotated[
    str | None,
    typer.Option(
        metavar="BACKBONE",
        help="A timm model, or resnet10-narrow or resnet10-tiny for CPUs. Default: the preset's, "
        "or resnet18.",
    ),
]
Steps = Annotated[int | None, typer.Option(help="Number of optimiser steps.")]
Epochs = Annotated[int | None, typer.Option(help="Number of epochs, instead of --steps.")]
BatchSize = Annotated[int | None, typer.Option(help="Batch size in images.")]
ImageSize = Annotated[int | None, typer.Option(help="Width and height of the crops in pixels.")]
Manifest = Annotated[Path | None, path_option("Manifest to train on, instead of a selection.")]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(presets.PRESETS),
        help="Settings that suit this machine; other options change them.",
    ),
]
Init = Annotated[
    str | None,
    typer.Option(
        help="Initial weights: a checkpoint folder, timm (the published weights) or "
        "timm@/path/FILE."
    ),
]
Teacher = Annotated[
    str | None,
    typer.Option(
        metavar="ENCODER",
        help="With method distil: the encoder whose features the backbone learns.",
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        help="End the run, with its best backbone, after this many kNN probes on the target's "
        "training images without a new best. Default: train to the last step.",
    ),
]
Log = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help=f"Also log to {', '.join(loggers.LOGGERS)}; several separated by commas.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Further setting of the training, such as layer_decay=0.75 or augment.jitter=0.1. "
        "Repeatable.",
    ),
]
RunName = Annotated[
    str | None,
    typer.Option(
        "--run", help="Name of the run. Default: chosen from the subset, method and seed."
    ),
]
On = Annotated[
    str, typer.Option(metavar="here|slurm|ray", help="Train on this machine or on a cluster.")
]
Processes = Annotated[
    int, typer.Option(help="Processes per node, usually one per GPU; they share each batch.")
]
Nodes = Annotated[int, typer.Option(help="Number of nodes, with slurm or ray.")]
LaunchOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Option for slurm or ray, such as slurm_partition=gpu (see docs/clusters.md). "
        "Repeatable.",
    ),
]
