"""Sources: where images come from, told apart, listed and read.

In: a path that the user gives. Out: a `SourceSpec`, the listing of its files (see `listing` for
each kind), their bytes for any number of threads, and worklists of files to be read.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Generic, Self, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from sept_core import archives, errors, files, folders, images, listing, paths, tables
from sept_core.listing import FileEntry, SourceSpec

__all__ = [
    "WORKLIST_SCHEMA",
    "ByteReader",
    "FileEntry",
    "SourceSpec",
    "detect",
    "read_worklist",
    "scan",
    "write_worklist",
]

Opened = TypeVar("Opened")

OPTIONS = (
    "kind",
    "root",
    "path_column",
    "image_column",
    "layout",
    "split_column",
    "label_column",
    "split_folder",
    "split_fraction",
    "split_group",
    "split_file",
)

WORKLIST_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("root", pa.string(), nullable=False),
        pa.field("rel_path", pa.string(), nullable=False),
        pa.field("member", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("split", pa.string()),
        pa.field("uid", pa.string()),
    ]
)
"""One row a file to be read, in the order of work; offset and size are −1 where unknown."""


def detect(name: str, path: Path, **options: str) -> SourceSpec:
    """Tell what kind of source a path is.

    Args:
        name: what the user calls it.
        path: a folder, zip, tar, list (`.txt`), table (`.csv`, `.jsonl`, `.parquet`), or a
            pattern of shards such as `pool-{00000..00004}.tar`.
        options: `kind` where it should not be guessed; for lists and tables `root` (the folder
            below which their files lie), `path_column` and `image_column`; for target sets those
            of `targets.options`.

    Raises:
        SourceError: there is nothing at the path, or nothing that SEPT can list.
    """
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise errors.SourceError(f"Unknown option {unknown[0]!r}; valid are {', '.join(OPTIONS)}.")
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 (resolve would leave the user's links)
    kind = options.get("kind") or _kind(absolute)
    if kind not in listing.KINDS:
        raise errors.SourceError(f"Unknown kind {kind!r}; valid are {', '.join(listing.KINDS)}.")
    return SourceSpec(name, absolute, kind, _root(absolute, kind, options), options)


def scan(spec: SourceSpec) -> Iterator[FileEntry]:
    """List every file of a source, in the same order each time and in little memory.

    Raises:
        SourceError: the source is gone, or its table cannot be read.
    """
    if not spec.root.is_dir():
        raise errors.SourceError(f"{spec.root} of source {spec.name} is not there; mount it?")
    try:
        yield from listing.KINDS[spec.kind](spec)
    except OSError as problem:
        raise errors.SourceError(f"{spec.path} cannot be listed: {problem.strerror}.") from problem


class ByteReader:
    """Reads the bytes of listed files, from any thread; closes what it opened on leaving `with`.

    Args:
        roots: source name to the folder that its `rel_path`s lie below, on this machine.
    """

    def __init__(self, roots: Mapping[str, Path]) -> None:
        self._roots = dict(roots)
        self._archives = _Recent[archives.ZipReader | archives.TarReader](64)
        self._tables = _Recent[tables.ImageColumn](4)  # they keep row groups of images in memory

    def read(
        self, source: str, rel_path: str, member: str = "", offset: int = -1, size: int = -1
    ) -> bytes:
        """The bytes of one image; offset and size, where known, save looking it up in a tar.

        Raises:
            SourceError: the source is unknown, or the path leads out of its root.
            RejectedImage: this file is missing, unreadable or damaged.
        """
        root = self._roots.get(source)
        if root is None:
            known = ", ".join(sorted(self._roots)) or "none"
            raise errors.SourceError(f"Unknown source {source!r}; known are: {known}.")
        try:
            if not member:
                return _read_file(root, rel_path)
            return self._read_member(root, rel_path, member, offset, size)
        except OSError as problem:
            raise images.RejectedImage(f"unreadable: {problem.strerror or problem}") from problem

    def _read_member(self, root: Path, rel_path: str, member: str, offset: int, size: int) -> bytes:
        def opener() -> BinaryIO:
            return os.fdopen(paths.open_inside(root, rel_path), "rb")

        if archives.is_archive(rel_path):
            archive = self._archives.get(
                (root, rel_path, ""), lambda: archives.open_reader(opener, rel_path)
            )
            return archive.read(member, offset, size)
        row, _, column = member.partition(":")
        if not tables.is_table(rel_path) or not row.isdecimal():
            raise images.RejectedImage(f"unreadable: {rel_path!r} is no archive or table")
        table = self._tables.get(
            (root, rel_path, column),
            lambda: tables.ImageColumn(opener, rel_path, column or None),
        )
        return table.read(int(row))

    def close(self) -> None:
        """Close every archive and table; reading again opens them anew."""
        self._archives.clear()
        self._tables.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def write_worklist(path: Path, table: pa.Table) -> None:
    """Write a worklist whole or not at all.

    Raises:
        ArrowInvalid, KeyError: a column of `WORKLIST_SCHEMA` is missing or of another type.
    """
    with files.write_then_rename(path) as temporary:
        pq.write_table(table.select(WORKLIST_SCHEMA.names).cast(WORKLIST_SCHEMA), temporary)


def read_worklist(path: Path) -> pa.Table:
    """Read a worklist, with the columns of `WORKLIST_SCHEMA`.

    Raises:
        NotFoundError: the file is not there.
        IntegrityError: it is no worklist.
    """
    try:
        return pq.read_table(path, schema=WORKLIST_SCHEMA)
    except FileNotFoundError:
        raise errors.NotFoundError(f"{path} does not exist.") from None
    except (pa.ArrowException, OSError) as problem:
        raise errors.IntegrityError(f"{path} is not a worklist ({problem}).") from problem


class _Recent(Generic[Opened]):
    """Keeps the last few opened things; what falls out closes when its last reader is done."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[Path, str, str], Opened] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[Path, str, str], make: Callable[[], Opened]) -> Opened:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = make()
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return self._kept[key]

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


