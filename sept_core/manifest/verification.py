"""Verification that a manifest is unmodified and that its images still exist.

In: a manifest's folder and this machine's source roots. Out: every problem found, one sentence
each; an empty list means that training reads exactly the selected images.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sept_core import errors
from sept_core.imaging import images as image_files
from sept_core.manifest import image_reader, manifest, manifest_faults, manifest_tables

CHUNK = 256
"""Images submitted to the readers in one batch: enough to keep them busy, few enough to cancel."""


@dataclass(frozen=True)
class Problem:
    """One problem of a manifest or of an image that it names.

    Attributes:
        kind: `edited` (a file was altered), `row` (a row is invalid), `root` (a source has no
            folder here), `missing`, `changed`, `leak`.
        uid: the image, or '' if the problem concerns none.
        message: one sentence.
    """

    kind: str
    uid: str
    message: str


@dataclass(frozen=True)
class VerifyReport:
    """The problems, and the counts of checked items.

    Attributes:
        checked: `rows`, `images` (read again and hashed), `guard` (images compared with
            the held-out ones by perceptual hash; 0 if the guard is off).
    """

    problems: list[Problem]
    checked: dict[str, int]


def verify(
    path: Path,
    roots: Mapping[str, Path] | None = None,
    *,
    images: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> VerifyReport:
    """Check a manifest against itself, its held-out images and the images' bytes.

    Args:
        path: the manifest's folder or header.
        roots: this machine's folder of each source; by default its `roots.json`.
        images: also read every image again.
        progress: called with the finished and the total number of images.

    Raises:
        ManifestError: there is no manifest of a known version.
    """
    folder, header = manifest.open_header(path)
    problems = [Problem("edited", "", fault) for fault in manifest.altered(folder, header)]
    try:
        opened = manifest.load(folder, header)
    except errors.ManifestError as problem:
        return VerifyReport([*problems, Problem("edited", "", str(problem))], {"rows": 0})
    problems += _check_rows(opened)
    if not images:
        return VerifyReport(problems, {"rows": len(opened), "images": 0, "guard": 0})
    with image_reader.ImageReader(opened, roots, afresh=True) as reader:
        found, checked = _check_images(reader, progress)
    return VerifyReport(problems + found, {"rows": len(opened)} | checked)


def _check_rows(opened: manifest.Manifest) -> list[Problem]:
    """Check the tables without reading images."""
    problems = []
    if manifest_tables.content_hash(opened.rows) != opened.header.get("content_hash"):
        text = "The rows were edited: they do not have the content hash of the header."
        problems.append(Problem("edited", "", text))
    for uid, fault in manifest_faults.faults(opened.rows, opened.locations):
        problems.append(Problem("row", uid, f"The row of image {uid}: {fault}."))
    for uid in manifest_faults.held_out(opened.rows, opened.guard):
        text = f"Image {uid} is one of the target's held-out images."
        problems.append(Problem("leak", uid, text))
    return problems


def _check_images(
    reader: image_reader.ImageReader, progress: Callable[[int, int], None] | None
) -> tuple[list[Problem], dict[str, int]]:
    """Read every image that has a folder here; a missing folder is one problem, not many."""
    guard = _Guard(reader)

    def check(uid: str) -> Problem | None:
        try:
            return guard.problem(uid, reader.read(uid))
        except errors.IntegrityError as problem:
            return Problem("changed", uid, str(problem))
        except errors.NotFoundError as problem:
            return Problem("missing", uid, str(problem))

    problems = [Problem("root", "", _unrooted(source)) for source in reader.unrooted]
    uids = [
        uid for uid in dict.fromkeys(reader.manifest.rows["uid"].to_pylist()) if reader.rooted(uid)
    ]
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(uids), CHUNK):
            problems += filter(None, pool.map(check, uids[start : start + CHUNK]))
            if progress:
                progress(min(start + CHUNK, len(uids)), len(uids))
    return problems, {"images": len(uids), "guard": len(uids) if guard.active else 0}


def _unrooted(source: str) -> str:
    return (
        f"Source {source!r} has no folder on this machine, so its images were not checked; "
        f"give its root, or correct {manifest.ROOTS}."
    )


class _Guard:
    """Comparison of images with the held-out ones, if the manifest says that the guard was on."""

    def __init__(self, reader: image_reader.ImageReader) -> None:
        opened = reader.manifest
        guard = opened.header["guard"]
        self._bands = reader.bands
        self.active = guard["state"] == "on"
        self._bits = int(guard.get("bits", 0))
        self._held_out = opened.guard["phash"].drop_null().to_numpy()
        self._ranges = opened.value_ranges

    def problem(self, uid: str, data: bytes) -> Problem | None:
        """Return a leak if the image is within `bits` of a held-out one."""
        if not self.active or not len(self._held_out):
            return None
        try:
            bands = self._bands(uid)
            image = image_files.decode(data, ranges=self._ranges, bands=bands).image
            phash = np.uint64(image_files.perceptual_hash(image))
        except image_files.UnusableFile as rejected:
            return Problem("changed", uid, f"Image {uid} can no longer be decoded ({rejected}).")
        bits = int(np.bitwise_count(self._held_out ^ phash).min())
        if bits > self._bits:
            return None
        text = (
            f"Image {uid} is a near copy of a held-out image: {bits} of the 64 bits of their "
            f"perceptual hashes differ, and {self._bits} or fewer count as a copy."
        )
        return Problem("leak", uid, text)
