"""Tar headers: the plain ones of an unpacked tar, many at once from large reads.

In: an opened tar and the place of a header. Out: the members from there on, up to the first header
that is not plain (links, folders, sparse files, long names of GNU, damage), which is left to
`tarfile`. Checksums are compared for a whole read at a time. `tarfile` takes five times as long,
which counts for a pool of millions of small images.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from sept_core.archives import members
from sept_core.remote import files

BLOCK = 512
_LEAST, _MOST = 1 << 12, 1 << 20
"""Bytes of one read: few where images are large, many where they are small."""

_IGNORED = frozenset((b"mtime", b"atime", b"ctime", b"uid", b"gid", b"uname", b"gname"))
"""Keys of extended headers that do not matter here."""

_ROW = np.arange(BLOCK)


class Plain(NamedTuple):
    """A regular file in a tar, by its name as `tarfile` decodes it; `text` of a small side-car."""

    name: str
    offset: int
    size: int
    text: bytes | None


class PlainHeaders:
    """Walks over the plain headers of one opened tar.

    Attributes:
        place: of the first header that has not been walked over.
    """

    def __init__(self, file: BinaryIO, end: int) -> None:
        self._file, self._end = file, end
        self._length = 1 << 16
        self.place = 0

    def walk(self, place: int) -> Iterator[Plain]:
        """Yield the members from a place on, while their headers are plain."""
        self.place = place
        while self.place + BLOCK <= self._end:
            window = files.read_at(self._file, self._length, self.place)
            found, ahead, is_over = _parsed(window, self.place)
            for member in found:
                yield self._with_text(member, window)
            self.place += ahead
            if is_over:
                self._length = max(self._length // 2, _LEAST)  # the next one may follow at once
                return
            if not ahead and self._length == _MOST:
                return
            self._length = _next_length(self._length, len(found))

    def _with_text(self, member: Plain, window: bytes) -> Plain:
        if not members.is_sidecar(member.name, member.size):
            return member
        start = member.offset - self.place
        text = window[start : start + member.size]
        if len(text) < member.size:
            text = files.read_at(self._file, member.size, member.offset)
        return member._replace(text=text)


def _next_length(length: int, count: int) -> int:
    if count == 0:  # an extended header did not fit
        return _MOST
    if count >= 8:
        return min(2 * length, _MOST)
    return max(length // 2, _LEAST) if count <= 2 else length


def _parsed(window: bytes, place: int) -> tuple[list[Plain], int, bool]:
    """Return the members of a window, the bytes up to the header after the last of them, and
    whether that header is one for `tarfile`.
    """
    found: list[Plain] = []
    headers: list[int] = []
    counts: list[int] = []  # headers up to each member
    stops: list[int] = [0]
    start, longer, is_over = 0, None, True
    while start + BLOCK <= len(window):
        kind = window[start + 156]
        try:
            size = int(window[start + 124 : start + 136].rstrip(b" \0") or b"0", 8)
        except ValueError:
            break
        if size < 0 or not window.startswith(b"ustar", start + 257):
            break
        data = start + BLOCK
        if kind == 0x78 and longer is None:  # x: extended header of the next member
            if data + size > len(window):
                is_over = False
                break
            longer = _path(window[data : data + size])
            if longer is None:
                break
        elif kind == 0x30:
            name = longer or _name(window, start)
            if not name or name.endswith(b"/"):
                break
            text = name.decode("utf-8", "surrogateescape")
            found.append(Plain(text, place + data, size, None))
            counts.append(len(headers) + 1)
            longer = None
            stops.append(data + -(-size // BLOCK) * BLOCK)
        else:
            break
        headers.append(start)
        start = data + -(-size // BLOCK) * BLOCK
    else:
        is_over = False
    sound = _sound(window, headers)
    while counts and counts[-1] > sound:
        counts.pop()
    return found[: len(counts)], stops[len(counts)], is_over or sound < len(headers)


def _path(records: bytes) -> bytes | None:
    """Return the path in an extended header, b"" if there is none; None if another key matters."""
    path = b""
    while records:
        length, _, rest = records.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(records):
            return None
        key, mark, value = rest[: int(length) - len(length) - 1].partition(b"=")
        if not mark or value[-1:] != b"\n":
            return None
        if key == b"path":
            path = value[:-1]
        elif key not in _IGNORED:
            return None
        records = records[int(length) :]
    return path


def _name(window: bytes, start: int) -> bytes:
    name = window[start : start + 100].partition(b"\0")[0]
    if not window[start + 345]:
        return name
    return window[start + 345 : start + 500].partition(b"\0")[0] + b"/" + name


def _sound(window: bytes, headers: list[int]) -> int:
    """Return how many headers have the right checksum before the first that has not."""
    if not headers:
        return 0
    data = np.frombuffer(window, np.uint8)
    rows = data[np.array(headers)[:, None] + _ROW]
    sums = rows.sum(1, np.int64) - rows[:, 148:156].sum(1, np.int64) + 8 * 0x20
    for number, (start, total) in enumerate(zip(headers, sums.tolist(), strict=True)):
        if window.startswith(b"%06o\0 " % total, start + 148):
            continue
        try:
            stated = int(window[start + 148 : start + 156].rstrip(b" \0") or b"0", 8)
        except ValueError:
            return number
        if stated != total:
            return number
    return len(headers)
