"""The map: start the worker that draws it."""

from pathlib import Path

import pyarrow.parquet as pq

from sept_core import features, files, jobs
from sept_core.catalogue import sources
from sept_core.jobfolder import JobFolder
from sept_core.pipeline import projects
from sept_core.pipeline.projects import Project


def start(project: Project, encoder: str | None = None, seed: int = 0) -> JobFolder:
    """Launch the job that draws the pool's UMAP map with the target sets on it.

    Raises:
        NotFoundError: nothing is embedded with the encoder.
        InputError: it gave no pool image features.
    """
    encoder_id = projects.find_encoder(project, encoder)
    projects.pool_features(project, encoder_id)
    paths = project.paths
    request = {
        "store": str(paths.pool_features(encoder_id)),
        "target_stores": _target_stores(project, encoder_id),
        "out": str(paths.map(encoder_id)),
        "seed": seed,
    }
    return jobs.launch(paths, "map", request, "Drawing the map")


def _target_stores(project: Project, encoder_id: str) -> dict[str, str]:
    """Folder by id of each target set that has features to place on the map."""
    targets = [record.id for record in sources.every(project.db, "target")]
    folders = {ident: project.paths.target_features(encoder_id, ident) for ident in targets}
    return {i: str(folder) for i, folder in folders.items() if len(features.FeatureStore(folder))}


def is_fresh(project: Project, encoder_id: str) -> bool:
    """Whether there is a map of the pool and the target sets as they are embedded now."""
    folder = project.paths.map(encoder_id)
    if not (folder / files.HEADER).exists():
        return False
    made = files.read_json(folder / files.HEADER)
    pool = features.FeatureStore(project.paths.pool_features(encoder_id))
    theirs = _target_stores(project, encoder_id)
    shown = pq.read_metadata(folder / "targets.parquet").num_rows
    same_pool: bool = made["content_id"] == pool.content_id()
    return (
        same_pool
        and theirs.keys() <= made["settings"]["target_stores"].keys()
        and shown >= sum(len(features.FeatureStore(Path(path))) for path in theirs.values())
    )
