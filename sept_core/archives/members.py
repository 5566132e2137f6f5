"""Members: the files in an archive, each with the reason why it is never read, if there is one.

In: what the archive says of a file. Out: a `Member`, whose name finds it again in the archive.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sept_core.filesystem import safe_paths

SIDECARS = frozenset((".json", ".txt", ".cls"))
"""Suffixes of side-cars, which are read while listing, so that a packed tar is unpacked only once.
"""

MAX_SIDECAR_BYTES = 1 << 20
_ENDS = tuple(suffix for known in SIDECARS for suffix in (known, known.upper()))

REPEATED = "\\#"
"""Separates a repeated member's name from its number; it occurs in no stored name."""


class Member(NamedTuple):
    """One file in an archive.

    Attributes:
        name: as written by `safe_paths.stored`; of several members with one name the second is
            `NAME\\#2`. Empty for damage of the archive itself.
        offset: of its bytes in the unpacked tar, −1 in a zip and for a sparse member.
        size: in bytes, unpacked.
        problem: why it is never read, or None.
        text: the content of a small side-car file.
        part: number of the archive among those that were joined into one file.
        pieces: of a sparse member: (offset in the tar, offset in the member, size) of its bytes.
    """

    name: str
    offset: int
    size: int
    problem: str | None = None
    text: bytes | None = None
    part: int = 0
    pieces: tuple[tuple[int, int, int], ...] = ()


def refused(problem: str) -> Member:
    """Return a member that stands for the unlistable part of an archive."""
    return Member("", offset=-1, size=-1, problem=problem)


def numbered(listed: Iterable[Member]) -> Iterator[Member]:
    """Yield the members with unique names."""
    times: dict[str, int] = {}
    for member in listed:
        count = times[member.name] = times.get(member.name, 0) + 1
        if count == 1:
            yield member
        else:
            yield member._replace(name=f"{member.name}{REPEATED}{count}")


def plain(name: str) -> str:
    """Return a member's name as in the archive, with Windows backslashes as slashes."""
    if "\\" not in name:
        return name
    return name.partition(REPEATED)[0].replace("\\x5c", "/")


def is_sidecar(name: str, size: int) -> bool:
    """Return whether a member is read while listing."""
    return name.endswith(_ENDS) and size <= MAX_SIDECAR_BYTES


def problem(name: str, size: int) -> str | None:
    """Return why a member of this name (as in the archive) and size is never read, or None."""
    slashed = name.replace("\\", "/") if "\\" in name else name
    is_upward = ".." in slashed and ".." in slashed.split("/")
    if slashed.startswith("/") or slashed[1:2] == ":" or is_upward:
        return "unsafe name in an archive; unpack it and add the folder"
    return safe_paths.size_problem(size)
