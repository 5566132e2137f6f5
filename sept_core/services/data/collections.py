"""Sources of the pool and target sets: add, list again, rename, annotate, remove.

Both are collections of files; `role` says which (`pool` or `target`).
"""

import itertools
import logging
from pathlib import Path

import pyarrow as pa

from sept_core import errors
from sept_core.catalogue import image_table, scans, source_table
from sept_core.catalogue.connection import transaction
from sept_core.catalogue.source_table import ScanReport, SourceRecord
from sept_core.imaging import outcomes
from sept_core.ingest import sources
from sept_core.remote import places
from sept_core.services.data import target_layouts
from sept_core.services.data.target_layouts import Listed
from sept_core.services.project.project import Project

log = logging.getLogger("sept")

SCAN_BATCH = 50_000

TABLE_OPTIONS = ("root", "path_column", "image_column")
"""Options that say how a table is read."""


def add(
    project: Project, role: str, name: str, path: Path, options: dict[str, str] | None = None
) -> ScanReport:
    """Register `path` under `name` and list its files; lists again if both are known.

    Args:
        project: the open project.
        role: `pool` or `target`.
        name: name of the collection.
        path: its folder, archive, list or table.
        options: see `sources.detect`; those of an existing collection are kept.

    Raises:
        AmbiguousError: a target set can be read in several ways; nothing was added.
        SourceError: the path cannot be read as a source, or holds no file.
        InputError: the name is taken by another path, or was added with other options.
    """
    _refuse_remote_target(role, path)
    spec = sources.detect(name, path, **(options or {}))
    for record in source_table.every(project.db, role):
        if (record.name, record.spec.path) == (name, spec.path):
            _refuse_other_bands(project, record, spec)
            _check_options(record, spec.options, options or {})
            _refuse_other_options(record, options or {})
            source_table.set_options(project.db, record.id, record.spec.options | spec.options)
            return scan(project, role, name)
    listed = _list(project, role, spec)
    if listed.files.num_rows == 0:
        raise errors.SourceError(
            f"{places.text(path)} holds no files; give a folder or archive with images."
        )
    with transaction(project.db):
        record = source_table.add(project.db, role, listed.spec)
        return _merge(project, record.id, listed)


def _refuse_remote_target(role: str, path: Path) -> None:
    if role == "target" and places.is_remote(path):
        raise errors.SourceError(
            f"{places.text(path)} is remote, and target sets are read from this machine only; copy "
            "it to a folder."
        )


def _refuse_other_options(record: SourceRecord, options: dict[str, str]) -> None:
    other = target_layouts.other_option(record, options)
    if other:
        raise errors.InputError(
            f"{record.name} was added with another {other}; read it again with sept target adopt."
        )


def _refuse_other_bands(
    project: Project, record: source_table.SourceRecord, spec: sources.SourceSpec
) -> None:
    """Refuse other bands: features are stored per image, regardless of the bands."""
    before, now = record.spec.options.get("bands"), spec.options.get("bands")
    if now in (None, before) or not source_table.has_images(project.db, record.id):
        return
    was = f"bands {before}" if before else "the first bands of its files"
    raise errors.InputError(
        f"{record.name} was embedded with {was}; to use bands {now}, remove it, delete the "
        f"folders features and thumbnails of {project.paths.root}, and add it again."
    )


def _check_options(
    record: source_table.SourceRecord, asked: dict[str, str], given: dict[str, str]
) -> None:
    """Refuse other options: a source keeps those of its first listing."""
    for key in given:
        if key in TABLE_OPTIONS and record.spec.options.get(key) != asked[key]:
            raise errors.InputError(
                f"{record.name!r} was added without --{key.replace('_', '-')} {asked[key]}; remove "
                "it and add it again (its features are kept)."
            )


def reading(project: Project, role: str, name: str) -> list[str]:
    """Describe how a list or table is read, in short sentences; empty for other collections."""
    return sources.describe(source_table.find(project.db, role, name).spec)


def scan(project: Project, role: str, name: str) -> ScanReport:
    """List a collection's files again: adds new files, reports missing ones."""
    record = source_table.find(project.db, role, name)
    listed = _list(project, role, record.spec, record)
    with transaction(project.db):
        return _merge(project, record.id, listed)


def _list(
    project: Project, role: str, spec: sources.SourceSpec, record: SourceRecord | None = None
) -> Listed:
    """List the files at a place, in little memory for a pool."""
    if role == "target":  # splits can only be detected from the whole layout; target sets are small
        return target_layouts.listed(project.db, spec, record)
    entries = sources.scan(spec)
    batches = iter(lambda: list(itertools.islice(entries, SCAN_BATCH)), [])
    tables = [scans.scan_table(batch) for batch in batches]
    return Listed(spec, pa.concat_tables(tables) if tables else scans.scan_table([]))


