"""Features computed elsewhere: match them to known images, or register images by features alone.

In: files in a layout that `feature_import` reads. Out: feature stores like those of SEPT's
encoders, under the encoder id `imported-NAME-…`.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sept_core import errors
from sept_core import targets as target_layout
from sept_core.catalogue import adopting, place_table, settings, source_table, split_table
from sept_core.features import feature_store, importer
from sept_core.ingest import sources
from sept_core.services.project.project import Project
from sept_core.storage import hashing

FEATURES_KIND = "features"
"""Kind of a source with keys and vectors only, whose images cannot be read."""


def import_pool(project: Project, name: str, path: Path) -> dict[str, Any]:
    """Import features of the pool; the result lists keys without an image (`unmatched`).

    Keys are matched with the paths and own ids of known pool images. If the pool has no readable
    source, they become a new source whose images are `features_only`.

    Raises:
        InputError: the files do not match, or no key matches a known image.
    """
    imported = importer.read(path)
    readable = [s for s in source_table.every(project.db, "pool") if s.spec.kind != FEATURES_KIND]
    if readable:
        uids = importer.match_uids(imported.keys, place_table.keys(project.db, "pool"))
        if not (uids != b"").any():
            raise errors.InputError(
                f"None of the {len(imported)} keys in {path} names a known pool image; embed the "
                "pool once, so that its images are known, or give keys that are their paths."
            )
        source_id = readable[0].id
    else:
        uids = importer.features_only_uids(imported.keys, name)
        source_id = _features_source(project, name, path)
        keys = [str(key) for key in imported.keys]
        known = [uid.decode() for uid in uids.tolist()]
        adopting.add_features_only(project.db, source_id, keys, known)
    stored = _store(project, name, imported, uids, source_id, "pool")
    return stored | {"unmatched": imported.keys[uids == b""].tolist()}


def import_target(project: Project, name: str, path: Path, target: str) -> dict[str, Any]:
    """Import features of a target set; held-out images go to a separate store.

    Raises:
        NotFoundError: there is no such target set.
        InputError: the files do not match, or no key names an image of the target set.
    """
    record = source_table.find(project.db, "target", target)
    imported = importer.read(path)
    uids = importer.match_uids(imported.keys, place_table.keys(project.db, "target", record.id))
    if not (uids != b"").any():
        raise errors.InputError(f"None of the keys in {path} names an image of {target}.")
    parts = {"search": target_layout.SEARCH_SPLITS, "heldout": target_layout.HELDOUT_SPLITS}
    results: dict[str, Any] = {"unmatched": imported.keys[uids == b""].tolist()}
    for part, splits in parts.items():
        inside = split_table.labelled(project.db, record.id, splits)["uid"].to_pylist()
        own = np.where(np.isin(uids, np.array(inside, hashing.UID_DTYPE)), uids, b"")
        collection = f"targets/{record.id}/{part}"
        if (own != b"").any():
            results[part] = _store(project, name, imported, own, record.id, collection)
    return results


def _features_source(project: Project, name: str, path: Path) -> str:
    """Return the id of the source that represents these features."""
    for record in source_table.every(project.db, "pool"):
        if record.name == name:
            return record.id
    whole = path.absolute()
    spec = sources.SourceSpec(name=name, path=whole, kind=FEATURES_KIND, root=whole.parent)
    return source_table.add(project.db, "pool", spec).id


def _store(
    project: Project,
    name: str,
    imported: importer.ImportedFeatures,
    uids: np.ndarray,
    source_id: str,
    collection: str,
) -> dict[str, Any]:
    card = importer.encoder_card(name, imported.dim)
    root = project.paths.features(card["id"])
    feature_store.write_card(root, card)
    counts = importer.write_store(imported, uids, root / collection, card["id"], source_id)
    if counts.stored or counts.duplicates:  # without vectors nothing can be searched
        settings.put(project.db, "encoder", card["id"])
    return {"encoder_id": card["id"], "layout": imported.layout, **asdict(counts)}
