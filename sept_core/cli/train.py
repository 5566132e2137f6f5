"""Commands of the Train section: pre-train, evaluate, jobs, demo."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core import errors
from sept_core.cli import follow, outcomes, output, summaries
from sept_core.cli.options import Dir, Json, Seed, path_option
from sept_core.jobs import launcher
from sept_core.pretrain import launch
from sept_core.pretrain.methods import registry as methods
from sept_core.services.curate import subset_diagnostics
from sept_core.services.data import chain, embedding
from sept_core.services.project import demo_project, projects
from sept_core.services.train import (
    evaluation_archive,
    evaluations,
    own_encoder,
    pretraining,
    report,
    studies,
)
from sept_core.storage import commands

job = typer.Typer(no_args_is_help=True, help="One background job.")

JobId = Annotated[str, typer.Argument(metavar="ID", help="A job's id; see sept jobs.")]
Method = Annotated[str, typer.Option(help=f"{', '.join(methods.METHODS)}.")]
Backbone = Annotated[
    str, typer.Option(help="Any timm model, or resnet10-narrow or -tiny for CPUs.")
]
Steps = Annotated[int | None, typer.Option(help="Optimiser steps.")]
Epochs = Annotated[int | None, typer.Option(help="Epochs instead of steps.")]
BatchSize = Annotated[int | None, typer.Option(help="Images a step.")]
ImageSize = Annotated[int | None, typer.Option(help="Side of the views in pixels.")]
On = Annotated[str, typer.Option(help="Who starts the processes: here, slurm or ray.")]
Processes = Annotated[
    int, typer.Option(help="Processes that share each batch, on each node; one a GPU is usual.")
]
Nodes = Annotated[int, typer.Option(help="Machines, for slurm and ray.")]
LaunchOption = Annotated[
    list[str] | None,
    typer.Option(help="For slurm and ray, such as slurm_partition=gpu (docs/clusters.md)."),
]
_ARM_HELP = (
    "An arm to train, baselines first: a strategy of sept select, random-10x, oracle, encoder, a "
    "selection, or NAME=SELECTION, NAME=group:GROUP, NAME=ENCODER (timm:resnet18@/path/FILE)."
)
Wait = Annotated[bool, typer.Option(help="Follow the job to its end.")]


def pretrain(
    folder: Dir,
    selection: Annotated[
        str | None, typer.Argument(metavar="[SELECTION]", help="The subset to train on.")
    ] = None,
    manifest: Annotated[Path | None, path_option("A manifest instead.")] = None,
    method: Method = methods.DEFAULT_METHOD,
    backbone: Backbone = "resnet18",
    steps: Steps = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    image_size: ImageSize = None,
    init: Annotated[
        str | None,
        typer.Option(
            help="Start from a checkpoint's folder, timm (its "
            "published weights) or timm@/path/FILE."
        ),
    ] = None,
    seed: Seed = 0,
    run: Annotated[str | None, typer.Option(help="The run's name.")] = None,
    on: On = "here",
    processes: Processes = 1,
    nodes: Nodes = 1,
    launch_option: LaunchOption = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Pre-train a backbone on a selection or a manifest; killed runs resume exactly."""
    if (selection is None) == (manifest is None):
        raise errors.InputError("Give either a selection or --manifest PATH.")
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
    else:
        assert manifest is not None
        name = run or f"{manifest.name}-{method}-{seed}"
        paths = projects.paths_of(folder)
        started = pretraining.start_manifest(
            paths, manifest, name, method, backbone, changes, where
        )
    _report(folder, started.id, {"run": name}, wait, as_json)


