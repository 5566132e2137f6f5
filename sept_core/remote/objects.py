"""Objects: the records of a storage, and the requests that a client of one must answer.

In: what a server said of an object. Out: an `Object`; how long a request may take.
"""

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

_SECOND = 1_000_000_000


class Object(NamedTuple):
    """One object.

    Attributes:
        url: of the object.
        size: in bytes.
        version: ETag, or what replaces it; '' if the server gives none.
        mtime_ns: time of its last change, in nanoseconds; the part below a second depends on the
            version, so that another version has another time.
    """

    url: str
    size: int
    version: str
    mtime_ns: int


class Pieces(Protocol):
    """The content of an object; `close` it if it is not read to its end."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class Client(Protocol):
    """The requests of one kind of storage, each tried once; they raise OSError."""

    def stat(self, address: str) -> Object: ...

    def open(self, address: str) -> tuple[Object, Pieces]:
        """Return an object and its whole content in pieces, see `stream`."""
        ...

    def walk(self, address: str) -> Iterator[Object]:
        """Yield every object whose URL begins with an address, by name."""
        ...

    def top(self, address: str) -> dict[str, bool]:
        """Return the names directly below a prefix, and whether each is a prefix itself."""
        ...

    def stream(self, found: Object, start: int, stop: int) -> Iterator[bytes]:
        """Yield a range of bytes in pieces; they may be too few if the connection is cut."""
        ...


def made(address: str, size: int, tag: str, changed: datetime | None) -> Object:
    """Return the `Object` that a server described."""
    version = tag.strip('"').removeprefix('W/"')
    seconds = int(changed.timestamp()) if changed else 0
    digest = hashlib.sha256(f"{version}:{size}".encode()).digest()
    part = int.from_bytes(digest[:8], "big") % _SECOND
    return Object(address, size, version or str(seconds or ""), seconds * _SECOND + part)


def patience() -> float:
    """Return for how many seconds a request is repeated (`SEPT_REMOTE_PATIENCE`)."""
    try:
        return max(0.0, float(os.environ["SEPT_REMOTE_PATIENCE"]))
    except (KeyError, ValueError):
        return 60.0


def stall() -> float:
    """Return after how many seconds without a byte a connection counts as broken."""
    return max(0.2, min(20.0, patience() / 2))
