"""Reader for the bytes of a manifest's images; returns only bytes that match the uid.

In: a manifest, and the folders of its sources on this machine. Out: bytes by uid.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from sept_core import errors
from sept_core.filesystem import folders
from sept_core.filesystem.roots import Root
from sept_core.imaging import images
from sept_core.ingest import sources
from sept_core.manifest import local_copies, manifest_tables
from sept_core.manifest.manifest import Manifest
from sept_core.manifest.manifest_tables import Location
from sept_core.remote import places
from sept_core.storage import hashing


class ImageReader:
    """Reads a manifest's images by uid and returns only bytes that match the uid.

    Safe to share between threads. An image with several places is read from the first that still
    has it.
    """

    def __init__(
        self, manifest: Manifest, roots: Mapping[str, Path] | None = None, *, afresh: bool = False
    ) -> None:
        """Use `roots`, or the manifest's `roots.json`; missing folders are skipped.

        With `afresh`, remote images are read from their places, not from copies on this machine.
        """
        self.manifest = manifest
        given = manifest.roots() if roots is None else roots
        self.roots = {
            name: Path(root) for name, root in given.items() if folders.may_be_there(Path(root))
        }
        self.unrooted = sorted(set(manifest.sources()) - set(self.roots))
        followed = manifest.followed()
        homes = {name: Root(path, name in followed) for name, path in self.roots.items()}
        self._bytes = sources.ByteReader(homes)
        self._bands = manifest.bands()
        self._copies = None if afresh else local_copies.LocalCopies()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bytes.close()

    def read(self, uid: str) -> bytes:
        """Return the bytes of one image.

        Raises:
            NotFoundError: no place of the image can be read.
            IntegrityError: its file exists, but its bytes have changed.
        """
        return self.fetch(uid)[1]

    def fetch(self, uid: str) -> tuple[Location, bytes]:
        """Like `read`, but also return the place where the bytes were found."""
        failures: list[str] = []
        changed: Location | None = None
        for place in self.places(uid):
            try:
                data = self._read(uid, place)
            except (images.UnusableFile, errors.SeptError) as problem:
                failures.append(f"{_name(place)}: {problem}")
                continue
            if hashing.uid_of(data) == uid:
                return place, data
            changed = changed or place
        if changed:
            raise errors.IntegrityError(
                f"{_name(changed)} has changed since image {uid} was selected; "
                "restore the file or update the selection."
            )
        why = "; ".join(failures) or "it has features only"
        raise errors.NotFoundError(f"Image {uid} cannot be read ({why}).")

    def _read(self, uid: str, place: Location) -> bytes:
        """Read a place; remote ones once, as long as their copy is kept."""
        if not self._copies or place[0] not in self.roots or not self.is_remote(place[0]):
            return self._bytes.read(*place)
        data = self._copies.get(uid)
        if data is None:
            data = self._bytes.read(*place)
            if hashing.uid_of(data) == uid:
                self._copies.put(uid, data)
        return data

    def bands(self, uid: str) -> images.Bands:
        """Return the bands of an image to decode, as when it was embedded; see `images.decode`."""
        if not self._bands:
            return None
        places = self.places(uid)
        return self._bands.get(places[0][0]) if places else None

    def places(self, uid: str) -> tuple[Location, ...]:
        """List all places of an image, the one in its own row first; none for features only."""
        if uid not in self._places:
            raise errors.NotFoundError(f"The manifest has no image {uid}.")
        return self._places[uid]

    def is_remote(self, source: str) -> bool:
        """Return whether the files of a source are in object storage or on the web."""
        return places.is_remote(self.roots[source])

    def rooted(self, uid: str) -> bool:
        """Return True if at least one place of the image is in a source that has a folder here."""
        return any(source in self.roots for source, _, _ in self.places(uid))

    @functools.cached_property
    def _places(self) -> dict[str, tuple[Location, ...]]:
        columns = ["sha256", *manifest_tables.LOCATIONS.names]
        places: dict[str, tuple[Location, ...]] = {
            row["uid"]: () if row.pop("sha256") is None else (manifest_tables.location(**row),)
            for row in self.manifest.rows.select(columns).to_pylist()
        }
        for row in self.manifest.locations.to_pylist():
            known = places.get(row["uid"], ())
            if (place := manifest_tables.location(**row)) not in known:
                places[row["uid"]] = (*known, place)
        return places


def _name(place: Location) -> str:
    return " → ".join(part for part in place if part)