def train_encoder(
    folder: Dir,
    images: Annotated[int, typer.Option(help="Random pool images to train on.")] = 20_000,
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
    """Train an encoder on a random part of the pool, then embed all of it (the paper's step 1)."""
    changes = _given(
        steps=steps, epochs=epochs, batch_size=batch_size, image_size=image_size, seed=seed
    )
    where = _launch(on, processes, nodes, launch_option)
    with projects.opened(folder) as project:
        unread = not projects.encoders(project)
    if unread:  # images must have been read once before some of them can be drawn
        follow.embed(folder, embedding.EmbedSettings())
    follow.prepare(folder, None)
    with projects.opened(folder) as project:
        training = own_encoder.start(project, images, method, backbone, changes, where)
    follow.to_end(projects.paths_of(folder), training.id)
    with projects.opened(folder) as project:
        job = chain.advance(project)
    assert job is not None, "the run has just left its checkpoint"
    result = follow.finish_embedding(folder, job.id)
    outcomes.close_embedding(folder, result, as_json)


def evaluate(
    folder: Dir,
    target: Annotated[str, typer.Option(help="A labelled target set with a test split.")],
    run: Annotated[list[str] | None, typer.Option(help="A finished run to compare.")] = None,
    arm: Annotated[list[str] | None, typer.Option(help=_ARM_HELP)] = None,
    budget: Annotated[
        list[int] | None, typer.Option(help="Images of an arm; several: a sweep.")
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
            help="Also train larger or smaller arms for as many epochs as those of the budget."
        ),
    ] = False,
    without_decisions: Annotated[
        bool, typer.Option(help="Also train each strategy as if nobody had reviewed.")
    ] = False,
    control: Annotated[
        list[str] | None,
        typer.Option(help="Another labelled target set to test the same networks on."),
    ] = None,
    readout: Annotated[list[str] | None, typer.Option(help="knn, linear or finetune.")] = None,
    labels: Annotated[list[str] | None, typer.Option(help="all, 10% or 5-shot.")] = None,
    seeds: Annotated[int, typer.Option(help="How many seeds.")] = 3,
    on: On = "here",
    processes: Processes = 1,
    nodes: Nodes = 1,
    launch_option: LaunchOption = None,
    wait: Wait = True,
    as_json: Json = False,
) -> None:
    """Compare finished runs, or train arms alike and compare them, on a labelled target set."""
    if bool(run) == bool(arm):
        raise errors.InputError("Give either finished runs (--run) or arms to train (--arm).")
    readouts, counts = tuple(readout or evaluations.READOUTS), tuple(labels or ["all"])
    with projects.opened(folder) as project:
        if run:
            asked = evaluations.Request(target, tuple(run), (), readouts, counts, seeds)
            started = evaluations.start(project, asked)
        else:
            study = studies.Study(
                target, tuple(arm or ()), tuple(budget or ()), method, backbone,
                _given(steps=steps, epochs=epochs, batch_size=batch_size, image_size=image_size),
                seeds, readouts, counts, tuple(control or ()), equal_epochs, without_decisions,
                where=_launch(on, processes, nodes, launch_option),
            )  # fmt: skip
            started = studies.start(project, study)
        paths = project.paths
    if not wait:
        return _report(folder, started.id, {}, wait, as_json)
    follow.to_end(paths, started.id)
    found = [
        evaluation_archive.find(paths, name)
        for name in evaluations.evaluations_of(paths, started.id)
    ]
    pages = [report.write(one) for one in found]
    if as_json:
        told = [{"id": one.id, "request": one.request, **one.summary} for one in found]
        return output.as_json({"job": started.id, "evaluations": told})
    for one, page in zip(found, pages, strict=True):
        output.say(f"On {one.request['target']}:")
        for said in (*one.summary["sentences"], *one.summary["notes"]):
            output.say(f"  {said}")
        output.say(f"The report: {page}", to=output.notes)
    return None


def _launch(on: str, processes: int, nodes: int, options: list[str] | None) -> launch.Launch:
    return launch.Launch(on, processes, nodes, launch.read_options(options or ()))


def _given(**values: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in values.items() if value is not None}


