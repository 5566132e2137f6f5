"""The bytes of images for the app's pages: by uid only, thumbnails from a bounded cache.

In: a uid. Out: bytes that a browser can show, or `NotFoundError`. A uid that the catalogue does
not hold reaches no file. Safe for many threads, each call on a cursor of its own.
"""

import io
import threading
from dataclasses import dataclass
from pathlib import Path

from pyarrow import csv

from sept_core import errors, files, images, sources
from sept_core.catalogue import images as catalogue
from sept_core.pipeline import collections, projects
from sept_core.pipeline.projects import Project

THUMBNAIL_SIZE = 256
FULL_SIZE = 2048
"""Pixels a side of what stands in for an image that browsers cannot show (TIFF and others)."""

CACHE_BYTES = 2_000_000_000
SHOWN_AS_IS = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}


@dataclass(frozen=True)
class Picture:
    """Encoded bytes and their media type."""

    data: bytes
    media_type: str


class ImageServer:
    """Serves one project until `close`, using its catalogue for the length of a look-up."""

    def __init__(self, folder: Path, cache_bytes: int = CACHE_BYTES) -> None:
        self._folder = folder
        self._cache = ThumbnailCache(projects.paths_of(folder).thumbnails, cache_bytes)
        self._readers: dict[str, sources.ByteReader] = {}
        self._lock = threading.Lock()

    def image(self, uid: str) -> Picture:
        """The image as it is stored, or a large JPEG of it where browsers lack the format.

        Raises:
            NotFoundError: the catalogue does not hold it, or none of its files can be read.
        """
        data, file_format = self._read(uid)
        if file_format in SHOWN_AS_IS:
            return Picture(data, SHOWN_AS_IS[file_format])
        return Picture(_reduced(uid, data, FULL_SIZE), "image/jpeg")

    def thumbnail(self, uid: str) -> Picture:
        """A small JPEG of the image.

        Raises:
            NotFoundError: as in `image`.
        """
        data = self._cache.get(uid) if _is_uid(uid) else None
        if data is None:
            original, _ = self._read(uid)
            data = _reduced(uid, original, THUMBNAIL_SIZE)
            self._cache.put(uid, data)
        return Picture(data, "image/jpeg")

    def _read(self, uid: str) -> tuple[bytes, str]:
        """The bytes from the first place that can be read, and their format."""
        if _is_uid(uid):
            with projects.using(self._folder) as project:
                places = catalogue.places(project.db, uid)
            for place in places:
                try:
                    reader = self._reader(place.source_id, place.root)
                    data = reader.read(
                        place.source_id, place.rel_path, place.member, place.offset, place.size
                    )
                except (images.RejectedImage, errors.SourceError):
                    continue  # moved or damaged since: another place may still hold it
                if files.uid_of(data) == uid:
                    return data, place.format
        raise errors.NotFoundError(f"There is no image {uid!r} to show.")

    def _reader(self, source_id: str, root: Path) -> sources.ByteReader:
        with self._lock:
            if source_id not in self._readers:
                self._readers[source_id] = sources.ByteReader({source_id: root})
            return self._readers[source_id]

    def close(self) -> None:
        """Close what was opened; serving again opens it anew."""
        with self._lock:
            for reader in self._readers.values():
                reader.close()
            self._readers.clear()


class ThumbnailCache:
    """Thumbnails on disk, the oldest deleted when they take more than `limit` bytes.

    Args:
        folder: may be deleted at any time.
        limit: in bytes.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._lock = threading.Lock()
        self._held: int | None = None

    def get(self, uid: str) -> bytes | None:
        """A thumbnail if it is there."""
        try:
            return self._path(uid).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, uid: str, data: bytes) -> None:
        """Keep a thumbnail, making room for it first."""
        with self._lock:
            if self._held is None or self._held + len(data) > self._limit:
                self._held = self._make_room(len(data))
            self._held += len(data)
        with files.write_then_rename(self._path(uid)) as temporary:
            temporary.write_bytes(data)

    def _path(self, uid: str) -> Path:
        return self._folder / uid[:2] / f"{uid}.jpg"

    def _make_room(self, wanted: int) -> int:
        """Delete the oldest until a tenth of the limit is free; returns the bytes still held."""
        found = [(path, path.stat()) for path in self._folder.glob("*/*.jpg")]
        held = sum(stat.st_size for _, stat in found)
        if held + wanted <= self._limit:
            return held
        for path, stat in sorted(found, key=lambda item: (item[1].st_mtime_ns, item[0])):
            if held + wanted <= self._limit * 0.9:
                break
            path.unlink(missing_ok=True)
            held -= stat.st_size
        return held


def rejected_csv(project: Project) -> bytes:
    """Every rejected file with its reason, as a csv with a header."""
    out = io.BytesIO()
    csv.write_csv(collections.rejected(project), out)
    return out.getvalue()


def _is_uid(text: str) -> bool:
    return len(text) == 32 and set(text) <= set("0123456789abcdef")


def _reduced(uid: str, data: bytes, size: int) -> bytes:
    try:
        return images.thumbnail(data, size)
    except images.RejectedImage as problem:
        raise errors.NotFoundError(f"Image {uid} cannot be shown ({problem.reason}).") from None
