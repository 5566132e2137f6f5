"""The map: start the worker that draws it."""

from typing import Any

from sept_core import features, files, jobs
from sept_core.catalogue import sources
from sept_core.jobfolder import JobFolder
from sept_core.pipeline import projects
from sept_core.pipeline.projects import Project


def start(project: Project, encoder: str | None = None, seed: int = 0) -> JobFolder:
    """Launch the job that draws the pool's UMAP map with the target sets on it.

    Raises:
        NotFoundError: nothing is embedded with the encoder.
    """
    encoder_id = projects.find_encoder(project, encoder)
    paths = project.paths
    stores: dict[str, Any] = {}
    for target in sources.every(project.db, "target"):
        folder = paths.target_features(encoder_id, target.id)
        if len(features.FeatureStore(folder)):
            stores[target.id] = str(folder)
    request = {
        "store": str(paths.pool_features(encoder_id)),
        "target_stores": stores,
        "out": str(paths.map(encoder_id)),
        "seed": seed,
    }
    return jobs.launch(paths, "map", request, "Drawing the map")


def is_fresh(project: Project, encoder_id: str) -> bool:
    """Whether there is a map of the pool as it is embedded now."""
    header = project.paths.map(encoder_id) / "header.json"
    store = features.FeatureStore(project.paths.pool_features(encoder_id))
    return header.exists() and files.read_json(header)["content_id"] == store.content_id()
