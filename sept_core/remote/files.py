"""Files: an object with the methods of an open file, and reads at any place for many threads.

In: an object. Out: its bytes. `AHEAD` suits readers that go through it from one end to the other:
whole chunks are fetched once, shared by all threads and files of this process, the next one while
the last is used, and the oldest are dropped. `EXACT` fetches what is asked for.
"""

import io
import os
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import BinaryIO

from sept_core.remote import failures, objects, requests

CHUNK = 8 << 20
MOST_CHUNKS = 32
"""Chunks that this process holds: 256 MiB."""

WINDOW = 1 << 18
"""Bytes that small reads of an `EXACT` file fetch at least, for readers that step along."""

_FETCHING = 8


class RemoteFile(io.BufferedIOBase):
    """An object, open for reading.

    Attributes:
        found: the object; other versions of it are never read.
    """

    def __init__(self, found: objects.Object, *, ahead: bool = False) -> None:
        super().__init__()
        self.found, self._ahead, self._place = found, ahead, 0
        self._window, self._start = b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.found.size}[whence]
        if base + offset < 0:
            raise OSError(22, os.strerror(22))  # as of a local file
        self._place = base + offset
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self.found.size - self._place)
        size = left if size is None or size < 0 else min(size, left)
        data = self.read_at(size, self._place) if self._ahead else self._windowed(size)
        self._place += len(data)
        return data

    def read1(self, size: int = -1) -> bytes:
        return self.read(size)

    def _windowed(self, size: int) -> bytes:
        offset = self._place - self._start
        if not 0 <= offset <= len(self._window) - size:
            self._window = self.read_at(max(size, WINDOW), self._place)
            self._start, offset = self._place, 0
        return self._window[offset : offset + size]

    def read_at(self, size: int, offset: int) -> bytes:
        """Return up to `size` bytes from a place, fewer only at the end; safe in any thread."""
        stop = min(offset + size, self.found.size)
        if offset >= stop:
            return b""
        if not self._ahead:
            return requests.read(self.found, offset, stop)
        first, last = offset // CHUNK, (stop - 1) // CHUNK
        pieces = [_chunks().get(self.found, number) for number in range(first, last + 1)]
        whole = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return whole[offset - first * CHUNK : stop - first * CHUNK]


_Key = tuple[objects.Object, int]


class _Chunks:
    """Chunks of objects, each fetched by one thread while the others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[_Key, Future[bytes]] = OrderedDict()
        self._pool = ThreadPoolExecutor(_FETCHING, thread_name_prefix="remote")

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def get(self, found: objects.Object, number: int) -> bytes:
        with self._lock:
            wanted = self._wanted(found, number)
            is_going_on = (found, number - 1) in self._held or number == 0
            if is_going_on and (number + 1) * CHUNK < found.size:
                self._wanted(found, number + 1)
            while len(self._held) > MOST_CHUNKS:
                self._held.popitem(last=False)
        return wanted.result()

    def _wanted(self, found: objects.Object, number: int) -> Future[bytes]:
        key = (found, number)
        known = self._held.get(key)
        if known is None or (known.done() and known.exception() is not None):
            stop = min((number + 1) * CHUNK, found.size)
            known = self._pool.submit(requests.read, found, number * CHUNK, stop)
            self._held[key] = known
        self._held.move_to_end(key)
        return known


@cache
def _chunks() -> _Chunks:
    return _Chunks()


def forget() -> None:
    """Drop all chunks and connections; the next ones read the environment again."""
    _chunks().close()
    _chunks.cache_clear()
    requests.forget()


def read_at(file: BinaryIO, size: int, offset: int) -> bytes:
    """Return bytes from a place of an open file, local or remote; safe in any thread."""
    if isinstance(file, RemoteFile):
        return file.read_at(size, offset)
    return os.pread(file.fileno(), size, offset)


def size_of(file: BinaryIO) -> int:
    """Return the size of an open file, local or remote."""
    return file.found.size if isinstance(file, RemoteFile) else os.fstat(file.fileno()).st_size


def mtime_ns_of(file: BinaryIO) -> int:
    """Return the time of an open file's last change; of an object it depends on its version."""
    if isinstance(file, RemoteFile):
        return file.found.mtime_ns
    return os.fstat(file.fileno()).st_mtime_ns


def open_object(address: str, *, ahead: bool = False, mtime_ns: int = 0) -> BinaryIO:
    """Open an object for reading; raises as `requests.stat`.

    Args:
        address: its URL.
        ahead: it will be read from one end to the other.
        mtime_ns: of the version that is wanted, if known.
    """
    found = requests.stat(address)
    if mtime_ns and found.mtime_ns != mtime_ns:
        raise failures.changed()
    return RemoteFile(found, ahead=ahead)  # type: ignore[return-value]
