"""Commands for training: pretrain, train-encoder, evaluate."""

from typing import Annotated, Any

import typer

from sept_core import errors
from sept_core.cli import evaluation_options as measured
from sept_core.cli import follow, jobs, outcomes, output
from sept_core.cli import training_options as options
from sept_core.cli.jobs import Wait
from sept_core.cli.options import Dir, Json, Seed
from sept_core.pretrain import launch, settings
from sept_core.pretrain.methods import registry as methods
from sept_core.services.curate import manifests
from sept_core.services.data import chain, embedding
from sept_core.services.project import projects
from sept_core.services.train import (
    comparison,
    evaluations,
    own_encoder,
    presets,
    pretraining,
    report,
)
from sept_core.services.train.recipe import Recipe


def pretrain(
    folder: Dir,
    selection: Annotated[
        str | None, typer.Argument(metavar="SELECTION", help="Selection to train on, by id.")
    ] = None,
    manifest: options.Manifest = None,
    preset: options.Preset = None,
    method: options.OptionalMethod = None,
    backbone: options.OptionalBackbone = None,
    steps: options.Steps = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    image_size: options.ImageSize = None,
    init: options.Init = None,
    teacher: options.Teacher = None,
    patience: options.Patience = None,
    log: options.Log = None,
    setting: options.Settings = None,
    seed: Seed = 0,
    run: options.RunName = None,
    on: options.On = "here",
    processes: options.Processes = 1,
    nodes: options.Nodes = 1,
    launch_option: options.LaunchOption = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Pre-train a backbone on a selection or a manifest."""
    if (selection is None) == (manifest is None):
        raise errors.InputError("Give either SELECTION or --manifest PATH.")
    given = _given(
        steps=steps, epochs=epochs, batch_size=batch_size, image_size=image_size, seed=seed,
        init=init, teacher=teacher, patience=patience, log=log,
    )  # fmt: skip
    chosen = presets.recipe(preset, method, backbone, settings.read(setting or ()) | given)
    method, backbone, changes = chosen.method, chosen.backbone, chosen.changes()
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
    method: options.Method = methods.DEFAULT_METHOD,
    backbone: options.Backbone = "resnet18",
    steps: options.Steps = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    image_size: options.ImageSize = None,
    setting: options.Settings = None,
    seed: Seed = 0,
    on: options.On = "here",
    processes: options.Processes = 1,
    nodes: options.Nodes = 1,
    launch_option: options.LaunchOption = None,
    as_json: Json = False,
) -> None:
    """Train an encoder on a random part of the pool, then embed the whole pool with it."""
    given = _given(
        steps=steps, epochs=epochs, batch_size=batch_size, image_size=image_size, seed=seed
    )
    changes = settings.read(setting or ()) | given
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
    run: measured.Runs = None,
    arm: measured.Arms = None,
    budget: measured.Budgets = None,
    method: options.Method = methods.DEFAULT_METHOD,
    backbone: options.Backbone = "resnet18",
    steps: options.Steps = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    image_size: options.ImageSize = None,
    setting: options.Settings = None,
    equal_epochs: measured.EqualEpochs = False,
    without_decisions: measured.WithoutDecisions = False,
    control: measured.Controls = None,
    readout: measured.Readouts = None,
    labels: measured.Labels = None,
    seeds: measured.Seeds = 3,
    draws: measured.Draws = 1,
    on: options.On = "here",
    processes: options.Processes = 1,
    nodes: options.Nodes = 1,
    launch_option: options.LaunchOption = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Evaluate on a labelled target set: compare finished runs, or train arms and compare them."""
    if bool(run) == bool(arm):
        raise errors.InputError("Give either finished runs (--run) or arms to train (--arm).")
    recipe = Recipe(
        method, backbone, steps, epochs, batch_size, image_size, more=settings.read(setting or ()),
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
