"""Tars: their members, listed in one pass and read one at a time, packed or plain.

In: an opened tar, hostile ones included, or several that were joined (`cat a.tar b.tar`). Out:
one `Member` for every file in it; and a reader that gives a member's bytes to any thread.
"""

import errno
import posixpath
import tarfile
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple, cast

from sept_core.archives import members, streams, tar_headers
from sept_core.archives.members import Member
from sept_core.compat import tarfile_headers
from sept_core.filesystem import safe_paths
from sept_core.imaging import images, outcomes
from sept_core.remote import files

DAMAGE = (*streams.DAMAGE, tarfile.TarError, IndexError, OverflowError, RecursionError)
"""Exceptions raised on listing and reading a damaged tar; see `outcomes.of_machine`."""

_MOST_HEADER = 1 << 20
_MOST_LINKS = 40
Place = tuple[int, str]
"""Number of the tar among those that were joined, and normal name of a member."""

LEADS_NOWHERE = "link in an archive, to no file of it; unpack it and add the folder"


class Lead(NamedTuple):
    """The normal name that a link leads to, and whether it is a symbolic link."""

    name: str
    is_soft: bool


def is_tar(head: bytes) -> bool:
    """Return whether a file that begins with these bytes is a plain tar."""
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def listed(file: BinaryIO) -> Iterator[Member]:
    """Yield every file in the tar, in its order; links to files of the same tar come last.

    Raises:
        one of `DAMAGE`: at the first place that is not a tar.
    """
    has_links = False
    try:
        for member, lead in _walk(file):
            if lead is None:
                yield member
            has_links = has_links or lead is not None
    except DAMAGE as problem:
        if has_links and outcomes.of_machine(problem) is None:
            yield from _linked(file)
        raise
    if has_links:
        yield from _linked(file)


def _walk(file: BinaryIO) -> Iterator[tuple[Member, Lead | None]]:
    """Yield every member of every tar in a file, and its target if it is a link."""
    packed = streams.unpacked(file)
    end = None if packed else files.size_of(file)
    file.seek(0)
    headers = _Headers(cast(BinaryIO, packed or file))
    plain = None if end is None else tar_headers.PlainHeaders(file, end)
    part = 0
    while True:
        with tarfile.open(fileobj=cast(BinaryIO, headers), mode="r:") as archive:
            while (info := archive.next()) is not None:
                tarfile_headers.forget(archive)
                if tarfile_headers.place(archive) <= info.offset:  # `tarfile` would go in a circle
                    raise tarfile.ReadError(f"a member of {info.size} bytes")
                if info.islnk() or info.issym():
                    yield _link(info, part), _lead(info)
                elif not info.isdir():
                    yield _member(archive, info, end, part), None
                if packed and info.size > safe_paths.MAX_BYTES:
                    raise tarfile.ReadError(f"what follows {info.size} packed bytes is not read")
                if plain and not archive.pax_headers:  # those would change what follows
                    for found in plain.walk(tarfile_headers.place(archive)):
                        yield _plain_member(found, cast(int, end), part), None
                    tarfile_headers.go_on(archive, plain.place)
        if not headers.at_next_tar():
            return
        part += 1


class _Headers:
    """The file that `tarfile` reads headers from; a header that claims to be huge is damage."""

    def __init__(self, stream: BinaryIO) -> None:
        self.seek, self.tell, self._stream = stream.seek, stream.tell, stream
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MOST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self._last = self._stream.read(size)
        return self._last

    def at_next_tar(self) -> bool:
        """Skip zeros to the next tar after the one that has ended; return False at the end.

        Raises:
            ReadError: something else follows (which tarfile treats as the end).
        """
        zeros = 0
        while self._last and not self._last.strip(b"\0"):
            zeros += len(self._last)
            if zeros > safe_paths.MAX_BYTES:
                raise tarfile.ReadError(f"what follows {zeros} zeros is not read")
            self.read(tarfile.BLOCKSIZE)
        if not self._last:
            return False
        place = self.tell() - len(self._last)
        if not zeros or not is_tar(self._last):
            raise tarfile.ReadError(f"no header at byte {place}")
        self.seek(place)
        return True


def _member(archive: tarfile.TarFile, info: tarfile.TarInfo, end: int | None, part: int) -> Member:
    name, text, pieces = safe_paths.stored(info.name), None, _pieces(info)
    packed_size = sum(size for _, _, size in pieces) if info.issparse() else info.size
    problem = members.problem(info.name, info.size)
    if not info.isreg():
        problem = "not a regular file"
    elif end is not None and info.offset_data + packed_size > end:
        problem = "truncated: the archive ends inside this file"
    elif members.is_sidecar(name, info.size):
        content = archive.extractfile(info)
        text = content.read() if content else None
    offset = -1 if info.issparse() else info.offset_data
    return Member(name, offset, info.size, problem, text, part, pieces)


