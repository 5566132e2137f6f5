"""Listing: every file of a source, one function a kind of source.

In: a `SourceSpec`. Out: one `FileEntry` for each file, in a fixed order; unusable files are listed
with their problem, never dropped. Names, sizes and side-cars are read, images are not.
"""

import functools
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, TypeVar

from sept_core.archives import archives, members, samples
from sept_core.filesystem import folders, safe_paths
from sept_core.imaging import outcomes
from sept_core.ingest.entries import FileEntry, SourceSpec
from sept_core.tables import tables

_MEMBERS, _FILES = 50_000, 1_000
"""Files among which side-cars are matched: archives have any order, folders that of names."""

_WITH_DIRECTORY = (".zip", *tables.SHARD_SUFFIXES)
"""Files of which a listing reads some parts only."""

_USUAL = (".jpg", ".png", ".jpeg", ".JPG", ".JPEG", ".webp", ".json", ".txt")
"""Suffixes that archives never have: most files have one of them."""

_IMAGES, _ODD = _USUAL[:6], ("/.", "\\")
"""Names with one of the first and none of the second have no problem."""


def folder(spec: SourceSpec) -> Iterator[FileEntry]:
    """List every file below a folder, with the side-cars next to images as metadata."""
    walked = folders.walk(spec.root, spec.beyond)
    for files in _windows(walked, _FILES, lambda found: found.rel_path):
        yield from _of_folder(spec, files)


def _of_folder(spec: SourceSpec, files: list[folders.Found]) -> Iterator[FileEntry]:
    cars = [number for number, found in enumerate(files) if _is_side_car(found)]
    if not cars:
        return map(image, files)
    usable = [n for n, found in enumerate(files) if image(found).problem is None]
    return _gathered(
        [(None, found.rel_path) for found in files],
        sorted(set(usable) - set(cars)),
        cars,
        lambda number: _read_side_car(spec, files[number]),
        lambda number, row: image(files[number], row),
    )


def shards(spec: SourceSpec) -> Iterator[FileEntry]:
    """List WebDataset shards: the archives in a folder or of a pattern; or one zip or tar."""
    is_alone = False
    if spec.path == spec.root:
        found = folders.walk(spec.root, spec.beyond)
    else:
        given = str(spec.path)
        is_alone = not folders.is_pattern(given) or folders.exists(spec.path)
        files = [given] if is_alone else folders.expand(given)
        names = (safe_paths.stored(os.path.relpath(file, spec.root)) for file in files)
        found = folders.NamedFiles(spec.root, spec.beyond).look_all(names)
    for file in found:
        if file.problem is None and (is_alone or archives.is_archive(file.rel_path)):
            yield from of_archive(spec, file)
        else:
            problem = archives.unread(file.rel_path) or "not a shard of this source"
            yield entry(file, problem=file.problem or problem)


def img2dataset(spec: SourceSpec) -> Iterator[FileEntry]:
    """List an img2dataset folder: shards `NNNNN.tar` or `NNNNN/`, each with `NNNNN.parquet`."""
    found = folders.walk(spec.root, spec.beyond)
    for _, shard in groupby(found, key=lambda f: _shard_name(f.rel_path)):
        yield from _downloaded(spec, list(shard))


KINDS: dict[str, Callable[[SourceSpec], Iterator[FileEntry]]] = {
    "folder": folder,
    "zip": shards,
    "tar": shards,
    "webdataset": shards,
    "img2dataset": img2dataset,
}


def entry(
    found: folders.Found,
    metadata: Mapping[str, tables.Scalar] | None = None,
    problem: str | None = None,
) -> FileEntry:
    """Return a file's entry with the metadata of its row or side-cars, and its problem if any."""
    values = metadata or {}
    return FileEntry(
        found.rel_path,
        size=found.size,
        mtime_ns=found.mtime_ns,
        source_uid=_own_id(values),
        metadata=values,
        problem=found.problem or problem,
    )


