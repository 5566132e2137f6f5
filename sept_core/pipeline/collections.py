"""Sources of the pool and target sets: add, scan again, rename, annotate, remove.

Both are collections of files; `role` says which (`pool` or `target`).
"""

import itertools
import logging
from pathlib import Path

import pyarrow as pa

from sept_core import errors, outcomes
from sept_core import sources as readers
from sept_core import targets as target_layout
from sept_core.catalogue import images, sources
from sept_core.catalogue.connection import transaction
from sept_core.catalogue.sources import ScanReport
from sept_core.pipeline.projects import Project

log = logging.getLogger("sept")

SCAN_BATCH = 50_000


def add(
    project: Project, role: str, name: str, path: Path, options: dict[str, str] | None = None
) -> ScanReport:
    """Register `path` under `name` and list its files; the same name and path scans again.

    Raises:
        SourceError: the path cannot be read as a source, or holds no file at all.
        InputError: the name is taken by another path.
    """
    spec = readers.detect(name, path.absolute(), **(options or {}))
    for record in sources.every(project.db, role):
        if (record.name, record.spec.path) == (name, spec.path):
            return scan(project, role, name)
    listing = _list(role, spec)
    if listing.num_rows == 0:
        raise errors.SourceError(f"{path} holds no files; give a folder or archive with images.")
    record = sources.add(project.db, role, spec)
    return sources.merge_scan(project.db, record.id, listing)


def scan(project: Project, role: str, name: str) -> ScanReport:
    """List a collection's files again: adds what is new, reports what is gone."""
    record = sources.find(project.db, role, name)
    return sources.merge_scan(project.db, record.id, _list(role, record.spec))


def _list(role: str, spec: readers.SourceSpec) -> pa.Table:
    entries = readers.scan(spec)
    if role == "target":  # splits can only be told from the whole layout; target sets are small
        return sources.scan_table(target_layout.assign(list(entries)))
    batches = iter(lambda: list(itertools.islice(entries, SCAN_BATCH)), [])
    tables = [sources.scan_table(batch) for batch in batches]
    return pa.concat_tables(tables) if tables else sources.scan_table([])


def names(project: Project, role: str) -> list[str]:
    """The names of all collections of a role, in the order they were added."""
    return [record.name for record in sources.every(project.db, role)]


def rename(project: Project, role: str, name: str, new_name: str) -> None:
    """Give a collection another name; selections, features and decisions follow."""
    sources.rename(project.db, role, name, new_name)


def move(project: Project, role: str, name: str, path: Path) -> ScanReport:
    """Say where the files of a collection lie now, and list them there.

    What has the size and time that it had keeps its features; the rest is read again.

    Raises:
        NotFoundError: there is no such collection.
        SourceError: the path cannot be read as a source.
        InputError: it is a source of another kind.
    """
    record = sources.find(project.db, role, name)
    options = {key: value for key, value in record.spec.options.items() if key != "root"}
    spec = readers.detect(name, path.absolute(), **options)
    listing = _list(role, spec)
    if listing.num_rows == 0:
        raise errors.SourceError(f"{path} holds no files; name the folder or archive that moved.")
    with transaction(project.db):
        sources.move(project.db, role, name, spec)
        return sources.merge_scan(project.db, record.id, listing)


def annotate(project: Project, role: str, name: str, note: str) -> None:
    """Replace a collection's note."""
    sources.annotate(project.db, role, name, note)


def remove(project: Project, role: str, name: str) -> int:
    """Forget a collection and its files, leaving them on disk; returns how many."""
    return sources.remove(project.db, role, name)


def rejected(project: Project, role: str = "pool") -> pa.Table:
    """Every file that is no image that can be used, with the reason."""
    return sources.with_reason(project.db, role, outcomes.REJECTED)


def unreadable(project: Project, role: str = "pool") -> pa.Table:
    """Every file that cannot be read now, with the reason; it is tried again."""
    return sources.with_reason(project.db, role, outcomes.UNREADABLE)


def featureless(project: Project, role: str = "pool") -> pa.Table:
    """Every place of the images that an encoder gave no features.

    Columns: encoder, source, rel_path, member, reason, uid; by encoder and place.
    """
    return images.featureless_places(project.db, role)


def list_unreadable_again(project: Project, role: str) -> None:
    """Look again at sources with files that listing could not look at; no known image goes.

    A source that cannot be listed now stays as it is.
    """
    for name in sources.out_of_reach(project.db, role):
        record = sources.find(project.db, role, name)
        try:
            listing = _list(role, record.spec)
        except errors.SourceError as problem:
            log.warning("%s: %s", name, str(problem))
            continue
        if listing.num_rows:
            sources.merge_scan(project.db, record.id, listing, only_unreadable=True)


def metadata_fields(project: Project, role: str = "pool") -> list[str]:
    """The columns that came with the files of a role."""
    return images.metadata_fields(project.db, role)
