"""A folder of small files that may be deleted at any time, and that is limited in size.

In: names and contents. Out: the contents, as long as they are kept; the oldest are deleted first.
"""

import contextlib
import threading
from pathlib import Path

from sept_core.storage import atomic


class BoundedFolder:
    """Files in sub-folders of a folder; safe to share between threads and processes.

    Each process counts the folder again after it has written a sixteenth of the limit, so several
    that write at the same time exceed the limit by that much each.

    Args:
        folder: created when needed; may be deleted at any time.
        limit: maximum size in bytes.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._lock = threading.Lock()
        self._left = 0  # bytes until the folder is counted again

    def get(self, name: str) -> bytes | None:
        """Return a file's content if it is kept."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, name: str, data: bytes) -> None:
        """Keep a file, after making room for it; `name` is `FOLDER/FILE`."""
        with self._lock:
            if self._left < len(data):
                free = self._limit - self._make_room(len(data))
                self._left = min(free, self._limit // 16)
            self._left -= len(data)
        with atomic.write_then_rename(self._folder / name) as temporary:
            temporary.write_bytes(data)

    def drop(self, name: str) -> None:
        """Delete a file if it is there."""
        (self._folder / name).unlink(missing_ok=True)

    def _make_room(self, wanted: int) -> int:
        """Delete the oldest until a tenth of the limit is free; return the bytes still used."""
        found = []
        for path in self._folder.glob("*/[!.]*"):
            with contextlib.suppress(FileNotFoundError):  # another process makes room as well
                found.append((path, path.stat()))
        held = sum(stat.st_size for _, stat in found)
        if held + wanted <= self._limit:
            return held
        for path, stat in sorted(found, key=lambda item: (item[1].st_mtime_ns, item[0])):
            if held + wanted <= self._limit * 0.9:
                break
            path.unlink(missing_ok=True)
            held -= stat.st_size
        return held
