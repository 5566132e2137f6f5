"""Sources: the places of images, detected, listed and read.

In: a path from the user. Out: a `SourceSpec`, the listing of its files (see `listing` for each
kind), and their bytes for any number of threads.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from sept_core import errors
from sept_core.archives import archives
from sept_core.filesystem import folders, remote_folders, roots, safe_paths
from sept_core.imaging import images, outcomes
from sept_core.ingest import candidates, listing, readings, table_sources
from sept_core.ingest.entries import FileEntry, SourceSpec
from sept_core.remote import failures, files, hub_datasets, places, requests
from sept_core.storage.recent import Recent
from sept_core.tables import tables

__all__ = [
    "ByteReader",
    "FileEntry",
    "SourceSpec",
    "describe",
    "detect",
    "scan",
]

_Container = tuple[Path, str]
"""Root and relative path of a file that holds images."""

_LOOKED_AT = 4096
_LOOKED_INTO = 1 << 24
"""Larger files are read only if their first bytes are those of an image."""

OPTIONS = (
    "kind",
    "root",
    "prefix",
    "path_column",
    "image_column",
    roots.FOLLOW_LINKS,
    "only_suffix",
    "bands",
    "layout",
    "split_column",
    "label_column",
    "split_folder",
    "split_fraction",
    "split_group",
    "split_file",
)

KINDS: dict[str, Callable[[SourceSpec], Iterator[FileEntry]]] = {
    **listing.KINDS,
    **table_sources.KINDS,
}


def detect(name: str, path: Path, **options: str) -> SourceSpec:
    """Detect the kind of source at a path.

    Args:
        name: what the user calls it.
        path: a folder, zip, tar, list (`.txt`), table (`.csv`, `.jsonl`, `.parquet`, …), or a
            pattern of shards such as `pool-{00000..00004}.tar` or `train-*.parquet`.
        options: `kind` where it should not be guessed; `follow_links` where links may lead
            anywhere; for lists and tables `root` (the folder below which their files lie),
            `path_column` and `image_column`, and `prefix` (folders that the names in them begin
            with on another machine); `only_suffix`, the suffixes of the files that are opened,
            such as `.jpg,.png`; `bands`, the channels of TIFF images that are taken, such as
            `4,3,2`; for target sets those of `targets.options`.

    Raises:
        SourceError: there is nothing at the path, or nothing that SEPT can list.
    """
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise errors.SourceError(
            f"Unknown option {unknown[0]!r}; valid options are {', '.join(OPTIONS)}."
        )
    if "only_suffix" in options:
        candidates.suffixes(options["only_suffix"])
    if "bands" in options:
        images.parse_bands(options["bands"])
    absolute = places.absolute(path)
    try:
        return _detected(name, hub_datasets.pinned(absolute), options)
    except OSError as problem:
        if not places.is_remote(absolute):
            raise
        reason = outcomes.of_machine(problem) or "unreachable"
        raise errors.SourceError(f"{places.text(absolute)} cannot be read: {reason}.") from problem


def _detected(name: str, absolute: Path, options: dict[str, str]) -> SourceSpec:
    beyond = roots.Root(absolute, roots.FOLLOW_LINKS in options).beyond()
    kind = options.get("kind") or _kind(absolute, beyond)
    if kind not in KINDS:
        raise errors.SourceError(f"Unknown kind {kind!r}; valid kinds are {', '.join(KINDS)}.")
    if kind in table_sources.KINDS and kind != "imagefolder":
        root, found = readings.locate(absolute, kind, options, beyond)
        return SourceSpec(name, absolute, kind, root, found)
    if kind in ("zip", "tar") and absolute.is_symlink():
        options |= {roots.FOLLOW_LINKS: "yes"}  # the user has named this link, its only file
    return SourceSpec(name, absolute, kind, _root(absolute, kind), options)


def scan(spec: SourceSpec) -> Iterator[FileEntry]:
    """List every file of a source, in the same order each time and in little memory.

    Raises:
        SourceError: the source is gone, or its table cannot be read.
    """
    if not (places.is_remote(spec.root) or spec.root.is_dir()):
        raise errors.SourceError(
            f"The folder {spec.root} of source {spec.name} does not exist; mount it or move the "
            "source."
        )
    try:
        with ByteReader({spec.name: spec.root}) as reader:
            entries = KINDS[spec.kind](spec)
            look = functools.partial(_look, reader, spec.name)
            yield from candidates.chosen(entries, spec.options.get("only_suffix"), look)
    except OSError as problem:
        where = places.text(spec.path)
        raise errors.SourceError(f"{where} cannot be listed: {problem.strerror}.") from problem


def _look(reader: "ByteReader", name: str, entry: FileEntry) -> bytes | None:
    """The bytes of a small file, or the first of a tar's member; see `candidates.Look`."""
    size = min(entry.size, _LOOKED_AT) if entry.offset >= 0 else entry.size
    if not 0 <= size <= _LOOKED_INTO:
        return None
    try:
        return reader.read(name, entry.rel_path, entry.member, entry.offset, size)
    except (images.RejectedImage, errors.SourceError):
        return None


