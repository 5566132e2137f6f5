"""Artefacts that selection needs besides features, built once per encoder in the background.

Neighbour graph (local scaling, duplicates), calibrated thresholds, duplicate groups. Each belongs
to one state of the pool's features and is rebuilt when that changes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from sept_core import errors
from sept_core.catalogue import image_table, source_table, work_table
from sept_core.features import feature_store
from sept_core.index import formats
from sept_core.ingest import worklists
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.services.data import scaling
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import atomic, hashing, project_paths

FORMATS = {"index": formats.IVF, "graph": formats.GRAPH, "calibrate": 1, "duplicates": 1}
CALIBRATION_SAMPLE = 400
HASH_BITS = 4
"""Maximum distance of perceptual hashes, in bits, of candidate near-duplicates."""


@dataclass(frozen=True)
class Preparation:
    """One derived artefact: `kind` is also the kind of its job and the name of its folder."""

    kind: str
    title: str


EXACT_LIMIT = 2_000_000
"""docs/method.md §4: pools above this size are searched through an index, re-ranked exactly."""

INDEX = Preparation("index", "Index of the pool")
STEPS = (
    Preparation("graph", "Neighbour graph of the pool"),
    Preparation("calibrate", "Calibrating the duplicate threshold"),
    Preparation("duplicates", "Finding near-duplicates"),
)
KINDS = (*(step.kind for step in STEPS), INDEX.kind)


def next_job(
    project: Project, encoder_id: str, device: str = "auto", index_memory: int = formats.MEMORY
) -> JobFolder | None:
    """Launch the first step that is missing or older than the features; None if all are ready.

    Args:
        project: the open project.
        encoder_id: encoder of the features.
        device: device that compares features; "ray" for the machines of a cluster.
        index_memory: memory in MiB that an index may use.

    Raises:
        InputError: no pool image has features under the encoder.
    """
    store = projects.pool_features(project, encoder_id)
    steps = (INDEX, *STEPS) if len(store) > EXACT_LIMIT else STEPS
    for step in steps:
        if not is_fresh(project, encoder_id, step.kind, store):
            return launcher.launch(
                project.paths,
                step.kind,
                _settings(project, encoder_id, step.kind, device, index_memory),
                step.title,
            )
    return None


def is_fresh(
    project: Project, encoder_id: str, kind: str, store: feature_store.FeatureStore
) -> bool:
    """Return True if an artefact exists in this version's format, made from these features."""
    path = project.paths.index(encoder_id, kind) / project_paths.HEADER
    if not path.exists():
        return False
    header = atomic.read_json(path)
    same: bool = header["content_id"] == store.content_id() and header["format"] == FORMATS[kind]
    return same


def _settings(
    project: Project, encoder_id: str, kind: str, device: str, index_memory: int
) -> dict[str, Any]:
    """Return the settings of a step's worker (its module's `Settings`)."""
    paths = project.paths
    out = paths.index(encoder_id, kind)
    common = {"store": str(paths.pool_features(encoder_id)), "out": str(out)}
    if kind == "graph":
        return common | {"device": device}
    if kind == "index":
        targets = [record.id for record in source_table.every(project.db, "target")]
        queries = [str(paths.target_features(encoder_id, target)) for target in targets]
        return common | {"queries": queries, "memory": index_memory}
    common |= {"graph": str(paths.index(encoder_id, "graph"))}
    if kind == "calibrate":
        return common | _calibration_inputs(project, encoder_id)
    hashes = out / "hashes.parquet"
    with atomic.write_then_rename(hashes) as temporary:
        pq.write_table(image_table.hashes(project.db, "pool"), temporary)
    tau = calibration(project, encoder_id)["tau"]
    return common | {"hashes": str(hashes), "tau": tau, "bits": HASH_BITS}


def _calibration_inputs(project: Project, encoder_id: str) -> dict[str, Any]:
    record = feature_store.read_card(project.paths.features(encoder_id))
    sample = project.paths.index(encoder_id, "calibrate") / "sample.parquet"
    pool_ids = [source.id for source in source_table.every(project.db, "pool")]
    worklists.write(
        sample, work_table.fitting_sample(project.db, pool_ids, CALIBRATION_SAMPLE, seed=1)
    )
    return {
        "worklist": str(sample),
        "encoder": None if record["spec"].startswith("imported:") else record["spec"],
        "precision": record["precision"],
        "encoders_folder": str(project.paths.encoders),
        "value_ranges": scaling.current(project).to_json(),
    }


def calibration(project: Project, encoder_id: str) -> dict[str, Any]:
    """Return the calibrated thresholds of an encoder, with both distributions for the plot.

    Raises:
        NotFoundError: the encoder has not been prepared.
    """
    value: dict[str, Any] = atomic.read_json(
        project.paths.index(encoder_id, "calibrate") / project_paths.HEADER
    )
    return value


class GroupsByUid(Mapping[bytes, int]):
    """Duplicate group by uid, of every image with a near-duplicate, in little memory.

    Args:
        uids: (M,) S32, sorted and unique.
        groups: (M,) int64.
    """

    def __init__(self, uids: np.ndarray, groups: np.ndarray) -> None:
        self._uids = uids
        self._groups = groups

    def __getitem__(self, uid: bytes) -> int:
        place = int(hashing.places_among(self._uids, np.asarray(uid)))
        if place < 0:
            raise KeyError(uid)
        return int(self._groups[place])

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._uids.tolist())

    def __len__(self) -> int:
        return len(self._uids)

    def values(self) -> Any:  # faster than a search per key
        return self._groups.tolist()

    def items(self) -> Any:
        return list(zip(self._uids.tolist(), self._groups.tolist(), strict=True))

    def fellows(self, uid: bytes) -> list[bytes]:
        """Return the other images of an image's group, by uid; none if it is in no group."""
        own = self.get(uid)
        if own is None:
            return []
        return [other for other in self._uids[self._groups == own].tolist() if other != uid]


def groups_by_uid(project: Project, encoder_id: str) -> GroupsByUid:
    """Return the duplicate groups of all pool images with a near-duplicate.

    Raises:
        InputError: near-duplicates are out of date because the pool has changed.
    """
    store = feature_store.FeatureStore(project.paths.pool_features(encoder_id))
    if not is_fresh(project, encoder_id, "duplicates", store):
        raise errors.InputError(
            "Near-duplicates are out of date because the pool has changed; prepare it again "
            "(Curate page, or sept prepare)."
        )
    path = project.paths.index(encoder_id, "duplicates") / "groups.parquet"
    return _read_groups(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read_groups(path: Path, written: int) -> GroupsByUid:
    """Read the table, cached until it is `written` again: each view of an image needs it."""
    table = pq.read_table(path)  # ordered by uid
    return GroupsByUid(hashing.uid_array(table["uid"]), table["group"].to_numpy())
