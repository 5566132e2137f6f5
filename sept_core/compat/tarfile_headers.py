"""`tarfile` keeps every header that it reads in a list, gigabytes for a tar of many images.

In: an archive open for reading. Out: the same with that list empty.
"""

import tarfile


def forget(archive: tarfile.TarFile) -> None:
    """Drop the headers read so far; `archive.next()` continues behind the last one."""
    archive.members = []  # type: ignore[attr-defined]  # private to the type stubs
