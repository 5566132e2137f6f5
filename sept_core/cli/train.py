"""Commands for training: pretrain, train-encoder, evaluate."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core import errors
from sept_core.cli import follow, jobs, outcomes, output
from sept_core.cli.jobs import Wait
from sept_core.cli.options import Dir, Json, Seed, path_option
from sept_core.pretrain import launch
from sept_core.pretrain.methods import registry as methods
from sept_core.services.curate import manifests
from sept_core.services.data import chain, embedding
from sept_core.services.project import projects
from sept_core.services.train import comparison, evaluations, own_encoder, pretraining, report
from sept_core.services.train.recipe import Recipe

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
Steps = Annotated[int | None, typer.Option(help="Number of optimiser steps.")]
Epochs = Annotated[int | None, typer.Option(help="Number of epochs, instead of --steps.")]
BatchSize = Annotated[int | None, typer.Option(help="Batch size in images.")]
ImageSize = Annotated[int | None, typer.Option(help="Width and height of the crops in pixels.")]
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
_ARM_HELP = (
    "Arm to train and compare, baselines first: a strategy of sept select, random-10x, oracle, "
    "encoder, curated+target (or another strategy), 'metadata=FILTER', frozen=ENCODER "
    "(timm:resnet18@/path/FILE), continue=ENCODER:ARM, a selection id, NAME=SELECTION, "
    "NAME=group:GROUP or NAME=ENCODER. Repeatable."
)


def pretrain(
    folder: Dir,
    selection: Annotated[
        str | None, typer.Argument(metavar="SELECTION", help="Selection to train on, by id.")
    ] = None,
    manifest: Annotated[
        Path | None, path_option("Manifest to train on, instead of a selection.")
    ] = None,
    method: Method = methods.DEFAULT_METHOD,
    backbone: Backbone = "resnet18",
    steps: Steps = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    image_size: ImageSize = None,
    init: Annotated[
        str | None,
        typer.Option(
            help="Initial weights: a checkpoint folder, timm (the published weights) or "
            "timm@/path/FILE."
        ),
    ] = None,
    seed: Seed = 0,
    run: Annotated[
        str | None,
        typer.Option(help="Name of the run. Default: chosen from the subset, method and seed."),
    ] = None,
    on: On = "here",
    processes: Processes = 1,
    nodes: Nodes = 1,
    launch_option: LaunchOption = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Pre-train a backbone on a selection or a manifest."""
    if (selection is None) == (manifest is None):
        raise errors.InputError("Give either SELECTION or --manifest PATH.")
    changes = _given(
        steps=steps, epochs=epochs, batch_size=batch_size, image_size=image_size, seed=seed,
        init=init,
    )  # fmt: skip
    where = _launch(on, processes, nodes, launch_option)
    if selection is not None:
        name = run or f"{selection}-{method}-{seed}"
        with projects.opened(folder) as project:
            started = pretraining.start_selection(
                project, selection, name, method, backbone, changes, where
            )
            if notice := manifests.notice(project, selection):
                output.say(notice, to=output.notes)
    else:
        assert manifest is not None
        name = run or f"{manifest.name}-{method}-{seed}"
        paths = projects.paths_of(folder)
        started = pretraining.start_manifest(
            paths, manifest, name, method, backbone, changes, where
        )
    jobs.report(folder, started.id, {"run": name}, wait, as_json)


def train_encoder(
    folder: Dir,
    images: Annotated[int, typer.Option(help="Number of random pool images to train on.")] = 20_000,
    method: Method = methods.DEFAULT_METHOD,
    backbone: Backbone = "resnet18",
    steps: Steps = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    image_size: ImageSize = None,
    seed: Seed = 0,
    on: On = "here",
    processes: Processes = 1,
    nodes: Nodes = 1,
    launch_option: LaunchOption = None,
    as_json: Json = False,
) -> None:
    """Train an encoder on a random part of the pool, then embed the whole pool with it."""
    changes = _given(
        steps=steps, epochs=epochs, batch_size=batch_size, image_size=image_size, seed=seed
    )
    where = _launch(on, processes, nodes, launch_option)
    with projects.opened(folder) as project:
        unread = not projects.encoders(project)
    if unread:  # images must have been read once before a sample can be drawn
        follow.embed(folder, embedding.EmbedSettings())
    follow.prepare(folder, None)
    with projects.opened(folder) as project:
        training = own_encoder.start(project, images, method, backbone, changes, where)
    follow.to_end(projects.paths_of(folder), training.id)
    with projects.opened(folder) as project:
        job = chain.advance(project)
    assert job is not None, "the run has just written its checkpoint"
    result = follow.finish_embedding(folder, job.id)
    outcomes.close_embedding(folder, result, as_json)


