r"""Names inside a source: their meaning, their stored form, and safe opening of their files.

In: file names as the system or an archive gives them, which may hold any bytes. Out: text that
parquet and DuckDB can hold, the reason why a name is skipped, and open files that are guaranteed to
lie inside their root.
"""

import errno
import os
import re
import stat
from pathlib import Path

from sept_core import errors
from sept_core.imaging import image_formats, other_files

IMAGE_SUFFIXES = image_formats.SUFFIXES
"""Usual suffixes of images; files with other names may be images as well, see `name_problem`."""

MAX_BYTES = 1 << 29
"""Larger images are listed but never read: 512 MiB, an uncompressed image of `images.MAX_PIXELS`.
"""

LEADS_OUT = (
    "link leads out of the source; add it with --follow-links, or name its folder in SEPT_ROOTS"
)

_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")
_FOLDER_ONLY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not block us


def stored(name: str) -> str:
    r"""Return a file name as text that any table can hold; `original` reverses it.

    Names are bytes, and Python marks those that are not UTF-8 by lone surrogates, which parquet
    refuses. Each such byte, and the backslash itself, is written `\xNN`; all else stays.
    """
    if name.isascii() and "\\" not in name:
        return name
    escaped = name.replace("\\", "\\x5c")
    return escaped.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def original(text: str) -> str:
    """Return the file name that `stored` wrote as `text`, ready for the operating system."""
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda match: os.fsdecode(bytes([int(match[1], 16)])), text)


def name_problem(path: str) -> str | None:
    """Return why a file of this name is not opened as an image, or None; nothing is read.

    Only files that are not images by convention stay closed (labels, tables, videos, archives). For
    all other names, decoding decides.
    """
    if "\\" in path:  # zips made on Windows may separate by it
        path = path.replace("\\x5c", "/")
    for part in path.split("/"):
        if part.startswith(".") and part not in (".", ".."):
            return "hidden file"
    return other_files.NAME_PROBLEMS.get(suffix_of(path))


def size_problem(size: int) -> str | None:
    """Return why a file of so many bytes is never read, or None."""
    return f"too large to read safely ({size} bytes)" if size > MAX_BYTES else None


def suffix_of(path: str) -> str:
    """Return the last suffix in lower case, with its dot; empty if there is none."""
    return os.path.splitext(path)[1].lower()  # noqa: PTH122 (a million times faster matters)


def is_inside(path: str) -> bool:
    """Return whether a relative path lies below its root, by its text alone."""
    parts = path.split("/")
    return all(parts) and ".." not in parts and "." not in parts


def open_inside(root: Path, rel_path: str, beyond: tuple[str, ...] = ()) -> int:
    """Open a regular file below `root` for reading and return its descriptor.

    Walks down from the root's descriptor and allows no component to be a link, so that concurrent
    changes cannot lead elsewhere. Links are resolved first, and must stay inside the root or lead
    into a folder of `beyond`, from whose descriptor the walk then starts.

    Args:
        root: any folder.
        rel_path: as written by `stored`.
        beyond: folders, without links, that links may lead to besides.

    Raises:
        SourceError: the path leads out of the root.
        LinkError: a link in it leads out of the root, and not into a folder of `beyond`.
        OSError: there is no such regular file, or it may not be read; with the system's number.
    """
    if not is_inside(rel_path):
        raise errors.SourceError(f"{rel_path!r} leads outside {root}; use paths below it.")
    parts = original(rel_path).split("/")
    try:
        return _open_without_links(root, parts)
    except OSError as problem:
        if problem.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
    base = os.path.realpath(root)
    real = os.path.realpath(os.path.join(base, *parts))  # noqa: PTH118
    home = next((folder for folder in (base, *beyond) if is_below(folder, real)), None)
    if home is None:
        raise errors.LinkError(
            f"{'/'.join(parts)!r} is a link that leads outside {root}; add the source with "
            "--follow-links, or add the target folder to SEPT_ROOTS."
        )
    return _open_without_links(home, real[len(home) :].lstrip("/").split("/"))


def is_below(folder: str, real: str) -> bool:
    """Return whether a path without links is a folder or lies below it."""
    return real == folder or real.startswith(os.path.join(folder, ""))  # noqa: PTH118


def _open_without_links(root: Path | str, parts: list[str]) -> int:
    folder = os.open(root, _FOLDER_ONLY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER_ONLY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        descriptor = os.open(parts[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EISDIR, "not a regular file")
    return descriptor
