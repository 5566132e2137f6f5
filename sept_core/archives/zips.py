"""Zips: their members, listed from the directory and read one at a time.

In: an opened zip, hostile ones included, with anything in front of it: a program that unpacks it,
or other zips (`cat a.zip b.zip`). Out: one `Member` for every file in it; and a reader that gives
a member's bytes to any thread.
"""

import errno
import io
import os
import stat
import weakref
import zipfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from sept_core.archives import members, streams
from sept_core.archives.members import Member
from sept_core.filesystem import safe_paths
from sept_core.imaging import images, outcomes
from sept_core.remote import files

DAMAGE = (*streams.DAMAGE, zipfile.BadZipFile, zipfile.LargeZipFile, IndexError, OverflowError,
          NotImplementedError, RuntimeError)  # fmt: skip
"""Exceptions raised on listing and reading a damaged zip; see `outcomes.of_machine`."""

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_OTHER_METHODS = {1: "shrink", 6: "implode", 9: "deflate64", 93: "zstd", 95: "xz", 98: "ppmd",
                  99: "AES encryption"}  # fmt: skip
_LONGEST_END = 22 + 0xFFFF
"""Bytes of the end record with its comment."""


def listed(file: BinaryIO) -> Iterator[Member]:
    """Yield every file in the zip, in its directory's order.

    Raises:
        one of `DAMAGE`: its directory cannot be read, or something follows it.
    """
    for part, archive, info in _entries(file):
        yield _member(archive, info, part)
    _refuse_what_follows(file)


def _entries(file: BinaryIO) -> Iterator[tuple[int, zipfile.ZipFile, zipfile.ZipInfo]]:
    """Yield every file of every zip in a file, the last zip first: its directory is found first."""
    archive, part = zipfile.ZipFile(file), 0
    end = files.size_of(file)
    while True:
        infos = archive.infolist()
        yield from ((part, archive, info) for info in infos if not _is_folder(info))
        start = min((info.header_offset for info in infos), default=archive.start_dir)
        if not 0 < start < end or not zipfile.is_zipfile(_Front(file, start)):
            return
        archive, part, end = zipfile.ZipFile(_Front(file, start)), part + 1, start


class _Front(io.RawIOBase):
    """The first bytes of a file, as a file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._place = file, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))  # as `zipfile` expects
        self._place = base + offset
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = max(0, min(len(buffer), self._size - self._place))
        data = files.read_at(self._file, wanted, self._place)
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


def _is_folder(info: zipfile.ZipInfo) -> bool:
    is_marked = info.filename.endswith("\\") or info.external_attr & 0x10
    return info.is_dir() or bool(is_marked and not info.file_size)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, part: int) -> Member:
    name, text = safe_paths.stored(info.filename), None
    problem = _problem(info)
    if problem is None and members.is_sidecar(name, info.file_size):
        try:
            text = archive.read(info)
        except DAMAGE as failure:
            if outcomes.of_machine(failure) is not None:
                raise
            problem = f"damaged archive: {failure}"
    return Member(name, -1, info.file_size, problem, text, part)


def _problem(info: zipfile.ZipInfo) -> str | None:
    if stat.S_ISLNK(info.external_attr >> 16):
        return "link in an archive; unpack it and add the folder"
    if info.flag_bits & 1:
        return "encrypted; unpack it with its password and add the folder"
    if info.compress_type not in _METHODS:
        method = _OTHER_METHODS.get(info.compress_type, f"method {info.compress_type}")
        return f"compressed by {method}, which is not supported; unpack it and add the folder"
    return members.problem(info.filename, info.file_size)


def _refuse_what_follows(file: BinaryIO) -> None:
    """Refuse bytes after the end, which `zipfile` ignores: they may be another archive.

    Raises:
        BadZipFile: there are some, and not only zeros.
    """
    size = files.size_of(file)
    start = max(0, size - _LONGEST_END)
    tail = files.read_at(file, size - start, start)
    end = tail.rfind(b"PK\5\6")
    length = int.from_bytes(tail[end + 20 : end + 22], "little")
    behind = tail[end + 22 + length :]
    if behind.strip(b"\0"):
        raise zipfile.BadZipFile(f"{len(behind)} bytes behind its end are not read")


class ZipReader:
    """Reads members of a zip; `zipfile` is thread-safe by itself."""

    def __init__(self, opener: Callable[[], BinaryIO]) -> None:
        file = opener()
        weakref.finalize(self, file.close)
        entries = [(archive, info) for _, archive, info in _entries(file)]
        names = members.numbered(Member(safe_paths.stored(i.filename), -1, -1) for _, i in entries)
        self._entries = {m.name: entry for m, entry in zip(names, entries, strict=True)}

    def read(self, member: str, offset: int = -1, size: int = -1) -> bytes:
        """Return the unpacked bytes; never more than the zip's directory and `MAX_BYTES` allow.

        Raises:
            RejectedImage: there is no such member, or it is damaged or encrypted.
            OSError: the zip cannot be read for now.
        """
        if member not in self._entries:
            raise images.RejectedImage("unreadable: no such member in the archive")
        archive, info = self._entries[member]
        if problem := _problem(info):
            raise images.RejectedImage(problem)
        try:
            return archive.read(info)
        except DAMAGE as failure:
            if outcomes.of_machine(failure) is not None:
                raise
            raise images.RejectedImage(f"unreadable: damaged archive: {failure}") from failure
