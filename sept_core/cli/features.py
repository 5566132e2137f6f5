"""Commands for features: embed, map and `sept features …`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sept_core.cli import follow, lazy, outcomes, output, summaries
from sept_core.cli.options import Device, Dir, Encoder, Json, Seed, path_argument
from sept_core.cli.sources import RETRY_SECONDS, RetryFor
from sept_core.encoders import families
from sept_core.services.data import embedding, feature_import, remote_features
from sept_core.services.explore import map_job
from sept_core.services.project import projects
from sept_core.storage import project_paths

features = lazy.group(help="Import features, or copy them to and from object storage.")

EncoderSpec = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="SPEC",
        help=f"{', '.join(families.SPECS)}. Default: {families.DEFAULT}.",
    ),
]
ValueRange = Annotated[
    list[str] | None,
    typer.Option(
        "--value-range",
        metavar="[KIND=]LOW:HIGH",
        help="Range that 16-bit and float images are scaled from, such as 0:4095 or "
        "uint16=0:4095; auto estimates it from the pool again. Repeatable, once per kind.",
    ),
]
Url = Annotated[
    str,
    typer.Argument(
        metavar="URL",
        help="s3://…, gs://…, another fsspec URL, or a folder.",
        parser=lambda text: str(project_paths.expanded(text)) if text.startswith("~") else text,
    ),
]


def embed(
    folder: Dir,
    encoder: EncoderSpec = None,
    precision: Annotated[
        str, typer.Option(metavar="auto|fp32|bf16", help="Floating-point precision of the encoder.")
    ] = "auto",
    device: Device = "auto",
    seed: Seed = 0,
    retry_for: RetryFor = RETRY_SECONDS,
    renew: Annotated[
        bool,
        typer.Option("--renew", help="Recompute only features made by an earlier decoder version."),
    ] = False,
    value_range: ValueRange = None,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Delete the features of this encoder and recompute all."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Read all new images of the pool and the target sets and compute their features."""
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
    """Compute the UMAP map of the pool and the target sets."""
    with projects.opened(folder) as project:
        job = map_job.start(project, encoder, seed)
    result = follow.to_end(projects.paths_of(folder), job.id)
    if as_json:
        return output.as_json(result)
    return summaries.drawn(result)


@features.command("import")
def features_import(
    folder: Dir,
    path: Annotated[Path, path_argument("PATH", "File or folder with features.")],
    name: Annotated[
        str | None, typer.Option(help="Name for their encoder. Default: the file name.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Target set the features belong to. Default: the pool.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Import features computed elsewhere: .npy with keys, clip-retrieval, DataComp."""
    chosen = name or path.stem
    with projects.opened(folder) as project:
        if target is None:
            result = feature_import.import_pool(project, chosen, path)
        else:
            result = feature_import.import_target(project, chosen, path, target)
    if as_json:
        output.as_json(result)
    outcomes.close_import(folder, path, result, as_json)


@features.command("status")
def features_status(folder: Dir, out: outcomes.Out = None, as_json: Json = False) -> None:
    """List encoders and the rejected rows of imported features."""
    outcomes.show_feature_rows(folder, out, as_json)


@features.command("push")
def features_push(folder: Dir, url: Url, encoder: Encoder = None, as_json: Json = False) -> None:
    """Copy features to object storage, for example for the machines of a cluster."""
    with follow.shards("Copying") as show:
        result = remote_features.push(folder, url, encoder, show)
    _show_copied(result, "to", as_json)


@features.command("pull")
def features_pull(folder: Dir, url: Url, as_json: Json = False) -> None:
    """Copy features from object storage into the project."""
    with follow.shards("Copying") as show:
        result = remote_features.pull(folder, url, show)
    _show_copied(result, "from", as_json)


def _show_copied(result: dict[str, Any], where: str, as_json: bool) -> None:
    if as_json:
        return output.as_json(result)
    return summaries.copied(result, where)
