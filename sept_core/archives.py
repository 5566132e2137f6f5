"""Archives: the members of zip and tar files, listed once and read one at a time.

In: an opened archive, hostile ones included. Out: one `Member` for every file in it, those that
are never read with the reason; and readers that give a member's bytes to any thread.
"""

import errno
import gzip
import os
import stat
import tarfile
import tempfile
import threading
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from sept_core import images, outcomes, paths

SIDECARS = frozenset((".json", ".txt", ".cls"))
"""What WebDataset puts beside an image; read while listing: a `.tar.gz` is unpacked only once."""

_MAX_SIDECAR_BYTES = 1 << 20
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError)

Opener = Callable[[], BinaryIO]
"""Opens the archive's file anew."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive.

    Attributes:
        name: as written by `paths.stored`; empty for damage of the archive itself.
        offset: of its bytes in the unpacked tar, −1 in a zip.
        size: in bytes, unpacked.
        problem: why it is never read, or None.
        text: the content of a small side-car file.
    """

    name: str
    offset: int
    size: int
    problem: str | None = None
    text: bytes | None = None


def is_archive(path: str) -> bool:
    """Whether a file of this name is read as an archive."""
    return path.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz"))


def members(file: BinaryIO, path: str) -> Iterator[Member]:
    """Every file in the archive, in the archive's order; damage ends it with a problem.

    Of several members with one name the first counts; the others are named `NAME\\#2`, …
    """
    listing = _zip_members if path.lower().endswith(".zip") else _tar_members
    times: dict[str, int] = {}
    try:
        for member in listing(file):
            count = times[member.name] = times.get(member.name, 0) + 1
            if count == 1:
                yield member
            else:
                yield _refused(f"{member.name}\\#{count}", "repeated name in an archive")
    except _DAMAGE as problem:
        yield _refused("", outcomes.of_machine(problem) or f"damaged archive: {problem}")


def open_reader(opener: Opener, path: str) -> "ZipReader | TarReader":
    """The reader for an archive of this name; dropping it closes it.

    Raises:
        RejectedImage: the archive is damaged.
        UnreadableFile: it cannot be opened now.
    """
    try:
        if path.lower().endswith(".zip"):
            return ZipReader(opener)
        with opener() as file:
            reader = PackedTarReader if _is_packed(file) else TarReader
        return reader(opener, path)
    except _DAMAGE as problem:
        raise images.failure(problem, f"unreadable: damaged archive: {problem}") from problem


class ZipReader:
    """Reads members of a zip; `zipfile` keeps threads apart by itself."""

    def __init__(self, opener: Opener) -> None:
        file = opener()
        weakref.finalize(self, file.close)
        self._zip = zipfile.ZipFile(file)
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            self._members.setdefault(paths.stored(info.filename), info)

    def read(self, member: str, offset: int = -1, size: int = -1) -> bytes:
        """The unpacked bytes; never more than the zip's directory and `MAX_BYTES` allow.

        Raises:
            RejectedImage: there is no such member, or it is damaged or encrypted.
            UnreadableFile: the archive cannot be read now.
        """
        info = self._members.get(member)
        if info is None:
            raise images.RejectedImage("unreadable: no such member in the archive")
        if problem := paths.size_problem(info.file_size):
            raise images.RejectedImage(problem)
        try:
            return self._zip.read(info)
        except (*_DAMAGE, NotImplementedError, RuntimeError) as failure:
            reason = f"unreadable: damaged archive: {failure}"
            raise images.failure(failure, reason) from failure


class TarReader:
    """Reads members of a plain tar by their offset; without one, after listing the tar once."""

    def __init__(self, opener: Opener, path: str) -> None:
        self._opener = opener
        self._path = path
        self._file = opener()
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._places: dict[str, tuple[int, int]] | None = None

    def read(self, member: str, offset: int = -1, size: int = -1) -> bytes:
        """The bytes of a member.

        Raises:
            RejectedImage: there is no such member, or the tar ends before it does.
            UnreadableFile: it was cut short by something else.
        """
        if offset < 0 or size < 0:
            offset, size = self._place(member)
        if problem := paths.size_problem(size):
            raise images.RejectedImage(problem)
        data = self._read_at(offset, size)
        if len(data) < size:
            raise self._short(offset + size)
        return data

    def _short(self, end: int) -> images.UnusableFile:
        """Tell a tar that ends too early from a read that did."""
        if os.fstat(self._file.fileno()).st_size >= end:
            return images.UnreadableFile("unreadable: the read ended early")
        return images.RejectedImage("truncated: the archive ends inside this image")

    def _read_at(self, offset: int, size: int) -> bytes:
        return os.pread(self._file.fileno(), size, offset)

    def _place(self, member: str) -> tuple[int, int]:
        with self._lock:
            if self._places is None:
                with self._opener() as file:
                    listed = [m for m in members(file, self._path) if not m.problem]
                self._places = {m.name: (m.offset, m.size) for m in listed}
        if member not in self._places:
            raise images.RejectedImage("unreadable: no such member in the archive")
        return self._places[member]