def image(found: folders.Found, metadata: tables.Row | None = None) -> FileEntry:
    """Return the entry of a file that is an image by name and size, or the reason why not."""
    problem = safe_paths.name_problem(found.rel_path) or safe_paths.size_problem(found.size)
    if not found.rel_path.endswith(_USUAL):
        if archives.is_archive(found.rel_path):
            problem = "an archive: add it as a source of its own"
        problem = archives.unread(found.rel_path) or problem
    return entry(found, metadata, problem)


def row_entry(
    table_name: str, member: str, row: tables.Numbered, problem: str | None, mtime_ns: int = 0
) -> FileEntry:
    """Return the entry of a table's row: an image inside it, or the reason why there is none."""
    values = clean(row.values)
    return FileEntry(
        safe_paths.stored(table_name),
        member,
        mtime_ns=mtime_ns,
        source_uid=_own_id(values),
        metadata=values,
        problem=problem,
    )


Listed = TypeVar("Listed", folders.Found, members.Member)


def of_archive(spec: SourceSpec, found: folders.Found) -> Iterator[FileEntry]:
    """List the files in an archive, with the side-cars of an image as its metadata."""
    try:
        with open_file(spec.root, found.rel_path, spec.beyond, found.mtime_ns) as file:
            listed = archives.listed(file, found.rel_path)
            for window in _windows(listed, _MEMBERS, lambda member: member.name):
                yield from _of_window(found, window)
    except OSError as failure:
        yield entry(found, problem=outcomes.of_machine(failure) or f"unreadable: {failure}")


def _of_window(found: folders.Found, window: list[members.Member]) -> Iterator[FileEntry]:
    problems = [member.problem or _member_problem(member.name) for member in window]

    def entry(number: int, row: tables.Row | None = None) -> FileEntry:
        member = window[number]
        return FileEntry(
            found.rel_path,
            member.name,
            member.offset,
            member.size,
            found.mtime_ns,
            _own_id(row) if row else None,
            metadata=row or {},
            problem=problems[number],
        )

    cars = [number for number, member in enumerate(window) if member.text is not None]
    if not cars:
        return map(entry, range(len(window)))
    names = [(_scope(member), members.plain(member.name)) for member in window]
    usable = [n for n, problem in enumerate(problems) if not problem and window[n].text is None]
    return _gathered(names, usable, cars, lambda number: window[number].text, entry)


def _scope(member: members.Member) -> Hashable:
    """Return the scope of a sample, which spans neither joined archives nor repeated names."""
    mark = member.name.partition(members.REPEATED)[2] if "\\" in member.name else ""
    return (member.part, mark) if mark else member.part


def _member_problem(stored: str) -> str | None:
    if stored.endswith(_IMAGES) and stored[0] != "." and not any(map(stored.__contains__, _ODD)):
        return None
    name = members.plain(stored)
    if not name.endswith(_USUAL) and (archives.is_archive(name) or archives.unread(name)):
        return "an archive inside an archive; unpack it first"
    return safe_paths.name_problem(name)


def _windows(
    listed: Iterable[Listed], size: int, name: Callable[[Listed], str]
) -> Iterator[list[Listed]]:
    """Files in turn, `size` or a few more at a time; no sample that lies together is cut."""
    window: list[Listed] = []
    for item in listed:
        if len(window) >= size and samples.key(name(item)) != samples.key(name(window[-1])):
            yield window
            window = []
        window.append(item)
    yield window


def _gathered(
    names: Sequence[samples.Named],
    usable: list[int],
    cars: list[int],
    read: Callable[[int], bytes | None],
    entry: Callable[[int, tables.Row | None], FileEntry],
) -> Iterator[FileEntry]:
    """Yield all files except side-cars with values, whose values become metadata.

    Args:
        names: of all files, each with a scope.
        usable: the numbers of images.
        cars: the numbers of side-cars.
        read: gives the content of one.
        entry: makes the entry of a file.
    """
    said = samples.gather(
        [names[n] for n in usable], [names[n] for n in cars], lambda car: read(cars[car])
    )
    values = {usable[image]: row for image, row in said.values.items()}
    problems = {cars[car]: problem for car, problem in said.problems.items()}
    silent = set(cars) - set(problems)
    for number in range(len(names)):
        if number in problems:
            listed, problem = entry(number, None), problems[number]
            is_orphan = problem == samples.ORPHAN
            yield replace(listed, problem=(is_orphan and listed.problem) or problem)
        elif number not in silent:
            row = values.get(number)
            yield entry(number, clean(row) if row else None)


