"""The scripts and styles of `assets/`, served under a hash of the whole tree.

In: the folder. Out: the address of the tree and the contents behind it. The modules import one
another by relative paths, so an address names the whole tree. An edit gives a new address.
"""

import hashlib
import math
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from pages.shared import access
from sept_core import errors
from sept_core.storage import app_files

ENTRY = "index.js"
"""The module that exports every component."""

MEDIA_TYPES = {".js": "text/javascript", ".css": "text/css"}
"""Media types of the files that are served; all others are not."""

SUBJECT = "assets"
"""Subject of the token in an address; every project key has a hyphen, so none equals it."""


@dataclass(frozen=True)
class Asset:
    """One file of the tree."""

    data: bytes
    media_type: str


@dataclass(frozen=True)
class AssetTree:
    """All served files by their path below `assets/`, and their common hash."""

    digest: str
    files: dict[str, Asset]


_Stamps = tuple[Path, *tuple[tuple[str, int, int], ...]]
"""The folder, and the name, time and size of each file."""

_LOCK = threading.Lock()
_READ: dict[_Stamps, AssetTree] = {}
"""The most recent trees; pages drawn before an edit still load the older one."""

_CACHED = 2

CHECK_SECONDS = 1.0
"""Time after which the folder is compared with what was read; each click draws components."""

_LATEST: dict[Path, tuple[float, AssetTree]] = {}
"""Maps a folder to the time of its last comparison, and its tree."""


def current() -> AssetTree:
    """Return the tree as it was on disk at most `CHECK_SECONDS` ago, read again after a change."""
    folder, now = app_files.assets(), time.monotonic()
    with _LOCK:
        checked, tree = _LATEST.get(folder, (-math.inf, None))
        if tree is None or now - checked >= CHECK_SECONDS:
            tree = _as_on_disk(folder)
            _LATEST[folder] = (now, tree)
        return tree


def _as_on_disk(folder: Path) -> AssetTree:
    stamps = _stamps(folder)
    if stamps not in _READ:
        _READ[stamps] = _read(stamps)
        if len(_READ) > _CACHED:
            del _READ[next(iter(_READ))]
    return _READ[stamps]


def _stamps(folder: Path) -> _Stamps:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in MEDIA_TYPES)
    stamps = []
    for path in paths:
        stat = path.stat()
        stamps.append((path.relative_to(folder).as_posix(), stat.st_mtime_ns, stat.st_size))
    return (folder, *stamps)


def _read(stamps: _Stamps) -> AssetTree:
    folder, *files_in_it = stamps
    files = {
        name: Asset((folder / name).read_bytes(), MEDIA_TYPES[Path(name).suffix])
        for name, _, _ in files_in_it
    }
    total = hashlib.sha256()
    for name, asset in files.items():
        total.update(f"{name}\0{len(asset.data)}\0".encode() + asset.data)
    return AssetTree(total.hexdigest()[:32], files)


def address() -> str:
    """Return the path of the entry module, with a token if the app has a login.

    The token is part of the path, because relative imports drop the query.
    """
    token = access.signature(SUBJECT)
    version = f"{current().digest}.{token}" if token else current().digest
    return f"/assets/{version}/{ENTRY}"


def may_fetch(version: str) -> bool:
    """Return whether the token in an address permits the request."""
    return access.may_fetch(version.partition(".")[2], SUBJECT)


def find(version: str, path: str) -> Asset:
    """Return a file of the tree.

    Raises:
        NotFoundError: the tree is no longer cached, or it has no such file.
    """
    tree = _known(version.partition(".")[0])
    if tree is None or path not in tree.files:
        raise errors.NotFoundError(f"There is no script or style {path!r}; reload the page.")
    return tree.files[path]


def _known(digest: str) -> AssetTree | None:
    """Return the tree of a hash, reading the folder only if no cached tree has it."""
    with _LOCK:
        read = list(_READ.values())
    for tree in read:
        if tree.digest == digest:
            return tree
    tree = current()
    return tree if tree.digest == digest else None
