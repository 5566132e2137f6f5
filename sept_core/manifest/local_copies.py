"""Local copies of remote images, for training and exports that read them again and again.

In: uids and bytes. Out: the bytes, if they are kept and still have that uid. The copies of all
projects share one folder of this machine, `~/.cache/sept/images`, or that of `SEPT_CACHE`; it is
limited to `SEPT_CACHE_GB` gigabytes, 20 by default, and 0 keeps nothing.
"""

import os
from pathlib import Path

from sept_core import errors
from sept_core.storage import hashing
from sept_core.storage.bounded_folder import BoundedFolder

_GIGABYTE = 1_000_000_000
_DEFAULT = 20.0


class LocalCopies:
    """The copies of this machine, each checked when it is read."""

    def __init__(self) -> None:
        folder = os.environ.get("SEPT_CACHE") or Path.home() / ".cache" / "sept"
        self._limit = int(_gigabytes() * _GIGABYTE)
        self._files = BoundedFolder(Path(folder) / "images", self._limit)

    def get(self, uid: str) -> bytes | None:
        """Return the bytes of an image if they can be read; a damaged copy is deleted."""
        try:
            data = self._files.get(_name(uid)) if self._limit else None
            if data is None or hashing.uid_of(data) == uid:
                return data
            self._files.drop(_name(uid))
        except OSError:
            self._limit = 0  # the place of the image is still there
        return None

    def put(self, uid: str, data: bytes) -> None:
        """Keep the bytes of an image, unless the folder cannot be written."""
        if len(data) <= self._limit:
            try:
                self._files.put(_name(uid), data)
            except (OSError, errors.StorageError):
                self._limit = 0  # a full disk must not end a training


def _gigabytes() -> float:
    try:
        return max(0.0, float(os.environ["SEPT_CACHE_GB"]))
    except (KeyError, ValueError):
        return _DEFAULT


def _name(uid: str) -> str:
    return f"{uid[:2]}/{uid}"
