"""Readings: how a list or table is read, detected once and stored for later listings.

In: the path of a table, or of a folder of them, and the user's options. Out: the column to read by,
the root of the files, and a way to find each.
"""

import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sept_core import errors
from sept_core.filesystem import folders, safe_paths
from sept_core.ingest import entries, listing
from sept_core.remote import places
from sept_core.tables import locating, references, remote_references, tables

_BESIDE = frozenset(
    (".json", ".jsonl", ".md", ".txt", ".csv", ".yaml", ".yml", ".py", ".lock", ".crc", ".rst")
)
"""Suffixes of notes that accompany data sets in tables."""

_MOST_WALKED = 5000
_PROBED_NAMES = 20


@dataclass(frozen=True)
class Reading:
    """An open table, and how it is read."""

    table: tables.Table
    choice: tables.Choice
    referrer: references.Referrer | remote_references.RemoteReferrer


def read(
    opener: tables.Opener,
    name: str,
    folder: Path,
    root: Path,
    options: Mapping[str, str],
    beyond: tuple[str, ...] = (),
) -> Reading:
    """Open a table in a folder and choose the column to read it by.

    Raises:
        SourceError: it is not such a table, or has no such column.
    """
    given = _given(options)
    starts = [given, folder] if given else [folder]
    referrer = references.referrer(root, starts, options.get("prefix", ""), beyond)
    opened = tables.open_table(opener, name, referrer.match)
    choice = tables.choose_column(opened, name, options, referrer.match)
    return Reading(opened, choice, referrer)


def of_source(spec: entries.SourceSpec, opener: tables.Opener, path: Path) -> Reading:
    """Open a table of a source as `read` does, by the source's options."""
    return read(opener, path.name, path.parent, spec.root, spec.options, spec.beyond)


def locate(
    path: Path, kind: str, options: Mapping[str, str], beyond: tuple[str, ...] = ()
) -> tuple[Path, dict[str, str]]:
    """Return the root of a list, table or folder of tables, and the options with the detected ones.

    Raises:
        SourceError: the path is not such a source, or has no column to read it by.
    """
    if kind == "tables":
        return _locate_shards(path, options, beyond)
    if not (folders.is_file(path) and tables.is_table(path.name)):
        raise errors.SourceError(
            f"{places.text(path)} cannot be read as {kind}; omit the kind to have it detected."
        )
    if places.is_remote(path):
        return _locate_remote(path, options)
    given = _given(options)
    opener = tables.opener_of(path)
    try:
        reading = read(opener, path.name, path.parent, Path("/"), options)
    except errors.SourceError:
        if given is None and (below := _folder_below(path, options)):
            return locate(path, kind, {**options, "root": str(below)})
        raise
    choice, found = reading.choice, dict(options)
    if not choice.is_usual:
        found[f"{choice.holds[:-1]}_column"] = choice.column
    if choice.holds == "images":
        return _common(path.parent, given), found | ({"root": str(given)} if given else {})
    location = locating.Location(given or path.parent, options.get("prefix", ""), bool(given))
    if not location.prefix:
        location = locating.locate(reading.table.names(choice.column), path, given)
    if not location.is_found and given is None and (below := _folder_below(path, options)):
        return locate(path, kind, {**options, "root": str(below)})
    return location.root, found | _found_out(location)


def _locate_remote(path: Path, options: Mapping[str, str]) -> tuple[Path, dict[str, str]]:
    """Locate the files of a list or table in object storage or on the web."""
    given = _given(options)
    reading = read(tables.opener_of(path), path.name, path.parent, path.parent, options)
    choice, found = reading.choice, dict(options)
    if not choice.is_usual:
        found[f"{choice.holds[:-1]}_column"] = choice.column
    if choice.holds == "images":
        return path.parent, found
    names = reading.table.names(choice.column)
    return remote_references.root_of(names, given or path.parent), found


def _given(options: Mapping[str, str]) -> Path | None:
    """Return the user's folder, without `..`, since names are joined to it and compared."""
    if "root" not in options:
        return None
    return places.absolute(Path(options["root"]).expanduser())


def _found_out(location: locating.Location) -> dict[str, str]:
    """Return the location of the files as options for later listings."""
    root = {"root": str(location.root)} if location.is_start else {}
    return root | ({"prefix": location.prefix} if location.prefix else {})


def _folder_below(path: Path, options: Mapping[str, str]) -> Path | None:
    """Return the only folder next to a table, or one level lower, in which the first names are
    files.
    """
    table = tables.open_table(tables.opener_of(path), path.name)
    found = [folder for folder in locating.below(path.parent) if _has(folder, table, path, options)]
    return found[0] if len(found) == 1 else None


