"""Folders: the files below a root, listed without opening them.

In: a root, and names below it. Out: one `Found` for each file, with its size and time, or with
the reason why it must not be opened.
"""

# ruff: noqa: PTH112, PTH114, PTH116, PTH118, PTH120, PTH207
# Plain strings: Path objects would double the time of walking a million files.

import errno
import functools
import glob
import itertools
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from sept_core import errors
from sept_core.filesystem import remote_folders, safe_paths
from sept_core.filesystem.remote_folders import Found
from sept_core.remote import files, places

__all__ = [
    "Found",
    "NamedFiles",
    "exists",
    "expand",
    "is_file",
    "is_folder",
    "is_pattern",
    "may_be_there",
    "open_file",
    "relative",
    "top",
    "walk",
    "without_pattern",
]

_MAX_VISITS = 8  # times that one folder is entered: links could multiply it without end
_MAX_BRACES = 1_000_000
_KINDS = {
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}
_FAILURES = {
    errno.ENOENT: "missing file",
    errno.ENOTDIR: "missing file",
    errno.ELOOP: "link loop",
    errno.ENAMETOOLONG: "name too long for a file",
}


def walk(root: Path, beyond: tuple[str, ...] = ()) -> Iterator[Found]:
    """Yield everything below a folder, in the order of names, folder by folder.

    Links are followed where they stay inside the root or lead into a folder of `beyond`. Pipes,
    sockets, devices, dangling links, link loops, hidden and unreadable folders come with a problem.
    """
    if places.is_remote(root):
        yield from remote_folders.walk(root)
        return
    base = os.path.realpath(root)
    allowed = (base, *beyond)
    visits: Counter[tuple[int, int]] = Counter()
    stack = [("", frozenset({_identity(os.stat(base))}), _items(base))]
    while stack:
        prefix, above, items = stack[-1]
        item = next(items, None)
        if item is None:
            stack.pop()
            continue
        name = prefix + item.name
        status, problem = _look(allowed, item.path)
        if problem or status is None or not stat.S_ISDIR(status.st_mode):
            yield _found(safe_paths.stored(name), status, problem)
            continue
        identity = _identity(status)
        visits[identity] += 1
        problem = _folder_problem(item.name, identity in above, visits[identity])
        try:
            inner = iter(()) if problem else _items(item.path)
        except OSError as failure:
            problem = f"unreadable folder: {failure.strerror}"
        if problem:
            yield _found(safe_paths.stored(name), None, problem)
        else:
            stack.append((name + "/", above | {identity}, inner))


