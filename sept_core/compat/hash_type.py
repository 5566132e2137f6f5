"""A type for the objects of `hashlib`, which are public while their class has a private name."""

from typing import Protocol, Self


class RunningHash(Protocol):
    """The type of `hashlib.sha256()`: a hash that more bytes can be added to."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def copy(self) -> Self:
        """Return a hash of the same bytes that goes on independently."""

    def hexdigest(self) -> str:
        """Return the hash of all bytes so far as hex digits."""