def _has(folder: Path, table: tables.Table, path: Path, options: Mapping[str, str]) -> bool:
    match = references.Referrer(folder, [folder]).match
    if not any(match(str(column.samples[0])) for column in table.columns if column.samples):
        return False
    try:
        choice = tables.choose_column(table, path.name, options, match)
    except errors.SourceError:
        return False
    names = list(islice(table.names(choice.column), _PROBED_NAMES))
    return choice.holds == "paths" and bool(names) and all(map(match, names))


def _locate_shards(
    path: Path, options: Mapping[str, str], beyond: tuple[str, ...]
) -> tuple[Path, dict[str, str]]:
    """Locate the files by the first readable shard, whose root and options are used for all."""
    home = path if folders.is_folder(path) else Path(folders.without_pattern(str(path)))
    given = _given(options)
    root = _common(home, given)
    failure = errors.SourceError(
        f"{places.text(path)} contains no tables; give a folder that contains some."
    )
    for file in shards_of(path, root, beyond):
        if file.problem:
            continue
        opener = functools.partial(listing.open_file, root, file.rel_path, beyond)
        place = root / safe_paths.original(file.rel_path)
        try:
            reading = read(opener, place.name, place.parent, root, options, beyond)
        except errors.SourceError as problem:
            failure = problem
            continue
        found = dict(options)
        if reading.choice.holds == "paths":
            names = reading.table.names(reading.choice.column)
            if places.is_remote(place):
                return _common(root, remote_references.root_of(names, place.parent)), found
            location = locating.locate(names, place, given)
            found |= _found_out(location)
            root = _common(root, location.root)
        return root, found
    raise failure


def _common(folder: Path, other: Path | None) -> Path:
    return Path(os.path.commonpath([folder, other or folder]))


def describe(spec: entries.SourceSpec) -> list[str]:
    """Describe how a list or table is read, in short phrases; none for other sources.

    Raises:
        SourceError: it can no longer be read.
    """
    if spec.kind not in ("list", "table"):
        return []
    opener = tables.opener_of(spec.path)
    reading = of_source(spec, opener, spec.path)
    choice, found = reading.choice, list(reading.table.notes)
    if not choice.is_usual:
        found.append(f"column of {choice.holds}: {choice.column!r}")
    if choice.others:
        found.append(f"ignored columns of bytes: {', '.join(choice.others)}")
    if "prefix" in spec.options:
        found.append(f"the prefix {spec.options['prefix']} is removed from names")
    if "root" in spec.options and choice.holds == "paths":
        found.append(f"folder of the files: {places.text(spec.root)}")
    return found


def holds_tables(folder: Path, beyond: tuple[str, ...] = ()) -> bool:
    """Return whether a folder is a data set in tables: tables and notes, but no images."""
    has_tables = False
    for file in islice(folders.walk(folder, beyond), _MOST_WALKED):
        name = file.rel_path.rpartition("/")[2]
        suffix = safe_paths.suffix_of(name)
        if tables.is_table(name) and suffix in tables.SHARD_SUFFIXES:
            has_tables = True
        elif not (file.problem or suffix in _BESIDE or name.isupper() or name[:1] == "."):
            return False
    return has_tables


def shards_of(path: Path, root: Path, beyond: tuple[str, ...] = ()) -> Iterator[folders.Found]:
    """Yield the files below a folder, or of a pattern, by their paths below a root.

    Those that are no tables of the path have that problem; in a folder, lists are notes.
    """
    is_folder = folders.is_folder(path)
    for file in _files(path, root, beyond) if is_folder else _matching(path, root, beyond):
        suffix = safe_paths.suffix_of(file.rel_path)
        is_shard = suffix in tables.SHARD_SUFFIXES or (
            not is_folder and tables.is_table(file.rel_path)
        )
        is_usable = file.problem or is_shard
        yield file if is_usable else file._replace(problem="not a table of this source")


def _matching(pattern: Path, root: Path, beyond: tuple[str, ...]) -> Iterator[folders.Found]:
    named = folders.expand(str(pattern))
    names = (safe_paths.stored(os.path.relpath(file, root)) for file in named)
    return folders.NamedFiles(root, beyond).look_all(names)


def _files(folder: Path, root: Path, beyond: tuple[str, ...]) -> Iterator[folders.Found]:
    above = "" if folder == root else safe_paths.stored(f"{folder.relative_to(root)}/")
    return (f._replace(rel_path=above + f.rel_path) for f in folders.walk(folder, beyond))