class PackedTarReader(TarReader):
    """Reads members of a `.tar.gz`, which can only be unpacked from its beginning.

    What has been unpacked goes to an unnamed temporary file, as far as somebody has asked:
    one pass in all, whatever the order of the threads.
    """

    def __init__(self, opener: Opener, path: str) -> None:
        super().__init__(opener, path)
        self._packed = gzip.GzipFile(fileobj=self._file)
        self._unpacked = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (closed by finalize)
        weakref.finalize(self, self._unpacked.close)
        self._end = 0
        self._unpacking = threading.Lock()

    def _read_at(self, offset: int, size: int) -> bytes:
        with self._unpacking:
            try:
                self._unpack_to(offset + size)
            except _DAMAGE as problem:
                reason = f"unreadable: damaged archive: {problem}"
                raise images.failure(problem, reason) from problem
        return os.pread(self._unpacked.fileno(), size, offset)

    def _unpack_to(self, end: int) -> None:
        while self._end < end and (chunk := self._packed.read(1 << 20)):
            if self._unpacked.write(chunk) < len(chunk):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._end += len(chunk)

    def _short(self, end: int) -> images.UnusableFile:
        return images.RejectedImage("truncated: the archive ends inside this image")


def _zip_members(file: BinaryIO) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            problem = _problem(info.filename, info.file_size)
            if stat.S_ISLNK(info.external_attr >> 16):
                problem = "link in an archive"
            elif info.flag_bits & 1:
                problem = "encrypted"
            yield Member(paths.stored(info.filename), -1, info.file_size, problem)


def _tar_members(file: BinaryIO) -> Iterator[Member]:
    packed = _is_packed(file)
    file.seek(0)
    stream = gzip.GzipFile(fileobj=file) if packed else file
    end = None if packed else os.fstat(file.fileno()).st_size
    headers = cast(BinaryIO, _HeaderFile(stream))
    with tarfile.open(fileobj=headers, mode="r:") as archive:
        while (info := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # tarfile keeps every header else
            if not info.isdir():
                yield _tar_member(archive, info, end)
            if packed and info.size > paths.MAX_BYTES:
                raise tarfile.ReadError(f"what follows {info.size} packed bytes is not unpacked")
        stream.seek(archive.offset)
        if stream.read(tarfile.BLOCKSIZE).strip(b"\0"):  # tarfile takes garbage for the end
            raise tarfile.ReadError(f"no header at byte {archive.offset}")


def _is_packed(file: BinaryIO) -> bool:
    """By its first bytes: plain tars named `.tar.gz`, and the reverse, are not rare."""
    return file.read(2) == b"\x1f\x8b"


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, end: int | None) -> Member:
    name, text = paths.stored(info.name), None
    problem = _problem(info.name, info.size)
    if info.islnk() or info.issym():
        problem = "link in an archive"
    elif not info.isreg() or info.issparse():
        problem = "not a regular file"
    elif end is not None and info.offset_data + info.size > end:
        problem = "truncated: the archive ends inside this file"
    elif paths.suffix_of(name) in SIDECARS and info.size <= _MAX_SIDECAR_BYTES:
        content = archive.extractfile(info)
        text = content.read() if content else None
    return Member(name, info.offset_data, info.size, problem, text)


class _HeaderFile:
    """What `tarfile` reads headers from; a header that claims to be huge is damage."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile) -> None:
        self.seek, self.tell, self._stream = stream.seek, stream.tell, stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_SIDECAR_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._stream.read(size)


def _problem(name: str, size: int) -> str | None:
    """Why a member of this name (as in the archive) and size is never read, or None."""
    slashed = name.replace("\\", "/")
    if slashed.startswith("/") or slashed[1:2] == ":" or ".." in slashed.split("/"):
        return "unsafe name in an archive"
    return paths.size_problem(size)


def _refused(name: str, problem: str) -> Member:
    return Member(name, offset=-1, size=-1, problem=problem)
