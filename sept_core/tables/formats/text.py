"""Text of a table: unpacked, decoded, line by line.

In: an opener of a file, packed or not, in any encoding. Out: its encoding, and its lines with
their line ends.
"""

import bz2
import codecs
import functools
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import BinaryIO, cast

from sept_core import errors
from sept_core.tables.formats.rows import Opener

PACKED: dict[str, Callable[[BinaryIO], BinaryIO]] = {
    ".gz": lambda file: cast(BinaryIO, gzip.GzipFile(fileobj=file)),
    ".bz2": lambda file: cast(BinaryIO, bz2.BZ2File(file)),
    ".xz": lambda file: cast(BinaryIO, lzma.LZMAFile(file)),  # noqa: SIM115 (the file is closed)
}
"""Compressed files of text, by the suffix behind that of the table."""

DAMAGE = (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error)
"""Exceptions from reading a damaged compressed file, besides OSError."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, which its mark begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_CP1252 = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))
_CHUNK = 1 << 20
_SAMPLE_BYTES = 1 << 22
_MAX_LINE = 1 << 30
"""Characters; longer lines are cut there, so that a decompression bomb cannot fill the memory."""


@dataclass(frozen=True)
class Text:
    """A file of text: `encoding` as Python calls it, and a note if that was a guess."""

    opener: Opener
    path: str
    encoding: str
    note: str | None = None

    def lines(self) -> Iterator[str]:
        r"""Every line with its end (`\n`, `\r\n` or `\r`); undecodable bytes are escaped.

        Raises:
            SourceError: the packed file is damaged, or the text is not in its encoding.
        """
        with self.opener() as file:
            decoded = io.TextIOWrapper(
                _unpacked(file, self.path), self.encoding, "surrogateescape", newline=""
            )
            try:
                yield from iter(functools.partial(decoded.readline, _MAX_LINE), "")
            except (*DAMAGE, UnicodeError) as problem:
                raise errors.SourceError(
                    f"{self.path} cannot be read to its end ({problem}); recreate or copy it again."
                ) from problem

    def sample(self, most: int) -> tuple[list[str], bool]:
        """The first lines, and whether they are all; fewer where they are long."""
        found: list[str] = []
        size = 0
        for line in islice(self.lines(), most + 1):
            if len(found) == most or (len(found) > 1 and size > _SAMPLE_BYTES):
                return found, False
            found.append(line)
            size += len(line)
        return found, True


def open_text(opener: Opener, path: str) -> Text:
    """Open a file of text and detect its encoding.

    UTF-8 unless a mark (BOM) or the zero bytes of UTF-16 say otherwise. Anything else is read as
    cp1252, Windows' Western European, with a note.

    Raises:
        SourceError: the packed file is damaged.
    """
    try:
        with opener() as file:
            encoding = _encoding(_unpacked(file, path))
    except DAMAGE as problem:
        raise errors.SourceError(f"{path} cannot be unpacked ({problem}).") from problem
    note = None
    if encoding in ("cp1252", "latin-1"):
        note = f"not UTF-8: read as {encoding}; if names look wrong, convert it to UTF-8"
    return Text(opener, path, encoding, note)


def _unpacked(file: BinaryIO, path: str) -> BinaryIO:
    suffix = next((suffix for suffix in PACKED if path.lower().endswith(suffix)), None)
    return PACKED[suffix](file) if suffix else file


def _encoding(file: BinaryIO) -> str:
    """Detect the encoding by the mark, by the zeros of UTF-16, or by reading to the end."""
    head = file.read(_CHUNK)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if wide := _without_mark(head):
        return wide
    chunks = chain([head], iter(functools.partial(file.read, _CHUNK), b""))
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_utf8, fallback = True, "cp1252"
    for chunk in chunks:
        is_utf8 = is_utf8 and _decodes(decoder, chunk)
        if not is_utf8 and len(chunk.translate(None, _NOT_CP1252)) < len(chunk):
            fallback = "latin-1"
    return "utf-8-sig" if is_utf8 and _decodes(decoder, b"", final=True) else fallback


def _without_mark(head: bytes) -> str | None:
    """UTF-16 without its mark, by zeros in every second byte of what is mostly ASCII."""
    half = min(len(head), 4096) // 2
    if half < 2:
        return None
    even, odd = head[0 : 2 * half : 2], head[1 : 2 * half : 2]
    if odd.count(0) > 0.6 * half and even.count(0) == 0:
        return "utf-16-le"
    return "utf-16-be" if even.count(0) > 0.6 * half and odd.count(0) == 0 else None


def _decodes(decoder: codecs.IncrementalDecoder, data: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(data, final)
    except UnicodeError:
        return False
    return True
