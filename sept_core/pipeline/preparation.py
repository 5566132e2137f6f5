"""What selection needs beside features, made once per encoder in the background.

Neighbour graph (local scaling, duplicates), calibrated thresholds, duplicate groups. Each
belongs to one state of the pool's features and is made again when that changes.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sept_core import features, files, jobs
from sept_core import sources as readers
from sept_core.catalogue import images, sources
from sept_core.jobfolder import JobFolder
from sept_core.pipeline.projects import Project

CALIBRATION_SAMPLE = 400
HASH_BITS = 4
"""Perceptual hashes this near are candidates for being copies."""


@dataclass(frozen=True)
class Preparation:
    """One derived artefact: `kind` is also its job's kind and its folder's name."""

    kind: str
    title: str


STEPS = (
    Preparation("graph", "Neighbour graph of the pool"),
    Preparation("calibrate", "Calibrating the duplicate threshold"),
    Preparation("duplicates", "Finding near-duplicates"),
)


def next_job(project: Project, encoder_id: str) -> JobFolder | None:
    """Launch the first step that is missing or older than the features; None when ready."""
    store = features.FeatureStore(project.paths.pool_features(encoder_id))
    for step in STEPS:
        if not is_fresh(project, encoder_id, step.kind, store):
            return jobs.launch(
                project.paths, step.kind, _settings(project, encoder_id, step.kind), step.title
            )
    return None


def is_fresh(project: Project, encoder_id: str, kind: str, store: features.FeatureStore) -> bool:
    """Whether an artefact is there and was made from these very features."""
    header = project.paths.index(encoder_id, kind) / "header.json"
    return header.exists() and files.read_json(header)["content_id"] == store.content_id()


def _settings(project: Project, encoder_id: str, kind: str) -> dict[str, Any]:
    paths = project.paths
    out = paths.index(encoder_id, kind)
    common = {
        "store": str(paths.pool_features(encoder_id)),
        "graph": str(paths.index(encoder_id, "graph")),
        "out": str(out),
    }
    if kind == "calibrate":
        record = files.read_json(paths.features(encoder_id) / "encoder.json")
        sample = out / "sample.parquet"
        pool_ids = [source.id for source in sources.every(project.db, "pool")]
        readers.write_worklist(
            sample, images.fitting_sample(project.db, pool_ids, CALIBRATION_SAMPLE, seed=1)
        )
        return common | {
            "worklist": str(sample),
            "encoder": record["spec"],
            "precision": record["precision"],
            "encoders_folder": str(paths.encoders),
        }
    if kind == "duplicates":
        hashes = out / "hashes.parquet"
        with files.write_then_rename(hashes) as temporary:
            pq.write_table(images.hashes(project.db, "pool"), temporary)
        tau = calibration(project, encoder_id)["tau"]
        return common | {"hashes": str(hashes), "tau": tau, "bits": HASH_BITS}
    return common


def calibration(project: Project, encoder_id: str) -> dict[str, Any]:
    """The calibrated thresholds of an encoder, with both distributions for the plot."""
    value: dict[str, Any] = files.read_json(
        project.paths.index(encoder_id, "calibrate") / "header.json"
    )
    return value


def duplicate_groups(project: Project, encoder_id: str) -> pa.Table:
    """(uid, group, representative) of every pool image that has a near-duplicate."""
    return pq.read_table(project.paths.index(encoder_id, "duplicates") / "groups.parquet")