def _is_side_car(found: folders.Found) -> bool:
    return found.problem is None and members.is_sidecar(found.rel_path, found.size)


def _read_side_car(spec: SourceSpec, found: folders.Found) -> bytes | None:
    try:
        with open_file(spec.root, found.rel_path, spec.beyond) as file:
            return file.read(members.MAX_SIDECAR_BYTES)
    except OSError:
        return None


def _downloaded(spec: SourceSpec, files: list[folders.Found]) -> Iterator[FileEntry]:
    """List one shard of img2dataset: downloaded images, then the rows of failed downloads."""
    side_cars = [
        f for f in files if safe_paths.suffix_of(f.rel_path) == ".parquet" and not f.problem
    ]
    rows: dict[str, tuple[str, tables.Numbered]] = {}
    for side_car in side_cars:
        opener = functools.partial(open_file, spec.root, side_car.rel_path, spec.beyond)
        table = tables.open_table(opener, side_car.rel_path)
        if column := tables.usual_column(table.columns):
            yield from _held(side_car, table.cells(column))
            continue
        for row in table.rows():
            rows[str(row.values.get("key"))] = (side_car.rel_path, row)
    for listed in _files_of_shard(spec, files, has_table=bool(side_cars)):
        key = samples.key(members.plain(listed.member or listed.rel_path))[1]
        if listed.problem is None and key in rows:
            values = clean(rows.pop(key)[1].values)
            problem = _download_problem(values)
            listed = replace(listed, metadata=values, source_uid=_own_id(values), problem=problem)
        yield listed
    for name, row in rows.values():
        problem = _download_problem(row.values) or "missing from its shard"
        yield row_entry(name, f"row {row.number}", row, problem)


def _held(table: folders.Found, cells: tables.Cells) -> Iterator[FileEntry]:
    """List the rows of a shard that contains its images, as `output_format="parquet"` writes it."""
    for row, images in cells:
        problem = _download_problem(row.values)
        if not problem and not any(image.is_held for image in images):
            problem = tables.NO_IMAGE
        yield row_entry(table.rel_path, str(row.number), row, problem, table.mtime_ns)


def _files_of_shard(
    spec: SourceSpec, files: list[folders.Found], has_table: bool
) -> Iterator[FileEntry]:
    consumed = {".parquet", *members.SIDECARS} if has_table else set()
    for file in files:
        if file.problem is None and archives.is_archive(file.rel_path):
            yield from of_archive(spec, file)
        elif file.problem or safe_paths.suffix_of(file.rel_path) not in consumed:
            yield image(file)


def _download_problem(values: Mapping[str, tables.Scalar]) -> str | None:
    status = values.get("status", "success")
    if status == "success":
        return None
    return f"not downloaded: {status} {values.get('error_message') or ''}".strip()[:200]


def _shard_name(rel_path: str) -> str:
    return rel_path.partition("/")[0].partition(".")[0].removesuffix("_stats")


def _own_id(values: Mapping[str, tables.Scalar]) -> str | None:
    """Return the source's own id: DataComp's `uid`, else img2dataset's `key`."""
    own = values.get("uid", values.get("key"))
    return None if own is None else str(own)


def clean(values: Mapping[str, tables.Scalar]) -> dict[str, tables.Scalar]:
    """Return values that any table can hold: text without lone surrogates."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode()
        if isinstance(value, str)
        else value
        for name, value in values.items()
    }


def open_file(
    root: Path, rel_path: str, beyond: tuple[str, ...] = (), mtime_ns: int = 0
) -> BinaryIO:
    """Open a file below a root for listing; see `folders.open_file`."""
    ahead = not rel_path.lower().endswith(_WITH_DIRECTORY)
    return folders.open_file(root, rel_path, beyond, ahead=ahead, mtime_ns=mtime_ns)
