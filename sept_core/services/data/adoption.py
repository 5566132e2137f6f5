"""Adoption: read the outcomes that finished workers stored with their features.

In: an open project. Out: up-to-date `files` and `images` in its catalogue.
"""

from sept_core.catalogue import adopting
from sept_core.features import feature_store
from sept_core.services.data import scaling
from sept_core.services.project.project import Project
from sept_core.storage import atomic


def adopt_all(project: Project) -> int:
    """Store the outcomes of all encoders' new shards in the catalogue; return how many shards.

    Imported features have no outcomes of files, only images without a usable vector.
    """
    adopted, ranges = 0, scaling.current(project)
    for card in project.paths.cards():
        of_files = atomic.read_json(card)["kind"] != "imported"
        folders = {path.parent for path in card.parent.glob("**/[0-9]*.json")}
        for folder in sorted(folders):
            name = folder.relative_to(project.paths.root).as_posix()
            store = feature_store.FeatureStore(folder)
            adopted += adopting.adopt(project.db, store, name, ranges, of_files=of_files)
    adopting.settle(project.db)
    return adopted
