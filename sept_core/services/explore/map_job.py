"""The map: start the worker that computes it."""

from pathlib import Path

import pyarrow.parquet as pq

from sept_core.catalogue import source_table
from sept_core.features import feature_store
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import atomic, project_paths


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
    return launcher.launch(paths, "map", request, "Drawing the map")


def _target_stores(project: Project, encoder_id: str) -> dict[str, str]:
    """Return the folder by id of each target set that has features for the map."""
    targets = [record.id for record in source_table.every(project.db, "target")]
    folders = {ident: project.paths.target_features(encoder_id, ident) for ident in targets}
    return {
        i: str(folder) for i, folder in folders.items() if len(feature_store.FeatureStore(folder))
    }


def is_fresh(project: Project, encoder_id: str) -> bool:
    """Return True if there is a map of the current features of pool and target sets."""
    folder = project.paths.map(encoder_id)
    if not (folder / project_paths.HEADER).exists():
        return False
    made = atomic.read_json(folder / project_paths.HEADER)
    pool = feature_store.FeatureStore(project.paths.pool_features(encoder_id))
    theirs = _target_stores(project, encoder_id)
    shown = pq.read_metadata(folder / "targets.parquet").num_rows
    same_pool: bool = made["content_id"] == pool.content_id()
    return (
        same_pool
        and theirs.keys() <= made["settings"]["target_stores"].keys()
        and shown >= sum(len(feature_store.FeatureStore(Path(path))) for path in theirs.values())
    )
