"""The bytes of images for the app's pages: by uid only, thumbnails from a bounded cache.

In: a uid. Out: bytes that a browser can show, or `NotFoundError`. A uid that the catalogue does
not hold reaches no file. Thread-safe: each call uses its own cursor.
"""

import io
import threading
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from sept_core import errors
from sept_core.catalogue import place_table
from sept_core.imaging import decoders, images
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.ingest import sources
from sept_core.services.data import original_bytes, scaling
from sept_core.services.project import projects
from sept_core.storage import hashing
from sept_core.storage.bounded_folder import BoundedFolder

THUMBNAIL_SIZE = 256
FULL_SIZE = 2048
"""Side in pixels of the JPEG that replaces an image that browsers cannot show (TIFF and others)."""

CACHE_BYTES = 2_000_000_000
SHOWN_AS_IS = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}


@dataclass(frozen=True)
class Picture:
    """Encoded bytes and media type; `lasting` unless they depend on the project's settings."""

    data: bytes
    media_type: str
    lasting: bool = True


class ImageServer:
    """Serves one project until `close`; holds its catalogue only during a look-up."""

    def __init__(self, folder: Path, cache_bytes: int = CACHE_BYTES) -> None:
        self._folder = folder
        self._cache = ThumbnailCache(projects.paths_of(folder).thumbnails, cache_bytes)
        self._readers: dict[str, sources.ByteReader] = {}
        self._lock = threading.Lock()

    def image(self, uid: str) -> Picture:
        """Return the stored image, or a large JPEG of it if browsers lack the format.

        Raises:
            NotFoundError: the catalogue does not hold it, or none of its files can be read.
        """
        data, place = self._read(uid)
        if place.format in SHOWN_AS_IS and not _may_need_range(uid, data):
            return Picture(data, SHOWN_AS_IS[place.format])
        return _reduced(place, data, FULL_SIZE, self._ranges())

    def thumbnail(self, uid: str) -> Picture:
        """Return a small JPEG of the image.

        Raises:
            NotFoundError: as in `image`.
        """
        if not _is_uid(uid):
            raise errors.NotFoundError(f"The project has no image {uid!r}.")
        if data := self._cache.get(uid):
            return Picture(data, "image/jpeg")
        ranges = self._ranges()
        variant = hashing.fingerprint(ranges.ends())
        if data := self._cache.get(uid, variant):
            return Picture(data, "image/jpeg", lasting=False)
        original, place = self._read(uid)
        made = _reduced(place, original, THUMBNAIL_SIZE, ranges)
        self._cache.put(uid, made.data, "" if made.lasting else variant)
        return made

    def _ranges(self) -> ValueRanges:
        with projects.using(self._folder) as project:
            return scaling.current(project)

    def _read(self, uid: str) -> tuple[bytes, place_table.Place]:
        """Return the bytes from the first readable place, and that place."""
        if _is_uid(uid):
            with projects.using(self._folder) as project:
                places = place_table.places(project.db, uid)
            if found := original_bytes.read(uid, places, self._reader):
                return found
        raise errors.NotFoundError(f"The project has no image {uid!r}.")

    def _reader(self, place: place_table.Place) -> sources.ByteReader:
        with self._lock:
            if place.source_id not in self._readers:
                self._readers[place.source_id] = sources.ByteReader({place.source_id: place.root})
            return self._readers[place.source_id]

    def close(self) -> None:
        """Close all readers; serving again reopens them."""
        with self._lock:
            for reader in self._readers.values():
                reader.close()
            self._readers.clear()


class ThumbnailCache:
    """Thumbnails on disk; the oldest are deleted when they use more than `limit` bytes.

    Each belongs to a uid, and to a variant if it depends on the project's settings.

    Args:
        folder: may be deleted at any time.
        limit: maximum size in bytes.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self._files = BoundedFolder(folder, limit)

    def get(self, uid: str, variant: str = "") -> bytes | None:
        """Return a thumbnail if it is cached."""
        return self._files.get(_name(uid, variant))

    def put(self, uid: str, data: bytes, variant: str = "") -> None:
        """Store a thumbnail, after making room for it."""
        self._files.put(_name(uid, variant), data)


def _name(uid: str, variant: str) -> str:
    ending = f".{variant}.jpg" if variant else ".jpg"
    return f"{uid[:2]}-{decoders.RULES}/{uid}{ending}"


def as_csv(rows: pa.Table) -> bytes:
    """Return a table as csv with a header, for download."""
    out = io.BytesIO()
    csv.write_csv(rows, out)
    return out.getvalue()


def _is_uid(text: str) -> bool:
    return len(text) == 32 and set(text) <= set("0123456789abcdef")


def _may_need_range(uid: str, data: bytes) -> bool:
    try:
        return images.may_need_range(data)
    except images.UnusableFile as problem:
        raise _not_shown(uid, problem) from None


def _reduced(place: place_table.Place, data: bytes, size: int, ranges: ValueRanges) -> Picture:
    try:
        decoded = images.decode(data, size, ranges, images.parse_bands(place.bands))
    except images.UnusableFile as problem:
        raise _not_shown(hashing.uid_of(data), problem) from None
    return Picture(images.jpeg(decoded.image, size), "image/jpeg", lasting=not decoded.kind)


def _not_shown(uid: str, problem: images.UnusableFile) -> errors.NotFoundError:
    return errors.NotFoundError(f"Image {uid} cannot be shown ({problem.reason}).")