def _read_file(root: Path, rel_path: str) -> bytes:
    with os.fdopen(paths.open_inside(root, rel_path), "rb", buffering=0) as file:
        if problem := paths.size_problem(os.fstat(file.fileno()).st_size):
            raise images.RejectedImage(problem)
        return file.read()


def _kind(path: Path) -> str:
    """The kind of source that a path looks like."""
    if path.is_dir():
        return _kind_of_folder(path)
    if not path.exists():
        if folders.is_pattern(str(path)):
            return "webdataset"
        raise errors.SourceError(f"{path} does not exist.")
    if archives.is_archive(path.name):
        return "zip" if paths.suffix_of(path.name) == ".zip" else "tar"
    if tables.is_table(path.name):
        return "list" if paths.suffix_of(path.name) == ".txt" else "table"
    raise errors.SourceError(
        f"{path} is neither a folder nor a zip, tar, tar.gz, txt, csv, jsonl or parquet file."
    )


def _kind_of_folder(path: Path) -> str:
    """By what lies at its top: metadata tables, then shards, else it is a plain folder."""
    try:
        with os.scandir(path) as items:
            top = {item.name: item.is_dir(follow_symlinks=False) for item in items}
    except OSError as problem:
        raise errors.SourceError(f"{path} cannot be listed: {problem.strerror}.") from problem
    places = ["", *(f"{name}/" for name, is_folder in sorted(top.items()) if is_folder)]
    metadata = (place + name for place in places for name in listing.METADATA_TABLES)
    if any(_has_columns(path, name, "file_name") for name in metadata):
        return "imagefolder"
    names = sorted(name for name, is_folder in top.items() if not is_folder)
    by_suffix = {paths.suffix_of(name): name for name in names}
    if ".parquet" in by_suffix and _has_columns(path, by_suffix[".parquet"], "key", "status"):
        return "img2dataset"
    is_nested = any(folder and not name.startswith(".") for name, folder in top.items())
    is_shards = not is_nested and any(map(archives.is_archive, names))
    return "webdataset" if is_shards and not paths.IMAGE_SUFFIXES & set(by_suffix) else "folder"


def _has_columns(root: Path, rel_path: str, *names: str) -> bool:
    try:
        with os.fdopen(paths.open_inside(root, paths.stored(rel_path)), "rb") as file:
            return set(names) <= set(tables.columns(file, rel_path).scalars)
    except (OSError, errors.SourceError):
        return False


def _root(path: Path, kind: str, options: Mapping[str, str]) -> Path:
    """The folder that a source's files lie below, after checking that kind and path agree."""
    if kind in ("folder", "img2dataset", "imagefolder"):
        fits = path.is_dir()
    elif kind in ("list", "table"):
        fits = path.is_file() and tables.is_table(path.name)
    else:
        fits = path.is_dir() or archives.is_archive(path.name)
    if not fits:
        raise errors.SourceError(f"{path} cannot be read as {kind}; leave the kind to SEPT.")
    if kind not in ("list", "table"):
        return path if path.is_dir() else Path(folders.without_pattern(str(path)))
    return Path(options["root"]).absolute() if "root" in options else _common(path, options)


def _common(path: Path, options: Mapping[str, str]) -> Path:
    """The table's own folder if it holds all the files that are named, else their common parent."""
    with path.open("rb") as file:
        _, column = tables.choose_columns(file, path.name, options)
        if column is None:
            return path.parent
        file.seek(0)
        rows = tables.rows(file, path.name)
        names = (str(row.values[column]) for row in rows if row.values.get(column))
        found = {os.path.dirname(os.path.join(path.parent, name)) for name in names}  # noqa: PTH118, PTH120
    if not found:
        return path.parent
    common = Path(os.path.commonpath([os.path.normpath(folder) for folder in found]))
    return path.parent if common.is_relative_to(path.parent) else common