def _plain_member(found: tar_headers.Plain, end: int, part: int) -> Member:
    name, text = safe_paths.stored(found.name), found.text
    problem = members.problem(found.name, found.size)
    if found.offset + found.size > end:
        problem, text = "truncated: the archive ends inside this file", None
    return Member(name, found.offset, found.size, problem, text, part)


def _link(info: tarfile.TarInfo, part: int) -> Member:
    return Member(safe_paths.stored(info.name), -1, -1, members.problem(info.name, 0), part=part)


def _pieces(info: tarfile.TarInfo) -> tuple[tuple[int, int, int], ...]:
    """Return the pieces of a sparse member that have bytes; the rest is zeros. Empty for other
    members.

    Raises:
        ReadError: a piece lies outside of the member.
    """
    found, place = [], info.offset_data
    for offset, size in getattr(info, "sparse", None) or ():
        if offset < 0 or size < 0 or offset + size > info.size:
            raise tarfile.ReadError(f"a sparse file with bytes from {offset} to {offset + size}")
        found.append((place, offset, size))
        place += size
    return tuple(found)


def _lead(info: tarfile.TarInfo) -> Lead:
    folder = posixpath.dirname(info.name) if info.issym() else ""
    return Lead(posixpath.normpath(posixpath.join(folder, info.linkname)), info.issym())


def _linked(file: BinaryIO) -> Iterator[Member]:
    """Yield each link as the file that it leads to; walks through the tar again.

    A hard link means the last file of that name before it; a soft one may lead to what follows.
    """
    known: dict[Place, Member] = {}
    leads: dict[Place, Place] = {}
    soft: list[tuple[Member, Place]] = []
    try:
        for member, lead in _walk(file):
            place = member.part, posixpath.normpath(safe_paths.original(member.name))
            if lead is None:
                known[place] = member
            elif lead.is_soft:
                leads[place] = member.part, lead.name
                soft.append((member, place))
            else:
                found = known.get((member.part, lead.name))
                known |= {place: found} if found else {}
                yield _as_file(member, found)
    except DAMAGE as problem:  # named already, by the walk that met the links
        if outcomes.of_machine(problem) is not None:
            raise
    for member, place in soft:
        yield _as_file(member, known.get(_end(place, leads)))


def _as_file(link: Member, found: Member | None) -> Member:
    if link.problem or found is None or found.problem:
        return link._replace(problem=link.problem or LEADS_NOWHERE)
    return found._replace(name=link.name)


def _end(place: Place, leads: dict[Place, Place]) -> Place:
    """Return the end of a chain of links."""
    for _ in range(_MOST_LINKS):
        if place not in leads:
            break
        place = leads[place]
    return place


class TarReader:
    """Reads members of a tar by their offset; without one, after listing the tar once."""

    def __init__(self, opener: Callable[[], BinaryIO]) -> None:
        self._opener = opener
        self._file = opener()
        weakref.finalize(self, self._file.close)
        packed = streams.unpacked(self._file)
        self._spool = streams.Spool(packed) if packed else None
        self._lock = threading.Lock()
        self._members: dict[str, Member] | None = None

    def read(self, member: str, offset: int = -1, size: int = -1) -> bytes:
        """Return the bytes of a member.

        Raises:
            RejectedImage: there is no such member, or the tar ends before it does.
            OSError: the tar cannot be read for now.
        """
        try:
            if offset >= 0 and size >= 0:
                return self._read_at(offset, size)
            found = self._find(member)
            return (
                self._joined(found) if found.offset < 0 else self._read_at(found.offset, found.size)
            )
        except DAMAGE as problem:
            if outcomes.of_machine(problem) is not None:
                raise
            raise images.RejectedImage(f"unreadable: damaged archive: {problem}") from problem

    def _read_at(self, offset: int, size: int) -> bytes:
        if problem := safe_paths.size_problem(size):
            raise images.RejectedImage(problem)
        if self._spool:
            data = self._spool.read_at(offset, size)
        else:
            data = files.read_at(self._file, size, offset)
        if len(data) < size:
            if not self._spool and files.size_of(self._file) >= offset + size:
                raise OSError(errno.EIO, "the read ended early")
            raise images.RejectedImage("truncated: the archive ends inside this image")
        return data

    def _joined(self, sparse: Member) -> bytes:
        if problem := safe_paths.size_problem(sparse.size):
            raise images.RejectedImage(problem)
        data = bytearray(sparse.size)
        for place, offset, size in sparse.pieces:
            data[offset : offset + size] = self._read_at(place, size)
        return bytes(data)

    def _find(self, name: str) -> Member:
        with self._lock:
            if self._members is None:
                with self._opener() as file:
                    self._members = {m.name: m for m in members.numbered(_sound(file))}
        if name not in self._members:
            raise images.RejectedImage("unreadable: no such member in the archive")
        return self._members[name]


def _sound(file: BinaryIO) -> Iterator[Member]:
    """Yield the members up to the damage, including those with a problem: they count where a name
    is repeated.
    """
    try:
        yield from listed(file)
    except DAMAGE as problem:
        if outcomes.of_machine(problem) is not None:
            raise