class NamedFiles:
    """Looks up files below a root that a list or a table names."""

    def __init__(self, root: Path, beyond: tuple[str, ...] = ()) -> None:
        self._remote = root if places.is_remote(root) else None
        self._base = "" if self._remote else os.path.realpath(root)
        self._allowed = (self._base, *beyond)
        self._real_folder = functools.lru_cache(4096)(os.path.realpath)

    def look(self, rel_path: str) -> Found:
        """Look up one file by its path as written by `safe_paths.stored`."""
        if self._remote:
            return remote_folders.look(self._remote, rel_path)
        folder, name = os.path.split(os.path.join(self._base, safe_paths.original(rel_path)))
        try:
            real_folder = self._real_folder(folder)
            if not _is_allowed(self._allowed, real_folder):
                return Found(rel_path, -1, 0, safe_paths.LEADS_OUT)
            status, problem = _look(self._allowed, os.path.join(real_folder, name))
        except ValueError:  # a zero byte
            return Found(rel_path, -1, 0, "no file can have this name")
        if status and stat.S_ISDIR(status.st_mode):
            problem = "a folder, not a file"
        return _found(rel_path, status, problem)

    def look_all(self, rel_paths: Iterable[str]) -> Iterator[Found]:
        """Look up many files, in their order."""
        if self._remote:
            return remote_folders.look_all(self._remote, rel_paths)
        return map(self.look, rel_paths)


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder, local or remote."""
    return remote_folders.is_folder(path) if places.is_remote(path) else path.is_dir()


def is_file(path: Path) -> bool:
    """Return whether a path is a file, local or remote."""
    if places.is_remote(path):
        return remote_folders.exists(path) and not remote_folders.is_folder(path)
    return path.is_file()


def top(folder: Path, most: int | None = None) -> dict[str, bool]:
    """Return the first names in a folder, True for folders; raises OSError."""
    if places.is_remote(folder):
        return dict(itertools.islice(remote_folders.top(folder).items(), most))
    with os.scandir(folder) as items:
        return {item.name: _is_folder(item) for item in itertools.islice(items, most)}


def _is_folder(item: os.DirEntry[str]) -> bool:
    """Return whether it is a folder or a link to one; a dangling link or a loop is not."""
    is_link = item.is_symlink()
    return os.path.isdir(item) if is_link else item.is_dir(follow_symlinks=False)


def exists(path: Path) -> bool:
    """Return whether there is something at a path, local or remote."""
    return remote_folders.exists(path) if places.is_remote(path) else path.exists()


def may_be_there(root: Path) -> bool:
    """Return whether a root exists on this machine; a remote one is assumed to."""
    return places.is_remote(root) or root.exists()


def open_file(
    root: Path,
    rel_path: str,
    beyond: tuple[str, ...] = (),
    *,
    ahead: bool = False,
    mtime_ns: int = 0,
    buffering: int = -1,
) -> BinaryIO:
    """Open a file below a root, local or remote.

    Args:
        root: the source's root.
        rel_path: as written by `safe_paths.stored`.
        beyond: folders that links may lead to besides.
        ahead: a remote file will be read from one end to the other.
        mtime_ns: of the version of a remote file that is wanted; 0 for any.
        buffering: of a local file, as of `open`.

    Raises:
        SourceError, OSError: as `safe_paths.open_inside` and `remote.requests.stat`.
    """
    if places.is_remote(root):
        address = remote_folders.url(root, rel_path)
        return files.open_object(address, ahead=ahead, mtime_ns=mtime_ns)
    return os.fdopen(safe_paths.open_inside(root, rel_path, beyond), "rb", buffering)


def relative(root: Path, base: Path, name: str) -> str | None:
    """Return a `name` from a table in folder `base` as a stored path below `root`; None if outside.

    Uses the text alone: links are checked when the file is looked up.
    """
    absolute = os.path.normpath(os.path.join(base, name))
    inside = absolute.removeprefix(os.path.join(root, ""))
    try:
        return None if inside == absolute else safe_paths.stored(inside)
    except UnicodeEncodeError:  # half a surrogate pair, from JSON: no file has such a name
        return None


def expand(pattern: str) -> list[str]:
    """Expand a pattern such as `shards/{00000..00123}.tar` or `*.tar`.

    Names from braces are returned even if the files are missing, so that they can be reported.

    Raises:
        SourceError: braces that name more than a million files.
    """
    found: list[str] = []
    for name in _without_braces(pattern):
        matching = remote_folders.matching if places.is_remote(name) else _matching
        found += matching(name) if glob.has_magic(name) else [name]
    return list(dict.fromkeys(found))


def is_pattern(path: str) -> bool:
    """Return whether a path contains `*`, `?`, `[…]` or `{…}`."""
    return "{" in path or glob.has_magic(path)


def without_pattern(path: str) -> str:
    """Return the innermost folder of a pattern (or a plain path) without wildcards."""
    folder = os.path.dirname(path)
    while is_pattern(folder) and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def _without_braces(pattern: str) -> list[str]:
    """`{a,b}` and `{007..123}` written out, the first braces first."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        return [pattern]
    choices = match[1].split(",")
    if limits := re.fullmatch(r"(\d{1,9})\.\.(\d{1,9})", match[1]):
        first, last = int(limits[1]), int(limits[2])
        if last - first >= _MAX_BRACES:
            raise errors.SourceError(
                f"{pattern} expands to more than {_MAX_BRACES} files; use * instead."
            )
        choices = [f"{n:0{len(limits[1])}d}" for n in range(first, last + 1)]
    head, tail = pattern[: match.start()], _without_braces(pattern[match.end() :])
    return [f"{head}{choice}{rest}" for choice in choices for rest in tail]


def _matching(pattern: str) -> list[str]:
    return sorted(glob.glob(pattern))


def _items(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as items:
        return iter(sorted(items, key=lambda item: item.name))


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _look(allowed: tuple[str, ...], path: str) -> tuple[os.stat_result | None, str | None]:
    """Return the file that `path` leads to, with the reason if it must not be opened.

    Args:
        allowed: the source's root, and the folders that links may lead to besides.
        path: absolute.
    """
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            status = os.stat(path)
            real = os.path.realpath(path)
            if not _is_allowed(allowed, real):
                return None, safe_paths.LEADS_OUT
            if safe_paths.is_below(real, allowed[0]):  # a folder that the source itself lies in
                return None, "link loop"
    except OSError as failure:
        problem = _FAILURES.get(failure.errno or 0, f"unreadable: {failure.strerror}")
        is_link = os.path.islink(path) and problem == "missing file"
        return None, "dangling link" if is_link else problem
    return status, _KINDS.get(stat.S_IFMT(status.st_mode))


def _is_allowed(allowed: tuple[str, ...], real: str) -> bool:
    return any(safe_paths.is_below(folder, real) for folder in allowed)


def _folder_problem(name: str, is_loop: bool, visits: int) -> str | None:
    if name.startswith("."):
        return "hidden folder"
    if is_loop:
        return "link loop"
    return "reached through too many links" if visits > _MAX_VISITS else None


def _found(rel_path: str, status: os.stat_result | None, problem: str | None) -> Found:
    if status is None:
        return Found(rel_path, -1, 0, problem)
    return Found(rel_path, status.st_size, status.st_mtime_ns, problem)
