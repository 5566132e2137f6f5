"""Remote folders: prefixes in object storage, listed like folders.

In: a remote root, see `remote.places`, and names below it. Out: as of `folders`: one file for each
object, with its size and time, or with the reason why it cannot be read.
"""

import glob
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from sept_core import errors
from sept_core.filesystem import safe_paths
from sept_core.imaging import outcomes
from sept_core.remote import objects, places, requests

_LOOKED_UP_AT_ONCE = 32


class Found(NamedTuple):
    """One file: `rel_path` as written by `safe_paths.stored`, size in bytes, or the problem."""

    rel_path: str
    size: int
    mtime_ns: int
    problem: str | None


def walk(root: Path) -> Iterator[Found]:
    """Yield every object below a prefix, by name.

    Raises:
        OSError: the listing is incomplete.
    """
    base = places.url(root).rstrip("/") + "/"
    for found in requests.walk(base):
        if not found.url.startswith(base):
            continue
        name = found.url[len(base) :]
        if name and not (name.endswith("/") and not found.size):  # marks of empty folders
            yield _found(safe_paths.stored(name), found, _name_problem(name))


def look(root: Path, rel_path: str) -> Found:
    """Look up one object below a root by its path as written by `safe_paths.stored`."""
    try:
        return _found(rel_path, requests.stat(url(root, rel_path)), None)
    except errors.SourceError as problem:
        return Found(rel_path, -1, 0, f"{outcomes.UNREACHABLE}{problem}")
    except OSError as problem:
        is_missing = isinstance(problem, FileNotFoundError)
        reason = "missing file" if is_missing else outcomes.of_machine(problem)
        return Found(rel_path, -1, 0, reason)


def look_all(root: Path, rel_paths: Iterable[str]) -> Iterator[Found]:
    """Look up many objects, several at once; in their order."""
    with ThreadPoolExecutor(_LOOKED_UP_AT_ONCE) as pool:
        yield from pool.map(lambda rel_path: look(root, rel_path), rel_paths)


def url(root: Path, rel_path: str) -> str:
    """Return the URL of a file below a root.

    Raises:
        SourceError: the path leads out of the root.
    """
    if not safe_paths.is_inside(rel_path):
        raise errors.SourceError(f"{rel_path!r} leads outside {places.url(root)}.")
    return places.joined(root, safe_paths.original(rel_path))


def is_folder(path: Path) -> bool:
    """Return whether there are objects below a prefix; never on the web, which has no folders."""
    if places.scheme(path) not in places.BUCKETS:
        return False
    return any(True for _ in walk(path))


def top(path: Path) -> dict[str, bool]:
    """Return the names directly in a folder, True for those of folders."""
    return requests.top(places.url(path).rstrip("/") + "/")


def exists(path: Path) -> bool:
    """Return whether there is an object at a place, or below it.

    Raises:
        OSError: the storage does not answer.
    """
    if places.split(places.url(path))[1]:
        try:
            requests.stat(places.url(path))
            return True
        except FileNotFoundError:
            pass
    return is_folder(path)


def matching(pattern: str) -> list[str]:
    """Return the places that match a pattern with `*`, `?` or `[…]`, sorted."""
    if places.scheme(pattern) not in places.BUCKETS:
        raise errors.SourceError(
            f"{places.shown(pattern)} cannot be searched: the web has no folders; use braces, such "
            "as shard-{000..099}.tar, or a list of addresses (.txt)."
        )
    folder = Path(pattern)
    while glob.has_magic(str(folder)):
        folder = folder.parent
    wanted = places.url(pattern)
    found = (places.joined(folder, safe_paths.original(rel)) for rel, *_ in walk(folder))
    return [str(Path(address)) for address in found if places.matches(address, wanted)]


def _name_problem(name: str) -> str | None:
    if not safe_paths.is_inside(safe_paths.stored(name)):
        return "no usable name: it has empty parts, '.' or '..'"
    return "hidden folder" if any(part.startswith(".") for part in name.split("/")[:-1]) else None


def _found(rel_path: str, found: objects.Object, problem: str | None) -> Found:
    return Found(rel_path, found.size, found.mtime_ns, problem)
