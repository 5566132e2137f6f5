"""Sources that are tables: lists, tables, folders of tables, Hugging Face's imagefolder.

In: a `SourceSpec`. Out: one `FileEntry` for each image that a table holds or names, with its row
as metadata; a row that leads to none is listed with its reason and line.
"""

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sept_core import errors, folders, listing, locating, paths, references, tables
from sept_core.listing import FileEntry, SourceSpec

METADATA_TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
"""Side-cars of a Hugging Face imagefolder, in its root or in any folder below."""

_BESIDE = frozenset(
    (".json", ".jsonl", ".md", ".txt", ".csv", ".yaml", ".yml", ".py", ".lock", ".crc", ".rst")
)
"""What data sets in tables have beside them."""

_MOST_WALKED = 5000
_PROBED_NAMES = 20

FILE_NAME = "file_name"
"""The column in which an imagefolder names its files."""


@dataclass(frozen=True)
class Reading:
    """One table, opened, and how it is read."""

    table: tables.Table
    choice: tables.Choice
    referrer: references.Referrer


def table(spec: SourceSpec) -> Iterator[FileEntry]:
    """A list or table: the images inside it, or the files that it names."""
    rel_path = spec.path.name
    if spec.path.is_relative_to(spec.root):
        rel_path = str(spec.path.relative_to(spec.root))
    opener = functools.partial(spec.path.open, "rb")
    reading = read(opener, spec.path.name, spec.path.parent, spec.root, spec.options)
    yield from _entries(reading, rel_path, opener, set())


def shards(spec: SourceSpec) -> Iterator[FileEntry]:
    """A folder of tables, or those that a pattern names, as one source."""
    taken: set[str] = set()
    for file in files_of(spec.path, spec.root):
        if file.problem or not _is_shard(file.rel_path, spec.path):
            yield listing.entry(file, problem=file.problem or "not a table of this source")
            continue
        opener = functools.partial(listing.open_file, spec.root, file.rel_path)
        path = spec.root / paths.original(file.rel_path)
        try:
            reading = read(opener, file.rel_path, path.parent, spec.root, spec.options)
            yield from _entries(reading, file.rel_path, opener, taken)
        except errors.SourceError as problem:
            yield listing.entry(file, problem=str(problem))


def imagefolder(spec: SourceSpec) -> Iterator[FileEntry]:
    """Hugging Face: the files that metadata tables name, then, marked, what they leave out."""
    side_cars = [f.rel_path for f in folders.walk(spec.root) if is_metadata_table(f)]
    taken = set(side_cars)
    for side_car in side_cars:
        opener = functools.partial(listing.open_file, spec.root, side_car)
        base = (spec.root / paths.original(side_car)).parent
        reading = Reading(
            tables.open_table(opener, side_car),
            tables.Choice(FILE_NAME, "paths"),
            references.Referrer(spec.root, [base]),
        )
        yield from _entries(reading, side_car, opener, taken, _refuse_upward)
    for found in folders.walk(spec.root):
        if found.rel_path not in taken:
            yield listing.image(found, {"metadata_row": "missing"})


KINDS = {"list": table, "table": table, "tables": shards, "imagefolder": imagefolder}


def read(
    opener: tables.Opener, name: str, folder: Path, root: Path, options: Mapping[str, str]
) -> Reading:
    """Open a table in a folder and choose the column to read it by.

    Raises:
        SourceError: it is not such a table, or has no such column.
    """
    named_root = [Path(options["root"]).absolute()] if "root" in options else []
    referrer = references.Referrer(root, [*named_root, folder], options.get("prefix", ""))
    opened = tables.open_table(opener, name, referrer.match)
    choice = tables.choose_column(opened, name, options, referrer.match)
    return Reading(opened, choice, referrer)


def locate(path: Path, kind: str, options: Mapping[str, str]) -> tuple[Path, dict[str, str]]:
    """The root of a list, table or folder of tables; and the options with what was found out.

    Raises:
        SourceError: the path is no such source, or has no column to read it by.
    """
    if kind == "tables":
        return _locate_shards(path, options)
    if not (path.is_file() and tables.is_table(path.name)):
        raise errors.SourceError(f"{path} cannot be read as {kind}; leave the kind to SEPT.")
    given = Path(options["root"]).absolute() if "root" in options else None
    opener = functools.partial(path.open, "rb")
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
        return _common(path.parent, given), found
    location = locating.locate(reading.table.names(choice.column), path, given)
    if not location.is_found and given is None and (below := _folder_below(path, options)):
        return locate(path, kind, {**options, "root": str(below)})
    return location.root, found | _found_out(location)


def _found_out(location: locating.Location) -> dict[str, str]:
    """Where the files lie, as options that later listings follow."""
    root = {"root": str(location.root)} if location.is_start else {}
    return root | ({"prefix": location.prefix} if location.prefix else {})


def _folder_below(path: Path, options: Mapping[str, str]) -> Path | None:
    """The only folder beside a table, or one level lower, in which the first names are files."""
    table = tables.open_table(functools.partial(path.open, "rb"), path.name)
    found = [folder for folder in locating.below(path.parent) if _has(folder, table, path, options)]
    return found[0] if len(found) == 1 else None


def _has(folder: Path, table: tables.Table, path: Path, options: Mapping[str, str]) -> bool:
    match = references.Referrer(folder, [folder]).match
    try:
        choice = tables.choose_column(table, path.name, options, match)
    except errors.SourceError:
        return False
    names = list(islice(table.names(choice.column), _PROBED_NAMES))
    return choice.holds == "paths" and bool(names) and all(map(match, names))


