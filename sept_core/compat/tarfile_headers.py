"""`tarfile` keeps every header that it reads in a list, gigabytes for a tar of many images.

In: an archive open for reading. Out: the same with that list empty; the place of its next header,
which may be moved.
"""

import tarfile


def forget(archive: tarfile.TarFile) -> None:
    """Drop the headers read so far; `archive.next()` continues behind the last one."""
    archive.members = []  # type: ignore[attr-defined]  # private to the type stubs


def place(archive: tarfile.TarFile) -> int:
    """Return where the next header is expected."""
    return int(archive.offset)  # private to the type stubs


def go_on(archive: tarfile.TarFile, place: int) -> None:
    """Let `archive.next()` continue with the header at a place."""
    archive.offset = place  # private to the type stubs
