"""A running export: the selected images in order, and how they are placed into a folder.

In: an open manifest with its reader, the link mode, the format's options. Out: verified
bytes in selected order, and files whose names come from the uid alone. Each image is read
and its hash compared before it is copied or linked, whatever the mode.
"""

import errno
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from sept_core import errors
from sept_core.imaging import image_formats
from sept_core.manifest import image_reader, manifest, manifest_tables

LINKS = ("copy", "hardlink", "symlink")
AHEAD = 32
"""Number of images read ahead, so that reads from a slow disk overlap."""

Found = tuple[manifest_tables.Location, bytes]


def extension(data: bytes) -> str:
    """Return the file extension that matches the bytes, whatever the name of the file."""
    return image_formats.extension(data)


def flat_name(uid: str, extension: str) -> str:
    """Return `UID.jpg`: unique, and safe on every file system."""
    return uid + extension


def tree_name(uid: str, extension: str) -> str:
    """Return `ab/UID.jpg`: 256 folders, so that large exports can be listed quickly."""
    return f"{uid[:2]}/{uid}{extension}"


def rows_of(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield rows as dicts, a few at a time in memory."""
    for batch in table.to_batches(max_chunksize=4096):
        yield from batch.to_pylist()


@dataclass
class Subset:
    """The images of one export.

    Attributes:
        link: how `place` puts a plain file into the export, one of `LINKS`.
        options: the settings of the format.
        stage: the hidden folder that the export is written into.
        home: final path of the export.
        step: called after each image with the number of finished ones.
        notes: sentences of the writer about its result.
        counts: `copied`, `linked`, and `copied_anyway` (archived images have no file to link).
    """

    opened: manifest.Manifest
    reader: image_reader.ImageReader
    link: str
    options: Mapping[str, Any]
    stage: Path
    home: Path
    step: Callable[[int], None]
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(
        default_factory=lambda: {"copied": 0, "linked": 0, "copied_anyway": 0}
    )

    @property
    def companion(self) -> Path:
        """A folder that a one-file export may fill; it is moved next to the file, see `run`."""
        return self.stage / "companion"

    @property
    def companion_home(self) -> Path:
        return self.home.with_name(f"{self.home.stem}-images")

    def rows(self) -> Iterator[dict[str, Any]]:
        """The manifest's rows in selected order."""
        return rows_of(self.opened.rows)

    def images(self, uids: list[str]) -> Iterator[tuple[str, Found]]:
        """Yield verified bytes and their places, in the order of `uids`.

        Raises:
            NotFoundError: an image is missing.
            IntegrityError: its bytes have changed; the file is named.
        """
        waiting: deque[Future[Found]] = deque()
        coming = iter(uids)
        with ThreadPoolExecutor(max_workers=8) as pool:
            for done, uid in enumerate(uids, start=1):
                for following in itertools.islice(coming, AHEAD - len(waiting)):
                    waiting.append(pool.submit(self.reader.fetch, following))
                yield uid, waiting.popleft().result()
                self.step(done)

    def expect(self, written: int, what: str, wanted: int | None = None) -> None:
        """Refuse an export with missing or extra rows.

        Args:
            written: number of rows or images found in the written files.
            what: their name in the message.
            wanted: by default one for each row of the manifest.

        Raises:
            IntegrityError: the numbers differ.
        """
        wanted = len(self.opened) if wanted is None else wanted
        if written != wanted:
            raise errors.IntegrityError(
                f"The export holds {written:,} {what} for {wanted:,} images of the manifest and "
                "was discarded; run sept verify on the manifest, then export again."
            )

    def uids(self) -> list[str]:
        found: list[str] = self.opened.rows["uid"].to_pylist()
        return found

    def file(self, place: manifest_tables.Location) -> Path | None:
        """Return the absolute path of a plain file, None inside a container or a remote place."""
        source, rel_path, member = place
        if member or source not in self.reader.roots or self.reader.is_remote(source):
            return None
        return (self.reader.roots[source] / rel_path).resolve()

    def path(self, uid: str) -> Path | None:
        """Return the first place of an image that is an existing plain file."""
        found = (self.file(place) for place in self.reader.places(uid))
        return next((path for path in found if path and path.is_file()), None)

    def place(
        self,
        folder: Path,
        name: Callable[[str, str], str] = flat_name,
        uids: list[str] | None = None,
    ) -> list[str]:
        """Copy or link images into `folder`; return their paths relative to it, in order.

        Args:
            folder: created if necessary; otherwise empty.
            name: gives the relative path from uid and extension.
            uids: by default all.

        Raises:
            NotFoundError: an image is missing.
            IntegrityError: its bytes have changed, or two images got one name.
        """
        folder.mkdir(parents=True, exist_ok=True)
        names = []
        for uid, (place, data) in self.images(self.uids() if uids is None else uids):
            relative = name(uid, extension(data))
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            self._put(place, data, target)
            names.append(relative)
        self.expect(sum(len(found) for _, _, found in os.walk(folder)), "image files", len(names))
        return names

    def _put(self, place: manifest_tables.Location, data: bytes, target: Path) -> None:
        origin = None if self.link == "copy" else self.file(place)
        if origin is None:
            target.write_bytes(data)
            self.counts["copied"] += 1
            self.counts["copied_anyway"] += self.link != "copy"
            return
        try:
            if self.link == "hardlink":
                os.link(origin, target)
            else:
                target.symlink_to(origin)
        except OSError as problem:
            raise errors.InputError(_link_advice(self.link, origin, problem)) from None
        self.counts["linked"] += 1


def _link_advice(link: str, origin: Path, problem: OSError) -> str:
    if problem.errno == errno.EXDEV:
        return f"{origin} is on a different disk from the export: choose symlink or copy."
    return f"Cannot create a {link} to {origin} ({problem.strerror}): choose copy."
