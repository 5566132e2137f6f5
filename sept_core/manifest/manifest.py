"""The manifest: the selected images, why each was selected, and where their bytes are.

In: the rows of a selection, the header that describes how it was made. Out: a folder

    manifest.parquet    one row per image, in selected order (`manifest_tables.SCHEMA`)
    locations.parquet   all places of images that have more than one
    guard.parquet       the held-out target images that the rows were checked against
    manifest.json       the header, written last: its existence means complete
    roots.json          this machine's folder of each source; not part of the manifest
    links.json          the sources whose links may lead anywhere, if any; not part of it

Sources are names, so a manifest made on a laptop opens on a cluster with other roots.

`value_ranges` in the header says how images of more than 8 bits become pixels. It is not part of
the content hash, which names images and not their decoded pixels; training stores it with a run.

`manifest_tables` has the columns and the content hash, `image_reader` reads the images.
"""

import datetime
import importlib.metadata
import platform
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import sept_core
from sept_core import errors
from sept_core.imaging import images, pixel_values
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.manifest import manifest_faults, manifest_tables
from sept_core.storage import atomic, hashing

FORMAT = 1
WITH_PARTS = 2
"""Format of a manifest whose rows have optional columns (`manifest_tables.OPTIONAL`)."""
HEADER = "manifest.json"
ROOTS = "roots.json"
LINKS = "links.json"

# fmt: off
REQUIRED = ("pool", "encoder", "index", "strategy", "settings", "seed", "counts", "guard",
            "decisions")
SOFTWARE = ("numpy", "pyarrow", "pillow", "torch", "faiss-cpu", "scikit-learn", "timm",
            "open_clip_torch")

# fmt: on
GUARD_STATES = ("on", "off", "none")


@dataclass(frozen=True)
class Manifest:
    """A complete manifest whose checksums were correct when it was read."""

    folder: Path
    header: dict[str, Any]
    rows: pa.Table
    locations: pa.Table
    guard: pa.Table

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    @property
    def content_hash(self) -> str:
        """64 hex digits; equal selections have equal ones."""
        return str(self.header["content_hash"])

    def roots(self) -> dict[str, Path]:
        """The folder of each source on this machine; empty if not set yet.

        Raises:
            ManifestError: `roots.json` is invalid.
        """
        path = self.folder / ROOTS
        given = atomic.read_json(path) if path.exists() else {}
        if not (isinstance(given, dict) and all(isinstance(root, str) for root in given.values())):
            raise errors.ManifestError(f"{path} must be an object of source names and folders.")
        return {name: Path(root) for name, root in given.items()}

    def followed(self) -> list[str]:
        """The sources whose links may lead anywhere on this machine.

        Raises:
            ManifestError: `links.json` is invalid.
        """
        path = self.folder / LINKS
        given = atomic.read_json(path) if path.exists() else []
        if not (isinstance(given, list) and all(isinstance(name, str) for name in given)):
            raise errors.ManifestError(f"{path} must be a list of source names.")
        return given

    def bands(self) -> dict[str, images.Bands]:
        """The TIFF bands to read, for sources that were added with a choice of bands.

        Raises:
            ManifestError: the header is invalid.
        """
        try:
            given = dict(self.header.get("bands", {}))
            return {name: images.parse_bands(text) for name, text in given.items()}
        except (TypeError, ValueError, AttributeError, errors.SourceError) as problem:
            raise errors.ManifestError(f"{self.folder / HEADER}: bands: {problem}") from None

    @property
    def value_ranges(self) -> ValueRanges:
        """The ranges that images of more than 8 bits are scaled from; none without such images.

        Raises:
            ManifestError: the header is invalid.
        """
        try:
            return pixel_values.from_json(self.header.get("value_ranges", {}))
        except errors.InputError as problem:
            raise errors.ManifestError(f"{self.folder / HEADER}: {problem}") from None

    def sources(self) -> list[str]:
        """List the names of all sources that hold an image of the manifest."""
        names = pa.chunked_array(self.rows["source"].chunks + self.locations["source"].chunks)
        return sorted(names.unique().to_pylist())


WHEN = ("created_at", "fingerprint")
"""Header entries that differ each time the same manifest is written."""