def describe(spec: SourceSpec) -> list[str]:
    """Describe how a list or table is read, in short phrases that a user can check; else none."""
    return readings.describe(spec)


class ByteReader:
    """Reads the bytes of listed files, from any thread; closes all open files on leaving `with`.

    Args:
        homes: source name to the folder that its `rel_path`s lie below, on this machine or remote.
        in_order: about all of each container is read, roughly in its order, so that remote ones are
            streamed; else only what is asked for is fetched.
    """

    def __init__(self, homes: Mapping[str, Path | roots.Root], *, in_order: bool = False) -> None:
        self._in_order = in_order
        self._homes = {name: _Home.of(home) for name, home in homes.items()}
        # What falls out closes when its last reader is done.
        self._archives = Recent[_Container, archives.Reader](64)
        self._tables = Recent[_Container, tables.HeldImages](4)  # each holds row groups of images

    def read(
        self,
        source: str,
        rel_path: str,
        member: str = "",
        offset: int = -1,
        size: int = -1,
        mtime_ns: int = 0,
    ) -> bytes:
        """Return the bytes of one image; a known offset and size save looking it up in a tar.

        A remote file is read only in the version of `mtime_ns`, if that is given.

        Raises:
            SourceError: the source is unknown, or the path leads out of its root.
            RejectedImage: the bytes of this file, or of what holds it, are damaged or too many.
            UnreadableFile: it is missing or cannot be read now.
        """
        home = self._homes.get(source)
        if home is None:
            known = ", ".join(sorted(self._homes)) or "none"
            raise errors.SourceError(f"Unknown source {source!r}; known sources are: {known}.")
        try:
            if not member:
                return home.read(rel_path, mtime_ns)
            return self._read_member(home, rel_path, member, (offset, size), mtime_ns)
        except images.UnreadableFile:
            self._forget(home.path, rel_path)
            raise
        except (OSError, MemoryError) as problem:
            self._forget(home.path, rel_path)
            raise images.failure(problem, f"unreadable: {problem}") from problem
        except errors.SourceError as problem:  # of a table, which wraps what the system said
            if reason := outcomes.of_machine(problem):
                raise images.UnreadableFile(reason) from problem
            if places.is_remote(home.path):  # not allowed now, which says nothing of the bytes
                raise images.UnreadableFile(f"{outcomes.UNREACHABLE}{problem}") from problem
            raise

    def _forget(self, root: Path, rel_path: str) -> None:
        """Reopen a container next time: it may have been replaced."""
        self._archives.forget((root, rel_path).__eq__)
        self._tables.forget((root, rel_path).__eq__)

    def _read_member(
        self, home: "_Home", rel_path: str, member: str, place: tuple[int, int], mtime_ns: int
    ) -> bytes:
        def opener() -> BinaryIO:
            ahead = self._in_order and not rel_path.lower().endswith(tables.SHARD_SUFFIXES)
            return home.open(rel_path, ahead=ahead, mtime_ns=mtime_ns)

        if not tables.is_table(rel_path):
            archive = self._archives.get(
                (home.path, rel_path), lambda: archives.open_reader(opener)
            )
            return archive.read(member, *place)
        if not member.partition(":")[0].isdecimal():
            raise images.RejectedImage(f"unreadable: {rel_path!r} has no row {member!r}")
        table = self._tables.get((home.path, rel_path), lambda: tables.HeldImages(opener, rel_path))
        return table.read(member)

    def close(self) -> None:
        """Close every archive and table; reading again reopens them."""
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


@dataclass(frozen=True)
class _Home:
    """A source's root with the folders that its links may lead to, looked up once."""

    path: Path
    beyond: tuple[str, ...]

    @classmethod
    def of(cls, root: Path | roots.Root) -> "_Home":
        known = root if isinstance(root, roots.Root) else roots.Root(root)
        return cls(known.path, known.beyond())

    def open(self, rel_path: str, *, ahead: bool = False, mtime_ns: int = 0) -> BinaryIO:
        return folders.open_file(self.path, rel_path, self.beyond, ahead=ahead, mtime_ns=mtime_ns)

    def read(self, rel_path: str, mtime_ns: int) -> bytes:
        """Return the content of a whole file."""
        if not places.is_remote(self.path):
            return _read_file(self, rel_path)
        address = remote_folders.url(self.path, rel_path)
        found, data = requests.fetch(address, safe_paths.MAX_BYTES)
        if mtime_ns and found.mtime_ns != mtime_ns:
            raise failures.changed()
        if problem := safe_paths.size_problem(found.size):
            raise images.RejectedImage(problem)
        return data


