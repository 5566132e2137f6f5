"""Sources of the pool and target sets: add, scan again, rename, annotate, remove.

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
    """Register `path` under `name` and list its files; the same name and path scans again.

    Args:
        project: the open project.
        role: `pool` or `target`.
        name: of the collection.
        path: where it lies.
        options: see `sources.detect`; those of a collection that is there already are kept.

    Raises:
        AmbiguousError: a target set can be read in several ways; nothing was added.
        SourceError: the path cannot be read as a source, or holds no file at all.
        InputError: the name is taken by another path, or was added with other options.
    """
    spec = sources.detect(name, path.absolute(), **(options or {}))
    for record in source_table.every(project.db, role):
        if (record.name, record.spec.path) == (name, spec.path):
            _refuse_other_bands(project, record, spec)
            _check_options(record, spec.options, options or {})
            _refuse_other_options(record, options or {})
            source_table.set_options(project.db, record.id, record.spec.options | spec.options)
            return scan(project, role, name)
    listed = _list(project, role, spec)
    if listed.files.num_rows == 0:
        raise errors.SourceError(f"{path} holds no files; give a folder or archive with images.")
    with transaction(project.db):
        record = source_table.add(project.db, role, listed.spec)
        return _merge(project, record.id, listed)


def _refuse_other_options(record: SourceRecord, options: dict[str, str]) -> None:
    other = target_layouts.other_option(record, options)
    if other:
        raise errors.InputError(
            f"{record.name} was added with another {other}; read it again with sept target adopt."
        )


def _refuse_other_bands(
    project: Project, record: source_table.SourceRecord, spec: sources.SourceSpec
) -> None:
    """Features are kept for each image, whichever bands they were made of."""
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
    """Options belong to a source from its first listing on: others would be ignored in silence."""
    for key in given:
        if key in TABLE_OPTIONS and record.spec.options.get(key) != asked[key]:
            raise errors.InputError(
                f"{record.name!r} was added without --{key.replace('_', '-')} {asked[key]}; remove "
                "it and add it again (its features are kept)."
            )


def reading(project: Project, role: str, name: str) -> list[str]:
    """How a collection that is a list or table is read, in short sentences; else nothing."""
    return sources.describe(source_table.find(project.db, role, name).spec)


def scan(project: Project, role: str, name: str) -> ScanReport:
    """List a collection's files again: adds what is new, reports what is gone."""
    record = source_table.find(project.db, role, name)
    listed = _list(project, role, record.spec, record)
    with transaction(project.db):
        return _merge(project, record.id, listed)


def _list(
    project: Project, role: str, spec: sources.SourceSpec, record: SourceRecord | None = None
) -> Listed:
    """The files at a place, in little memory for a pool."""
    if role == "target":  # splits can only be told from the whole layout; target sets are small
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
    """Read a target set anew, as it would be read today or as the options say.

    Images that are held out now and were not, or the reverse, are embedded again.

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
    """The names of all collections of a role, in the order they were added."""
    return [record.name for record in source_table.every(project.db, role)]


def rename(project: Project, role: str, name: str, new_name: str) -> None:
    """Give a collection another name; selections, features and decisions follow."""
    source_table.rename(project.db, role, name, new_name)


def move(project: Project, role: str, name: str, path: Path) -> ScanReport:
    """Say where the files of a collection lie now, and list them there.

    What has the size and time that it had keeps its features; the rest is read again.

    Raises:
        NotFoundError: there is no such collection.
        SourceError: the path cannot be read as a source.
        InputError: it is a source of another kind.
    """
    record = source_table.find(project.db, role, name)
    options = {key: value for key, value in record.spec.options.items() if key != "root"}
    spec = sources.detect(name, path.absolute(), **options)
    listed = _list(project, role, spec, record)
    if listed.files.num_rows == 0:
        raise errors.SourceError(f"{path} holds no files; give the folder or archive that moved.")
    with transaction(project.db):
        source_table.move(project.db, role, name, spec)
        return _merge(project, record.id, listed)


def annotate(project: Project, role: str, name: str, note: str) -> None:
    """Replace a collection's note."""
    source_table.annotate(project.db, role, name, note)


def remove(project: Project, role: str, name: str) -> int:
    """Forget a collection and its files, leaving them on disk; returns how many."""
    target_layouts.forget(project.db, source_table.find(project.db, role, name).id)
    return source_table.remove(project.db, role, name)


def rejected(project: Project, role: str = "pool") -> pa.Table:
    """Every file that is no image that can be used, with the reason."""
    return source_table.with_reason(project.db, role, outcomes.REJECTED)


def unreadable(project: Project, role: str = "pool") -> pa.Table:
    """Every file that cannot be read now, with the reason; it is tried again."""
    return source_table.with_reason(project.db, role, outcomes.UNREADABLE)


def featureless(project: Project, role: str = "pool") -> pa.Table:
    """Every place of the images that an encoder gave no features.

    Columns: encoder, source, rel_path, member, reason, uid; by encoder and place.
    """
    return image_table.featureless_places(project.db, role)


def list_unreadable_again(project: Project, role: str) -> None:
    """Look again at sources with files that listing could not look at; no known image goes.

    A source that cannot be listed now stays as it is.
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
    """What was taken of images that hold more than one picture or more than three bands."""
    return image_table.partly_taken(project.db, role)


def metadata_fields(project: Project, role: str = "pool") -> list[str]:
    """The columns that came with the files of a role."""
    return image_table.metadata_fields(project.db, role)
