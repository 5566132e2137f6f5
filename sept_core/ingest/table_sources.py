"""Sources that are tables: lists, tables, folders of tables, Hugging Face's imagefolder.

In: a `SourceSpec`. Out: one `FileEntry` for each image that a table holds or names, with its row
as metadata; a row without an image is listed with its reason and line.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from sept_core import errors
from sept_core.archives import archives
from sept_core.filesystem import folders, safe_paths
from sept_core.imaging import outcomes
from sept_core.ingest import listing, readings
from sept_core.ingest.entries import FileEntry, SourceSpec
from sept_core.remote import files
from sept_core.tables import references, tables

METADATA_TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
"""Side-cars of a Hugging Face imagefolder, in its root or in any folder below."""

_WINDOW = 256
"""Rows whose files are looked up at once."""

FILE_NAME = "file_name"
"""The column in which an imagefolder names its files."""


def table(spec: SourceSpec) -> Iterator[FileEntry]:
    """List a list or table: the images inside it, or the files that it names."""
    rel_path = spec.path.name
    if spec.path.is_relative_to(spec.root):
        rel_path = str(spec.path.relative_to(spec.root))
    opener = tables.opener_of(spec.path)
    reading = readings.read(
        opener, spec.path.name, spec.path.parent, spec.root, spec.options, spec.beyond
    )
    taken: set[str] = set()
    for entry in _entries(reading, rel_path, opener, taken):
        is_shard = not entry.member and _is_shard(entry)
        yield from _of_shard(spec, entry, taken) if is_shard else (entry,)


def _is_shard(entry: FileEntry) -> bool:
    """Return whether a file that a list names holds images itself."""
    suffixes = (*archives.SUFFIXES, *tables.SHARD_SUFFIXES)
    is_there = entry.size >= 0 and entry.problem in (None, safe_paths.size_problem(entry.size))
    return is_there and entry.rel_path.lower().endswith(suffixes)


def _of_shard(spec: SourceSpec, entry: FileEntry, taken: set[str]) -> Iterator[FileEntry]:
    """List the images in an archive or a table that a list names."""
    found = folders.Found(entry.rel_path, entry.size, entry.mtime_ns, None)
    if archives.is_archive(entry.rel_path):
        yield from listing.of_archive(spec, found)
        return
    yield from _of_table(spec, found, taken)


def shards(spec: SourceSpec) -> Iterator[FileEntry]:
    """List a folder of tables, or those of a pattern, as one source."""
    taken: set[str] = set()
    for file in readings.shards_of(spec.path, spec.root, spec.beyond):
        yield from (listing.entry(file),) if file.problem else _of_table(spec, file, taken)


def _of_table(spec: SourceSpec, found: folders.Found, taken: set[str]) -> Iterator[FileEntry]:
    """List the rows of one of several tables, or the reason why it cannot be read."""
    opener = functools.partial(listing.open_file, spec.root, found.rel_path, spec.beyond)
    folder = (spec.root / safe_paths.original(found.rel_path)).parent
    try:
        reading = readings.read(
            opener, found.rel_path, folder, spec.root, spec.options, spec.beyond
        )
        yield from _entries(reading, found.rel_path, opener, taken)
    except (errors.SourceError, OSError) as problem:
        yield listing.entry(found, problem=outcomes.of_machine(problem) or str(problem))


def imagefolder(spec: SourceSpec) -> Iterator[FileEntry]:
    """List an imagefolder (Hugging Face): files in metadata tables, then, marked, all others."""
    side_cars = [f.rel_path for f in folders.walk(spec.root, spec.beyond) if is_metadata_table(f)]
    taken = set(side_cars)
    for side_car in side_cars:
        opener = functools.partial(listing.open_file, spec.root, side_car, spec.beyond)
        base = (spec.root / safe_paths.original(side_car)).parent
        reading = readings.Reading(
            tables.open_table(opener, side_car),
            tables.Choice(FILE_NAME, "paths"),
            references.referrer(spec.root, [base], beyond=spec.beyond),
        )
        yield from _entries(reading, side_car, opener, taken, _refuse_upward)
    for found in folders.walk(spec.root, spec.beyond):
        if found.rel_path not in taken:
            yield listing.image(found, {"metadata_row": "missing"})


KINDS = {"list": table, "table": table, "tables": shards, "imagefolder": imagefolder}


def is_metadata_table(found: folders.Found) -> bool:
    """Return whether a file is the side-car of an imagefolder."""
    return found.problem is None and found.rel_path.rpartition("/")[2] in METADATA_TABLES


@dataclass
class _Rows:
    """Turns the rows of one table into entries.

    Attributes:
        rel_path: of the table; rows that lead to no file are listed under it.
        mtime_ns: of the table.
        taken: places that are listed already, of all tables of the source.
        refuse: returns why a name is refused, or None.
    """

    reading: readings.Reading
    rel_path: str
    mtime_ns: int
    taken: set[str]
    refuse: Callable[[str], str | None] = lambda name: None

    def __post_init__(self) -> None:
        choice = self.reading.choice
        self._by_images = choice.holds == "images"
        self._suffix = f":{choice.column}" if self._by_images and not choice.is_usual else ""
        self._lacking = tables.NO_IMAGE if self._by_images else f"no {choice.column} in this row"

    def entries(self) -> Iterator[FileEntry]:
        """Yield one entry for each image of each row, or for its problem."""
        for row, cells in self._prepared():
            if row.problem or not cells:
                yield self._refused(row, None, row.problem or self._lacking)
            else:
                for cell in cells:
                    yield self._entry(row, cell)

    def _prepared(self) -> tables.Cells:
        """Yield the cells of each row, after the referrer has looked up the names of a window."""
        rows = iter(self._cells())
        while window := list(islice(rows, _WINDOW)):
            if not self._by_images:
                named = (cell.name for _, cells in window for cell in cells if cell.name)
                self.reading.referrer.prepare(named)
            yield from window

    def _cells(self) -> tables.Cells:
        table, column = self.reading.table, self.reading.choice.column
        if any(known.name == column for known in table.columns):
            return table.cells(column)
        return ((row, []) for row in table.rows())

    def _entry(self, row: tables.Numbered, cell: tables.Cell) -> FileEntry:
        if cell.is_held and self._by_images:
            place = self._place(row, cell.item)
            return listing.row_entry(self.rel_path, place, row, None, self.mtime_ns)
        if not cell.name:
            return self._refused(row, cell.item, self._lacking)
        if problem := self.refuse(cell.name):
            return self._refused(row, cell.item, problem)
        found, problem = self.reading.referrer.find(cell.name)
        if found is not None and found.rel_path in self.taken:
            problem = f"named before in the same table: {tables.shown(cell.name)}"
            return self._refused(row, cell.item, problem)
        if found is None:
            return self._refused(row, cell.item, problem)
        self.taken.add(found.rel_path)
        return listing.entry(found, listing.clean(row.values), safe_paths.size_problem(found.size))

    def _refused(self, row: tables.Numbered, index: int | None, problem: str | None) -> FileEntry:
        place = self._place(row, index)
        return listing.row_entry(
            self.rel_path, place if self._by_images else f"row {place}", row, problem
        )

    def _place(self, row: tables.Numbered, index: int | None) -> str:
        return f"{row.number}{self._suffix}" + ("" if index is None else f":{index}")


def _entries(
    reading: readings.Reading,
    rel_path: str,
    opener: tables.Opener,
    taken: set[str],
    refuse: Callable[[str], str | None] = lambda name: None,
) -> Iterator[FileEntry]:
    with opener() as file:
        mtime_ns = files.mtime_ns_of(file)
    return _Rows(reading, rel_path, mtime_ns, taken, refuse).entries()


def _refuse_upward(name: str) -> str | None:
    """Refuse names outside the folder of the metadata, as Hugging Face does."""
    slashed = name.replace("\\", "/")
    if slashed.startswith("/") or ".." in slashed.split("/"):
        return f"absolute or upward path refused: {name[:200]!r}"
    return None