def write(
    folder: Path,
    rows: pa.Table,
    locations: pa.Table,
    guard: pa.Table,
    header: Mapping[str, Any],
    roots: Mapping[str, Path],
    followed: Collection[str] = (),
) -> Manifest:
    """Write a manifest; the header goes last, so a manifest is complete or absent.

    Args:
        rows: columns of `SCHEMA` and perhaps `OPTIONAL` (any order, castable types), in selected
            order.
        locations: columns of `LOCATIONS`, all places of images that have several.
        guard: columns of `GUARD`, the held-out images; empty unless the guard is on.
        header: the entries of `REQUIRED`; `bands` (source → as `images.parse_bands` reads it)
            if a source has a choice of them, `value_ranges` if images have more than 8 bits;
            format, checksums, content hash, time and software versions are added here.
        roots: the folder of each source on this machine.
        followed: the sources whose links may lead anywhere on this machine.

    Raises:
        ManifestError: `folder` already holds a manifest, or a row or entry is wrong.
        LeakError: a row is a held-out image, or the guard is on but has nothing to check.
    """
    if (folder / HEADER).exists():
        raise errors.ManifestError(f"{folder} already holds a manifest; choose another folder.")
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise errors.ManifestError(f"The manifest's header lacks {', '.join(missing)}.")
    given = zip(manifest_tables.TABLES, (rows, locations, guard), strict=True)
    tables = {name: manifest_tables.conform(table, name) for name, table in given}
    _check_before_writing(tables, header["guard"])
    for name, table in tables.items():
        with atomic.write_then_rename(folder / f"{name}.parquet") as temporary:
            pq.write_table(table, temporary)
    atomic.write_json(folder / ROOTS, {name: str(root) for name, root in roots.items()})
    if followed:
        atomic.write_json(folder / LINKS, sorted(followed))
    complete = dict(header) | {
        "format": WITH_PARTS if manifest_tables.optional(tables["manifest"]) else FORMAT,
        "content_hash": manifest_tables.content_hash(tables["manifest"]),
        "sha256": {name: atomic.sha256_file(folder / f"{name}.parquet") for name in tables},
        "software": software(),
        "created_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    complete.pop("fingerprint", None)
    atomic.write_json(folder / HEADER, complete | {"fingerprint": hashing.fingerprint(complete)})
    return read(folder)


def read(path: Path) -> Manifest:
    """Open a manifest, given its folder or its `manifest.json`.

    Raises:
        ManifestError: it does not exist, has another version, or a file was altered.
    """
    folder, header = open_header(path)
    for fault in altered(folder, header):
        raise errors.ManifestError(fault)
    return load(folder, header)


def picks(manifest: Manifest) -> pa.Table:
    """Return the selection as `selection` made it: the columns of its picks, in selected order."""
    names = [*manifest_tables.PICKS, *manifest_tables.optional(manifest.rows)]
    return manifest.rows.select(names)


def software() -> dict[str, str]:
    """Return the versions of the installed software that can change a selection."""
    installed = {found.name: found.version for found in importlib.metadata.distributions()}
    known = {name: installed[name] for name in SOFTWARE if name in installed}
    return {"sept": sept_core.__version__, "python": platform.python_version()} | known


def _check_before_writing(tables: Mapping[str, pa.Table], guard: Mapping[str, Any]) -> None:
    """Refuse content that `verify` would report."""
    for uid, fault in manifest_faults.faults(tables["manifest"], tables["locations"]):
        raise errors.ManifestError(f"The row of image {uid}: {fault}.")
    for uid in manifest_faults.held_out(tables["manifest"], tables["guard"]):
        raise errors.LeakError(f"Image {uid} is one of the target's held-out images.")
    if guard.get("state") not in GUARD_STATES:
        raise errors.ManifestError("The state of the guard in the header must be on, off or none.")
    if guard["state"] == "on" and (not tables["guard"].num_rows or "bits" not in guard):
        raise errors.LeakError(
            "The contamination guard is on but no held-out image was checked; "
            "embed the target's held-out images, or switch the guard off."
        )


def open_header(path: Path) -> tuple[Path, dict[str, Any]]:
    """Return the manifest's folder and its header, of a version that this code knows."""
    folder = path.parent if path.name == HEADER else path
    if not folder.is_dir():
        problem = "is not the folder of a manifest" if folder.exists() else "does not exist"
        raise errors.ManifestError(f"{folder} {problem}; name the folder of a native export.")
    try:
        header = atomic.read_json(folder / HEADER)
    except errors.NotFoundError:
        raise errors.ManifestError(
            f"{folder} has no complete manifest ({HEADER} is missing)."
        ) from None
    except errors.IntegrityError as problem:
        raise errors.ManifestError(str(problem)) from None
    version = header.get("format") if isinstance(header, dict) else None
    if version not in (FORMAT, WITH_PARTS):
        raise errors.ManifestError(
            f"{folder / HEADER} is of format {version!r}, this version of SEPT reads {FORMAT} and "
            f"{WITH_PARTS}."
        )
    if not _is_whole(header):
        raise errors.ManifestError(
            f"{folder / HEADER} was edited: entries that SEPT wrote are missing."
        )
    return folder, header


def _is_whole(header: Mapping[str, Any]) -> bool:
    """Check that the header entries read later exist; a fingerprint can be forged."""
    sums, guard = header.get("sha256"), header.get("guard")
    return (
        isinstance(sums, dict)
        and isinstance(guard, dict)
        and type(guard.get("bits", 0)) is int
        and guard.get("state") in GUARD_STATES
    )


def altered(folder: Path, header: Mapping[str, Any]) -> Iterator[str]:
    """Return one sentence for each file that was altered."""
    plain = {name: value for name, value in header.items() if name != "fingerprint"}
    if header.get("fingerprint") != hashing.fingerprint(plain):
        yield f"{folder / HEADER} was edited."
    for name in manifest_tables.TABLES:
        path = folder / f"{name}.parquet"
        if not path.exists():
            yield f"{path} is missing."
        elif atomic.sha256_file(path) != header["sha256"].get(name):
            yield f"{path} was edited: its checksum differs."


def load(folder: Path, header: dict[str, Any]) -> Manifest:
    """Open the tables without checking their checksums.

    Raises:
        ManifestError: a table cannot be read or has other columns.
    """
    tables = {}
    for name in manifest_tables.TABLES:
        try:
            table = pq.read_table(folder / f"{name}.parquet")
        except (OSError, pa.ArrowException) as problem:
            raise errors.ManifestError(f"{name}.parquet cannot be read ({problem}).") from None
        tables[name] = manifest_tables.conform(table, name)
    return Manifest(folder, header, tables["manifest"], tables["locations"], tables["guard"])