def evaluate(
    folder: Dir,
    target: Annotated[str, typer.Option(help="Labelled target set with a test split.")],
    run: Annotated[
        list[str] | None, typer.Option(help="Finished run to compare. Repeatable.")
    ] = None,
    arm: Annotated[list[str] | None, typer.Option(help=_ARM_HELP)] = None,
    budget: Annotated[
        list[int] | None, typer.Option(help="Images per arm. Repeat for a sweep over budgets.")
    ] = None,
    method: Method = methods.DEFAULT_METHOD,
    backbone: Backbone = "resnet18",
    steps: Steps = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    image_size: ImageSize = None,
    equal_epochs: Annotated[
        bool,
        typer.Option(
            help="Also train larger and smaller arms for the same number of epochs, not only for "
            "the same number of steps."
        ),
    ] = False,
    without_decisions: Annotated[
        bool, typer.Option(help="Also train each strategy without the review decisions (ablation).")
    ] = False,
    control: Annotated[
        list[str] | None,
        typer.Option(help="Other labelled target set to test the same networks on. Repeatable."),
    ] = None,
    readout: Annotated[
        list[str] | None,
        typer.Option(
            metavar="knn|linear|finetune",
            help="Readout to compute. Repeatable. Default: all three.",
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            metavar="all|10%|5-shot", help="Training labels to use. Repeatable. Default: all."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Number of random seeds.")] = 3,
    draws: Annotated[
        int,
        typer.Option(
            help="Draws of few labels per seed; 20-NN and linear probe are averaged over them."
        ),
    ] = 1,
    on: On = "here",
    processes: Processes = 1,
    nodes: Nodes = 1,
    launch_option: LaunchOption = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Evaluate on a labelled target set: compare finished runs, or train arms and compare them."""
    if bool(run) == bool(arm):
        raise errors.InputError("Give either finished runs (--run) or arms to train (--arm).")
    recipe = Recipe(
        method, backbone, steps, epochs, batch_size, image_size,
        where=_launch(on, processes, nodes, launch_option),
    )  # fmt: skip
    wanted = comparison.Comparison(
        target, tuple(run or ()), tuple(arm or ()), tuple(budget or ()), recipe,
        tuple(readout or evaluations.READOUTS), tuple(labels or ["all"]), seeds,
        tuple(control or ()), equal_epochs, without_decisions, draws,
    )  # fmt: skip
    with projects.opened(folder) as project:
        started = comparison.start(project, wanted)
        paths = project.paths
    if not wait:
        return jobs.report(folder, started.id, {}, wait, as_json)
    follow.to_end(paths, started.id)
    found = comparison.found(paths, started.id)
    pages = [report.write(one) for one in found]
    if as_json:
        results = [{"id": one.id, "request": one.request, **one.summary} for one in found]
        return output.as_json({"job": started.id, "evaluations": results})
    for one, page in zip(found, pages, strict=True):
        output.say(f"On {one.request['target']}:")
        for sentence in (*one.summary["sentences"], *one.summary["notes"]):
            output.say(f"  {sentence}")
        output.say(f"Report: {page}", to=output.notes)
    return None


def _launch(on: str, processes: int, nodes: int, options: list[str] | None) -> launch.Launch:
    return launch.Launch(on, processes, nodes, launch.read_options(options or ()))


def _given(**values: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {name: value for name, value in values.items() if value is not None}
