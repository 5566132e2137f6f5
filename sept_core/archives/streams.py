"""Streams: compressed files, unpacked once from their beginning.

In: an opened file. Out: its unpacked bytes, for any supported compression; the format is recognised
by the first bytes, never by the name.
"""

import bz2
import io
import lzma
import tempfile
import threading
import weakref
import zlib
from collections.abc import Callable
from typing import BinaryIO, cast

import pyarrow as pa

from sept_core.imaging import outcomes
from sept_core.remote import files

DAMAGE = (zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
"""Exceptions raised on reading damaged packed bytes; see `outcomes.of_machine`."""

MOST_UNPACKED, SLACK = 200, 1 << 30
"""A stream may unpack to this many times its packed size, plus this many bytes."""

_CHUNK = 1 << 16


class Unpacked:
    """The unpacked content of a file, read forwards; `seek` can go back only within the last read.

    Raises:
        ValueError: on reading, if the file has unpacked to so much that it must be a decompression
            bomb.
    """

    def __init__(self, stream: BinaryIO, packed_size: int) -> None:
        self._stream = stream
        self._most = MOST_UNPACKED * packed_size + SLACK
        self._place = 0
        self._last = self._pending = b""
        self._failure: Exception | None = None

    def tell(self) -> int:
        return self._place

    def read(self, size: int) -> bytes:
        data, self._pending = self._pending[:size], self._pending[size:]
        if len(data) < size:
            data += self._pull(size - len(data))
        self._last = data
        self._place += len(data)
        if self._place > self._most:
            raise ValueError(
                f"it unpacks to over {self._most} bytes, which is out of proportion to its size; "
                "unpack it and add the folder if you trust it"
            )
        return data

    def _pull(self, size: int) -> bytes:
        """Return the next bytes; damage is raised only after everything before it has been read."""
        if self._failure:
            raise self._failure
        pieces: list[bytes] = []
        try:
            while size and (piece := self._stream.read1(size)):  # type: ignore[attr-defined]
                pieces.append(piece)
                size -= len(piece)
        except DAMAGE as problem:
            self._failure = problem if outcomes.of_machine(problem) is None else None
            if not pieces:
                raise
        return b"".join(pieces)

    def seek(self, place: int) -> int:
        back = self._place - place
        if back > 0:
            assert back <= len(self._last), "a packed stream does not go back"
            self._pending = self._last[-back:] + self._pending
            self._place, self._last = place, b""
        while self._place < place and self.read(min(_CHUNK, place - self._place)):
            pass
        return self._place


class Spool:
    """The unpacked content of a stream, readable at any position by any thread.

    The content is written to an unnamed temporary file, up to the last byte requested so far: one
    pass in total, in whatever order the threads read.
    """

    def __init__(self, stream: Unpacked) -> None:
        self._stream = stream
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (closed by finalize)
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()

    def read_at(self, offset: int, size: int) -> bytes:
        with self._lock:
            while (place := self._stream.tell()) < offset + size:
                data = self._stream.read(1 << 20)
                if not data:
                    break
                self._write(data, place)
        return files.read_at(self._file, size, offset)

    def _write(self, data: bytes, place: int) -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:  # a full disk may have room later
            self._file.seek(place)
            self._stream.seek(place)
            raise


def unpacked(file: BinaryIO) -> Unpacked | None:
    """Return the unpacked content of a file, from its beginning; None if the file is not packed."""
    unpack = _format(file)
    if unpack is None:
        return None
    raw = file if isinstance(file, files.RemoteFile) else io.FileIO(file.fileno(), closefd=False)
    raw.seek(0)
    return Unpacked(unpack(cast(BinaryIO, raw)), files.size_of(file))


def is_packed(file: BinaryIO) -> bool:
    """Return whether the file is packed in a format that `unpacked` supports."""
    return _format(file) is not None


def _format(file: BinaryIO) -> Callable[[BinaryIO], BinaryIO] | None:
    head = files.read_at(file, 10, 0)
    return next((unpack for magic, unpack in _FORMATS.items() if head.startswith(magic)), None)


class _Streams(io.RawIOBase):
    """Streams of one kind, one after the other; zeros between and behind them are padding."""

    def __init__(self, file: BinaryIO, new: Callable[[], "_Decompressor"]) -> None:
        self._file, self._new = file, new
        self._stream = new()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while True:
            packed = b""
            if self._stream.eof:
                packed = self._next_stream()
                if not packed:
                    return 0
                self._stream = self._new()
            elif self._stream.needs_input:
                packed = self._file.read(_CHUNK)
            data = self._stream.decompress(packed, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            if not packed and not self._stream.eof and self._stream.needs_input:
                raise EOFError("the stream ends before its end mark")

    def _next_stream(self) -> bytes:
        packed = self._stream.unused_data.lstrip(b"\0")
        while not packed and (chunk := self._file.read(_CHUNK)):
            packed = chunk.lstrip(b"\0")
        return packed


class _Gzip:
    """A gzip stream with the interface of the bz2 and lzma decompressors."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    def decompress(self, packed: bytes, most: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + packed, most)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data


_Decompressor = _Gzip | bz2.BZ2Decompressor | lzma.LZMADecompressor


def _gzip(file: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Streams(file, _Gzip), _CHUNK))


def _bz2(file: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Streams(file, bz2.BZ2Decompressor), _CHUNK))


def _xz(file: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Streams(file, lzma.LZMADecompressor), _CHUNK))


def _zstd(file: BinaryIO) -> BinaryIO:
    return _by_arrow(file, "zstd")


def _lz4(file: BinaryIO) -> BinaryIO:
    return _by_arrow(file, "lz4")


def _by_arrow(file: BinaryIO, codec: str) -> BinaryIO:
    stream = pa.CompressedInputStream(pa.PythonFile(file, "r"), codec)
    return cast(BinaryIO, io.BufferedReader(stream, _CHUNK))


_FORMATS: dict[bytes, Callable[[BinaryIO], BinaryIO]] = {
    b"\x1f\x8b": _gzip,
    **{b"BZh%d" % n + block: _bz2 for n in range(1, 10) for block in (b"1AY&SY", b"\x17rE8P\x90")},
    b"\xfd7zXZ\0": _xz,
    b"\x28\xb5\x2f\xfd": _zstd,
    **{bytes((0x50 + n, 0x2A, 0x4D, 0x18)): _zstd for n in range(16)},  # a skippable frame
    b"\x04\x22\x4d\x18": _lz4,
}