def _merge(project: Project, source_id: str, listed: Listed) -> ScanReport:
    if listed.reading is not None:
        target_layouts.keep(project.db, source_id, listed.spec, listed.reading)
    return scans.merge_scan(project.db, source_id, listed.files)


def adopt(project: Project, name: str, options: dict[str, str] | None = None) -> ScanReport:
    """Detect a target set's layout again, or set it by options.

    Images that move into or out of the held-out splits are embedded again.

    Raises:
        NotFoundError: there is no such target set.
        AmbiguousError: it can be read in several ways; nothing was changed.
    """
    record = source_table.find(project.db, "target", name)
    spec = target_layouts.forgotten(record.spec, options or {})
    listed = _list(project, "target", spec)
    with transaction(project.db):
        return _merge(project, record.id, listed)


def hold_out(project: Project, name: str, share: float) -> ScanReport:
    """Hold out a share of each class of a target set that has no held-out split.

    Raises:
        NotFoundError: there is no such target set.
        AmbiguousError: an earlier version added it, and it can be read in several ways.
        InputError: the share is not between 0 and 1.
    """
    record = source_table.find(project.db, "target", name)
    return adopt(project, name, target_layouts.holding_out(record, share))


def names(project: Project, role: str) -> list[str]:
    """List the names of all collections of a role, in the order they were added."""
    return [record.name for record in source_table.every(project.db, role)]


def rename(project: Project, role: str, name: str, new_name: str) -> None:
    """Rename a collection; selections, features and decisions follow."""
    source_table.rename(project.db, role, name, new_name)


def move(project: Project, role: str, name: str, path: Path) -> ScanReport:
    """Set a new path of a collection, and list its files there.

    Files with unchanged size and time keep their features; the others are read again.

    Raises:
        NotFoundError: there is no such collection.
        SourceError: the path cannot be read as a source.
        InputError: the path is a source of another kind.
    """
    record = source_table.find(project.db, role, name)
    options = {key: value for key, value in record.spec.options.items() if key != "root"}
    _refuse_remote_target(role, path)
    spec = sources.detect(name, path, **options)
    listed = _list(project, role, spec, record)
    if listed.files.num_rows == 0:
        raise errors.SourceError(
            f"{places.text(path)} holds no files; give the folder or archive that moved."
        )
    with transaction(project.db):
        source_table.move(project.db, role, name, spec)
        return _merge(project, record.id, listed)


def annotate(project: Project, role: str, name: str, note: str) -> None:
    """Replace a collection's note."""
    source_table.annotate(project.db, role, name, note)


def remove(project: Project, role: str, name: str) -> int:
    """Remove a collection and its files from the project, not from disk; return their number."""
    target_layouts.forget(project.db, source_table.find(project.db, role, name).id)
    return source_table.remove(project.db, role, name)


def rejected(project: Project, role: str = "pool") -> pa.Table:
    """Return every rejected file, with the reason."""
    return source_table.with_reason(project.db, role, outcomes.REJECTED)


def unreadable(project: Project, role: str = "pool") -> pa.Table:
    """Return every unreadable file, with the reason; they will be retried."""
    return source_table.with_reason(project.db, role, outcomes.UNREADABLE)


def featureless(project: Project, role: str = "pool") -> pa.Table:
    """Return every place of the images without features under an encoder.

    Columns: encoder, source, rel_path, member, reason, uid; by encoder and place.
    """
    return image_table.featureless_places(project.db, role)


def list_unreadable_again(project: Project, role: str) -> None:
    """List again the sources with files that could not be listed; no known image is removed.

    A source that cannot be listed now is unchanged.
    """
    for name in source_table.out_of_reach(project.db, role):
        record = source_table.find(project.db, role, name)
        try:
            listed = _list(project, role, record.spec, record)
        except errors.SourceError as problem:
            log.warning("%s: %s", name, str(problem))
            continue
        if listed.files.num_rows:
            scans.merge_scan(project.db, record.id, listed.files, only_unreadable=True)


def partly_taken(project: Project, role: str = "pool") -> pa.Table:
    """Return the used part of images with more than one picture or more than three bands."""
    return image_table.partly_taken(project.db, role)


def sample(project: Project, role: str, name: str, count: int) -> list[str]:
    """Return uids of some images of a source or target set, for a picture of it."""
    return image_table.sample(project.db, count, role, name)


def metadata_fields(project: Project, role: str = "pool") -> list[str]:
    """List the metadata columns of the files of a role."""
    return image_table.metadata_fields(project.db, role)