def _report(folder: Path, job_id: str, known: dict[str, Any], wait: bool, as_json: bool) -> None:
    """Follow a job and print its result, or only say that it runs."""
    values = known | {"job": job_id}
    if wait:
        values |= follow.to_end(projects.paths_of(folder), job_id)
    if as_json:
        return output.as_json(values)
    if not wait:
        return output.say(f"Launched job {job_id}; see: {commands.line('jobs', folder)}")
    if "images_seen" in values:
        return summaries.trained({"run": job_id} | values)
    return output.say(f"Job {job_id} is done.")


def demo(folder: Dir, as_json: Json = False) -> None:
    """Make a project of drawn pictures to look around in: a few minutes, no network."""
    demo_project.begin(folder)
    paths = projects.paths_of(folder)
    while True:
        with projects.opened(folder) as project:
            step = demo_project.next_job(project)
        if step is None:
            break
        follow.to_end(paths, step.id)
    with projects.opened(folder) as project:
        record = demo_project.curate(project)
        truth = demo_project.layout(paths).truth
        found = subset_diagnostics.report(project, record["id"], labels=truth)
    if as_json:
        return output.as_json(found)
    summaries.report(found)
    output.say("The demo is ready. Look around:")
    for words in _look_around(folder, record["id"]):
        output.say(f"  {commands.line(*words)}")
    return None


def _look_around(folder: Path, selection: str) -> Iterator[tuple[object, ...]]:
    """Commands to try on the demo."""
    yield "app", folder
    yield "status", folder
    yield "pool", "status", folder
    yield "history", folder, "--target", "nature"
    yield "suggest", folder, selection
    yield "select", folder, "--target", "signs-and-charts", "--budget", 300
    yield "export", folder, selection, "--out", "subset"


def list_jobs(folder: Dir, as_json: Json = False) -> None:
    """List background jobs, latest first; works while the project is open elsewhere."""
    found = launcher.all_jobs(projects.paths_of(folder))
    rows = [
        {"id": j.id, "kind": j.kind, "title": j.title, "state": j.state, "reason": j.reason,
         "progress": j.progress}
        for j in found
    ]  # fmt: skip
    if as_json:
        return output.as_json({"jobs": rows})
    columns = ["id", "title", "state", "reason"]
    return output.rows("Jobs", columns, ([row[c] for c in columns] for row in rows))


@job.command("cancel")
def job_cancel(folder: Dir, job_id: JobId, as_json: Json = False) -> None:
    """Ask a job to stop; what it has finished is kept."""
    status = launcher.cancel(projects.paths_of(folder), job_id)
    if as_json:
        return output.as_json({"job": job_id, "state": status.state})
    return output.say(f"{status.title}: {status.state}.")


@job.command("move")
def job_move(
    folder: Dir,
    job_id: JobId,
    place: Annotated[int, typer.Option("--to", help="Place among the waiting jobs, from 1.")] = 1,
    as_json: Json = False,
) -> None:
    """Give a waiting job another place in the queue."""
    order = launcher.move_to(projects.paths_of(folder), job_id, place)
    if as_json:
        return output.as_json({"waiting": [status.id for status in order]})
    return output.rows("Waiting", ["id", "title"], ([job.id, job.title] for job in order))


@job.command("resume")
def job_resume(folder: Dir, job_id: JobId, wait: Wait = True, as_json: Json = False) -> None:
    """Go on with an interrupted job where it stopped."""
    launcher.relaunch(projects.paths_of(folder), job_id)
    _report(folder, job_id, {}, wait, as_json)


@job.command("log")
def job_log(folder: Dir, job_id: JobId, as_json: Json = False) -> None:
    """Print the end of a job's log."""
    paths = projects.paths_of(folder)
    launcher.status(paths, job_id)  # says so when there is no such job
    told = launcher.tail(paths, job_id)
    if as_json:
        return output.as_json({"job": job_id, "log": told.splitlines()})
    return output.say_lines(told) if told else output.say("The log is empty.")
