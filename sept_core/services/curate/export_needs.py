"""Project data that export formats need besides the manifest: labels, the order of the pool.

In: a selection's record and a format. Out: options of the export worker.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sept_core import targets
from sept_core.catalogue import split_table
from sept_core.export import formats
from sept_core.services.project.project import Project


def of(project: Project, record: Mapping[str, Any], export_format: str) -> dict[str, Any]:
    """Return the options named in the format's `needs`."""
    return {name: _SOURCES[name](project, record) for name in formats.FORMATS[export_format].needs}


def labels(project: Project, record: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels of the training images of the target sets, by uid.

    An image of several target sets has its label in the first that the selection names.
    """
    found: dict[str, str] = {}
    for target_id in reversed(record["target_ids"]):
        rows = split_table.labelled(project.db, target_id, targets.SEARCH_SPLITS)
        pairs = zip(rows["uid"].to_pylist(), rows["label"].to_pylist(), strict=True)
        found |= {uid: label for uid, label in pairs if label}
    return found


def pool_features(project: Project, record: Mapping[str, Any]) -> str:
    """Return the folder of the pool's features that the selection was made from."""
    return str(project.paths.pool_features(record["encoder_id"]))


_SOURCES: dict[str, Callable[[Project, Mapping[str, Any]], Any]] = {
    "labels": labels,
    "pool_features": pool_features,
}