def _read_file(home: _Home, rel_path: str) -> bytes:
    with folders.open_file(home.path, rel_path, home.beyond, buffering=0) as file:
        size = files.size_of(file)
        if problem := safe_paths.size_problem(size):
            raise images.RejectedImage(problem)
        if size > _LOOKED_INTO:
            images.check_begins_as_image(files.read_at(file, _LOOKED_AT, 0))
        data = file.read()
    if len(data) < size:
        raise images.UnreadableFile("unreadable: the read ended early")
    return data


def _kind(path: Path, beyond: tuple[str, ...]) -> str:
    """Guess the kind of source from a path."""
    if folders.is_folder(path):
        return _kind_of_folder(path, beyond)
    if not folders.exists(path):
        if folders.is_pattern(str(path)):
            return "tables" if tables.is_table(path.name) else "webdataset"
        raise errors.SourceError(f"{places.text(path)} does not exist.")
    if archives.is_archive(path.name):
        return "zip" if safe_paths.suffix_of(path.name) == ".zip" else "tar"
    if tables.is_table(path.name):
        return "list" if tables.is_list(path.name) else "table"
    with folders.open_file(path.parent, safe_paths.stored(path.name), ("/",)) as file:
        if kind := archives.kind(file):
            return kind
        reason = archives.unread(path.name) or archives.unsupported(file)
    if reason:
        raise errors.SourceError(f"{places.text(path)} cannot be read: {reason}.")
    raise errors.SourceError(
        f"{places.text(path)} is not a supported source; give a folder, a zip, a tar (plain or "
        "compressed with gzip, bzip2, xz, zstd or lz4), or a list or table "
        f"({', '.join(sorted(tables.SUFFIXES))})."
    )


def _kind_of_folder(path: Path, beyond: tuple[str, ...]) -> str:
    """Guess the kind of a folder by its top level: metadata tables, then shards, else a plain
    folder.
    """
    try:
        top = folders.top(path)
    except OSError as problem:
        raise errors.SourceError(
            f"{places.text(path)} cannot be listed: {problem.strerror}."
        ) from problem
    prefixes = ["", *(f"{name}/" for name, is_folder in sorted(top.items()) if is_folder)]
    metadata = (place + name for place in prefixes for name in table_sources.METADATA_TABLES)
    if any(_has_columns(path, beyond, name, "file_name") for name in metadata):
        return "imagefolder"
    names = sorted(name for name, is_folder in top.items() if not is_folder)
    by_suffix = {safe_paths.suffix_of(name): name for name in names}
    if ".parquet" in by_suffix and _has_columns(
        path, beyond, by_suffix[".parquet"], "key", "status"
    ):
        return "img2dataset"
    below = [path / name for name, folder in top.items() if folder and not name.startswith(".")]
    is_shards = any(map(archives.is_archive, names)) or bool(below)
    is_shards = is_shards and all(map(_holds_shards, below))
    if is_shards and not safe_paths.IMAGE_SUFFIXES & set(by_suffix):
        return "webdataset"
    return "tables" if readings.holds_tables(path, beyond) else "folder"


def _holds_shards(folder: Path) -> bool:
    """Return whether a folder begins with archives and neither images nor folders."""
    try:
        first = folders.top(folder, 100)
    except OSError:
        return False
    has_images = any(safe_paths.suffix_of(name) in safe_paths.IMAGE_SUFFIXES for name in first)
    return not has_images and not any(first.values()) and any(map(archives.is_archive, first))


def _has_columns(root: Path, beyond: tuple[str, ...], rel_path: str, *names: str) -> bool:
    opener = functools.partial(listing.open_file, root, safe_paths.stored(rel_path), beyond)
    try:
        table = tables.open_table(opener, rel_path)
    except (OSError, errors.SourceError):
        return False
    return set(names) <= {column.name for column in table.columns}


def _root(path: Path, kind: str) -> Path:
    """The folder that a source's files lie below, after checking that kind and path agree."""
    is_folder = folders.is_folder(path)
    if not is_folder and (kind in _FOLDERS or not _may_be_archive(path)):
        raise errors.SourceError(
            f"{places.text(path)} cannot be read as {kind}; omit the kind to have it detected."
        )
    return path if is_folder else Path(folders.without_pattern(str(path)))


def _may_be_archive(path: Path) -> bool:
    if archives.is_archive(path.name) or not folders.is_file(path):
        return archives.is_archive(path.name)
    with folders.open_file(path.parent, safe_paths.stored(path.name), ("/",)) as file:
        return archives.kind(file) is not None


_FOLDERS = ("folder", "img2dataset", "imagefolder")