def _locate_shards(path: Path, options: Mapping[str, str]) -> tuple[Path, dict[str, str]]:
    """The first shard that can be read speaks for all; if none can, it says why."""
    home = path if path.is_dir() else Path(folders.without_pattern(str(path)))
    given = Path(options["root"]).absolute() if "root" in options else None
    root = _common(home, given)
    failure = errors.SourceError(f"{path} holds no tables.")
    for file in files_of(path, root):
        if file.problem or not _is_shard(file.rel_path, path):
            continue
        opener = functools.partial(listing.open_file, root, file.rel_path)
        place = root / paths.original(file.rel_path)
        try:
            reading = read(opener, place.name, place.parent, root, options)
        except errors.SourceError as problem:
            failure = problem
            continue
        found = dict(options)
        if reading.choice.holds == "paths":
            names = reading.table.names(reading.choice.column)
            location = locating.locate(names, place, given)
            found |= _found_out(location)
            root = _common(root, location.root)
        return root, found
    raise failure


def _common(folder: Path, other: Path | None) -> Path:
    return Path(os.path.commonpath([folder, other or folder]))


def holds_tables(folder: Path) -> bool:
    """Whether a folder is a data set in tables: some, and beside them notes, but no images."""
    has_tables = False
    for file in islice(folders.walk(folder), _MOST_WALKED):
        name = file.rel_path.rpartition("/")[2]
        suffix = paths.suffix_of(name)
        if tables.is_table(name) and suffix in tables.SHARD_SUFFIXES:
            has_tables = True
        elif not (file.problem or suffix in _BESIDE or name.isupper()):
            return False
    return has_tables


def files_of(path: Path, root: Path) -> Iterator[folders.Found]:
    """The files below a folder, or those that a pattern names."""
    if path.is_dir():
        return folders.walk(root)
    look = folders.NamedFiles(root).look
    named = folders.expand(str(path))
    return (look(paths.stored(os.path.relpath(file, root))) for file in named)


def _is_shard(rel_path: str, path: Path) -> bool:
    """Whether a file is one of the tables; other lists beside them are notes."""
    suffix = paths.suffix_of(rel_path)
    return suffix in tables.SHARD_SUFFIXES or (not path.is_dir() and tables.is_table(rel_path))


def is_metadata_table(found: folders.Found) -> bool:
    """Whether a file is the side-car of an imagefolder."""
    return found.problem is None and found.rel_path.rpartition("/")[2] in METADATA_TABLES


def describe(spec: SourceSpec) -> list[str]:
    """How a list or table is read, in short sentences; nothing of other sources.

    Raises:
        SourceError: it cannot be read any more.
    """
    if spec.kind not in ("list", "table"):
        return []
    opener = functools.partial(spec.path.open, "rb")
    reading = read(opener, spec.path.name, spec.path.parent, spec.root, spec.options)
    choice, found = reading.choice, list(reading.table.notes)
    if len(reading.table.columns) > 1:
        found.append(f"{choice.holds} are in the column {choice.column!r}")
    if choice.others:
        found.append(f"other columns of images are not read: {', '.join(choice.others)}")
    if "prefix" in spec.options:
        found.append(f"what names begin with, {spec.options['prefix']}, is cut off")
    if "root" in spec.options and choice.holds == "paths":
        found.append(f"files are looked for in {spec.root}")
    return found


@dataclass
class _Rows:
    """Turns the rows of one table into entries.

    Attributes:
        rel_path: of the table; rows that lead to no file are listed under it.
        mtime_ns: of the table.
        taken: places that are listed already, of all tables of the source.
        refuse: why a name is not looked at, or None.
    """

    reading: Reading
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
        """One entry for each image of each row, or for its problem."""
        for row, cells in self._cells():
            if row.problem or not cells:
                yield self._refused(row, None, row.problem or self._lacking)
            else:
                for cell in cells:
                    yield self._entry(row, cell)

    def _cells(self) -> tables.Cells:
        table, column = self.reading.table, self.reading.choice.column
        if any(known.name == column for known in table.columns):
            return table.cells(column)
        return ((row, []) for row in table.rows())

    def _entry(self, row: tables.Numbered, cell: tables.Cell) -> FileEntry:
        if cell.is_held and self._by_images:
            place = self._place(row, cell.index)
            return listing.row_entry(self.rel_path, place, row, None, self.mtime_ns)
        if not cell.name:
            return self._refused(row, cell.index, self._lacking)
        if problem := self.refuse(cell.name):
            return self._refused(row, cell.index, problem)
        found, problem = self.reading.referrer.find(cell.name)
        if found is not None and found.rel_path in self.taken:
            problem = f"named before in the same table: {tables.shown(cell.name)}"
            return self._refused(row, cell.index, problem)
        if found is None:
            return self._refused(row, cell.index, problem)
        self.taken.add(found.rel_path)
        return listing.entry(found, listing.clean(row.values), paths.size_problem(found.size))

    def _refused(self, row: tables.Numbered, index: int | None, problem: str | None) -> FileEntry:
        place = self._place(row, index)
        return listing.row_entry(
            self.rel_path, place if self._by_images else f"row {place}", row, problem
        )

    def _place(self, row: tables.Numbered, index: int | None) -> str:
        return f"{row.number}{self._suffix}" + ("" if index is None else f":{index}")


def _entries(
    reading: Reading,
    rel_path: str,
    opener: tables.Opener,
    taken: set[str],
    refuse: Callable[[str], str | None] = lambda name: None,
) -> Iterator[FileEntry]:
    with opener() as file:
        mtime_ns = os.fstat(file.fileno()).st_mtime_ns
    return _Rows(reading, rel_path, mtime_ns, taken, refuse).entries()


def _refuse_upward(name: str) -> str | None:
    """Hugging Face takes relative names below the metadata's own folder only."""
    if name.startswith("/") or ".." in name.split("/"):
        return f"absolute or upward path refused: {name[:200]!r}"
    return None
