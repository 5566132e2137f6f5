"""The manifest: which images were chosen, why each of them, and where their bytes are.

In: the rows of a selection, the header that describes how it was made. Out: a folder

    manifest.parquet    one row an image, in selected order (`SCHEMA`)
    locations.parquet   every place of those images that lie in more than one (`LOCATIONS`)
    guard.parquet       the held-out target images that the rows were checked against (`GUARD`)
    manifest.json       the header, written last: its existence means complete
    roots.json          this machine's folder of each source; no part of the manifest
    links.json          the sources whose links may lead anywhere, if any; the same

Sources are names, so a manifest made on a laptop opens on a cluster with other roots.

`value_ranges` in the header says how images of more than 8 bits become pixels. It is no part of the
content hash, which names images and not what a reader makes of them; training keeps it with a run.

The content hash names what was selected: SHA-256 over one JSON line for each row, sorted,
with the columns of `HASHED`. Left out are `decided_by` and `decided_at` (people, times) and
`index_id` (a version: rebuilding an index, or another shard layout, changes its name and
not the selection). The order of the rows is kept by the checksum of the file instead.
"""

import datetime
import functools
import hashlib
import importlib.metadata
import json
import platform
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import sept_core
from sept_core import errors
from sept_core.filesystem.roots import Root
from sept_core.imaging import images, pixel_values
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.ingest import sources
from sept_core.storage import atomic, hashing

FORMAT = 1
HEADER = "manifest.json"
ROOTS = "roots.json"
LINKS = "links.json"

# fmt: off
_TEXT, _INT, _FLOAT = pa.string(), pa.int32(), pa.float64()
SCHEMA = pa.schema([
    ("uid", _TEXT), ("sha256", _TEXT),  # no sha256: features only, there is no image to read
    ("source", _TEXT), ("source_uid", _TEXT),  # the source's own id (DataComp, img2dataset)
    ("rel_path", _TEXT),  # a plain file, or '' and then
    ("shard", _TEXT), ("key", _TEXT),  # a container and the member or row in it
    ("n_locations", _INT), ("width", _INT), ("height", _INT),
    ("target_uid", _TEXT), ("target_rank", _INT), ("similarity", _FLOAT), ("n_targets", _INT),
    ("phase", _TEXT), ("decision", _TEXT), ("reason", _TEXT),
    ("decided_by", _TEXT), ("decided_at", _TEXT),  # a time as ISO 8601 in UTC
    ("dup_group", pa.int64()), ("leak_distance", _FLOAT),
    ("encoder_id", _TEXT), ("index_id", _TEXT),
])
PLACE = ("rel_path", "shard", "key")
LOCATIONS = pa.schema([(name, _TEXT) for name in ("uid", "source", *PLACE)])
GUARD = pa.schema([("uid", _TEXT), ("phash", pa.uint64()), ("target", _TEXT)])
REQUIRED = ("pool", "encoder", "index", "strategy", "settings", "seed", "counts", "guard",
            "decisions")
SOFTWARE = ("numpy", "pyarrow", "pillow", "torch", "faiss-cpu", "scikit-learn", "timm",
            "open_clip_torch")
# fmt: on
GUARD_STATES = ("on", "off", "none")
TABLES = {"manifest": SCHEMA, "locations": LOCATIONS, "guard": GUARD}
PICKS = ("uid", "target_uid", "target_rank", "similarity", "n_targets", "phase", "dup_group")
UNHASHED = ("decided_by", "decided_at", "index_id")
HASHED = tuple(name for name in SCHEMA.names if name not in UNHASHED)
UID = re.compile(r"[0-9a-f]{32}")

Location = tuple[str, str, str]
"""source, rel_path of the plain file or of the container, member ('' for a plain file)."""


@dataclass(frozen=True)
class Manifest:
    """A complete manifest whose checksums were right when it was read."""

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
        """The folder of each source on this machine; empty if nobody has said it yet.

        Raises:
            ManifestError: `roots.json` is something else.
        """
        path = self.folder / ROOTS
        given = atomic.read_json(path) if path.exists() else {}
        if not (isinstance(given, dict) and all(isinstance(root, str) for root in given.values())):
            raise errors.ManifestError(f"{path} must be an object of source names and folders.")
        return {name: Path(root) for name, root in given.items()}

    def followed(self) -> list[str]:
        """The sources whose links may lead anywhere on this machine.

        Raises:
            ManifestError: `links.json` is something else.
        """
        path = self.folder / LINKS
        given = atomic.read_json(path) if path.exists() else []
        if not (isinstance(given, list) and all(isinstance(name, str) for name in given)):
            raise errors.ManifestError(f"{path} must be a list of source names.")
        return given

    def bands(self) -> dict[str, images.Bands]:
        """The bands taken of the TIFF images of sources that were added with a choice of them.

        Raises:
            ManifestError: the header holds something else.
        """
        try:
            given = dict(self.header.get("bands", {}))
            return {name: images.parse_bands(text) for name, text in given.items()}
        except (TypeError, ValueError, AttributeError, errors.SourceError) as problem:
            raise errors.ManifestError(f"{self.folder / HEADER}: bands: {problem}") from None

    @property
    def value_ranges(self) -> ValueRanges:
        """By which images of more than 8 bits are scaled; none in manifests without such images.

        Raises:
            ManifestError: the header holds something else.
        """
        try:
            return pixel_values.from_json(self.header.get("value_ranges", {}))
        except errors.InputError as problem:
            raise errors.ManifestError(f"{self.folder / HEADER}: {problem}") from None

    def sources(self) -> list[str]:
        """The names of all sources that hold an image of the manifest."""
        names = pa.chunked_array(self.rows["source"].chunks + self.locations["source"].chunks)
        return sorted(names.unique().to_pylist())


WHEN = ("created_at", "fingerprint")
"""Entries of the header that differ between two writings of the same manifest."""


def write(
    folder: Path,
    rows: pa.Table,
    locations: pa.Table,
    guard: pa.Table,
    header: Mapping[str, Any],
    roots: Mapping[str, Path],
    followed: Collection[str] = (),
) -> Manifest:
    """Write a manifest; the header goes last, so a manifest is there whole or not at all.

    Args:
        rows: columns of `SCHEMA` (any order, castable types), in selected order.
        locations: columns of `LOCATIONS`, all places of images that have several.
        guard: columns of `GUARD`, the held-out images; empty unless the guard is on.
        header: the entries of `REQUIRED`; `bands` (source → as `images.parse_bands` reads it)
            where a source has a choice of them, `value_ranges` where images have more than 8 bits;
            format, checksums, content hash, time and software versions are added here.
        roots: the folder of each source on this machine.
        followed: the sources whose links may lead anywhere on this machine.

    Raises:
        ManifestError: `folder` already holds a manifest, or a row or entry is wrong.
        LeakError: a row is a held-out image, or a guard that is on has nothing to check.
    """
    if (folder / HEADER).exists():
        raise errors.ManifestError(f"{folder} already holds a manifest; choose another folder.")
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise errors.ManifestError(f"The manifest's header lacks {', '.join(missing)}.")
    given = zip(TABLES, (rows, locations, guard), strict=True)
    tables = {name: _conform(table, name) for name, table in given}
    _check_before_writing(tables, header["guard"])
    for name, table in tables.items():
        with atomic.write_then_rename(folder / f"{name}.parquet") as temporary:
            pq.write_table(table, temporary)
    atomic.write_json(folder / ROOTS, {name: str(root) for name, root in roots.items()})
    if followed:
        atomic.write_json(folder / LINKS, sorted(followed))
    complete = dict(header) | {
        "format": FORMAT,
        "content_hash": content_hash(tables["manifest"]),
        "sha256": {name: atomic.sha256_file(folder / f"{name}.parquet") for name in TABLES},
        "software": software(),
        "created_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    complete.pop("fingerprint", None)
    atomic.write_json(folder / HEADER, complete | {"fingerprint": hashing.fingerprint(complete)})
    return read(folder)


def read(path: Path) -> Manifest:
    """Open a manifest, given its folder or its `manifest.json`.

    Raises:
        ManifestError: there is none, it is of another version, or a file was altered.
    """
    folder, header = open_header(path)
    for fault in altered(folder, header):
        raise errors.ManifestError(fault)
    return load(folder, header)


def picks(manifest: Manifest) -> pa.Table:
    """The selection as `selection` made it: the columns of `PICKS`, in selected order."""
    return manifest.rows.select(PICKS)


def content_hash(rows: pa.Table) -> str:
    """64 hex digits that name the selected rows, whatever their order (see the module).

    Each row is the JSON array of its `HASHED` columns, without blanks, in ASCII; floats
    are rounded to 1e-6 and NaN is null. The sorted lines follow the line of column names.
    """
    columns = [_canonical(rows[name].to_pylist()) for name in HASHED]
    lines = sorted(_line(values) for values in zip(*columns, strict=True))
    return hashlib.sha256(b"".join([_line(HASHED), *lines])).hexdigest()


class ImageReader:
    """Reads a manifest's images by uid and gives out only bytes that match the uid.

    Safe to share between threads. An image that lies in several places is taken from
    the first that still has it.
    """

    def __init__(self, manifest: Manifest, roots: Mapping[str, Path] | None = None) -> None:
        """Use `roots`, or the manifest's `roots.json`; folders that are gone are left out."""
        self.manifest = manifest
        given = manifest.roots() if roots is None else roots
        self.roots = {name: Path(root) for name, root in given.items() if Path(root).exists()}
        self.unrooted = sorted(set(manifest.sources()) - set(self.roots))
        followed = manifest.followed()
        homes = {name: Root(path, name in followed) for name, path in self.roots.items()}
        self._bytes = sources.ByteReader(homes)
        self._bands = manifest.bands()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bytes.close()

    def read(self, uid: str) -> bytes:
        """The bytes of one image.

        Raises:
            NotFoundError: no place of the image can be read.
            IntegrityError: its bytes are there, but not those that were selected.
        """
        return self.fetch(uid)[1]

    def fetch(self, uid: str) -> tuple[Location, bytes]:
        """As `read`, with the place where the bytes were found."""
        failures: list[str] = []
        changed: Location | None = None
        for place in self.places(uid):
            try:
                data = self._bytes.read(*place)
            except (images.UnusableFile, errors.SeptError) as problem:
                failures.append(f"{_name(place)}: {problem}")
                continue
            if hashing.uid_of(data) == uid:
                return place, data
            changed = changed or place
        if changed:
            raise errors.IntegrityError(
                f"{_name(changed)} has changed since image {uid} was selected; "
                "bring the old file back or make the selection again."
            )
        why = "; ".join(failures) or "it has features only"
        raise errors.NotFoundError(f"Image {uid} cannot be read ({why}).")

    def bands(self, uid: str) -> images.Bands:
        """The bands to take of an image, as when it was embedded; see `images.decode`."""
        if not self._bands:
            return None
        places = self.places(uid)
        return self._bands.get(places[0][0]) if places else None

    def places(self, uid: str) -> tuple[Location, ...]:
        """All places of an image, the one in its own row first; none for features only."""
        if uid not in self._places:
            raise errors.NotFoundError(f"The manifest holds no image {uid}.")
        return self._places[uid]

    def rooted(self, uid: str) -> bool:
        """Whether at least one place of the image is in a source that has a folder here."""
        return any(source in self.roots for source, _, _ in self.places(uid))

    @functools.cached_property
    def _places(self) -> dict[str, tuple[Location, ...]]:
        places: dict[str, tuple[Location, ...]] = {
            row["uid"]: () if row.pop("sha256") is None else (_location(**row),)
            for row in self.manifest.rows.select(["sha256", *LOCATIONS.names]).to_pylist()
        }
        for row in self.manifest.locations.to_pylist():
            known = places.get(row["uid"], ())
            if (place := _location(**row)) not in known:
                places[row["uid"]] = (*known, place)
        return places


def software() -> dict[str, str]:
    """The versions of what can change a selection, as far as this machine has it."""
    installed = {found.name: found.version for found in importlib.metadata.distributions()}
    known = {name: installed[name] for name in SOFTWARE if name in installed}
    return {"sept": sept_core.__version__, "python": platform.python_version()} | known


def _location(uid: str, source: str, rel_path: str, shard: str, key: str) -> Location:
    return (source, shard or rel_path, key)


def _name(place: Location) -> str:
    return " → ".join(part for part in place if part)


def _canonical(values: list[Any]) -> list[Any]:
    """Floats as they are hashed: rounded, −0 as 0, NaN as null."""
    return [
        (round(value, 6) + 0.0 if value == value else None) if isinstance(value, float) else value
        for value in values
    ]


def _line(values: tuple[Any, ...]) -> bytes:
    return json.dumps(values, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _conform(table: pa.Table, what: str) -> pa.Table:
    """The table with exactly the columns and types of its schema; no place is ''."""
    schema = TABLES[what]
    if set(table.column_names) != set(schema.names):
        odd = sorted(set(table.column_names) ^ set(schema.names))
        raise errors.ManifestError(
            f"The columns of {what}.parquet must be exactly {', '.join(schema.names)}; "
            f"missing or unknown: {', '.join(odd)}."
        )
    try:
        table = table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
        raise errors.ManifestError(f"{what}.parquet: {problem}.") from None
    for number, name in enumerate(schema.names):
        if name in PLACE:
            table = table.set_column(number, schema.field(name), pc.fill_null(table[name], ""))
    return table.replace_schema_metadata(None)


def _check_before_writing(tables: Mapping[str, pa.Table], guard: Mapping[str, Any]) -> None:
    """Refuse what `verify` would complain about."""
    for uid, fault in faults(tables["manifest"], tables["locations"]):
        raise errors.ManifestError(f"The row of image {uid}: {fault}.")
    for uid in held_out(tables["manifest"], tables["guard"]):
        raise errors.LeakError(f"Image {uid} is one of the target's held-out images.")
    if guard.get("state") not in GUARD_STATES:
        raise errors.ManifestError("The header's guard has no state of on, off or none.")
    if guard["state"] == "on" and (not tables["guard"].num_rows or "bits" not in guard):
        raise errors.LeakError(
            "The contamination guard is on but no held-out image was checked; "
            "embed the target's held-out images, or switch the guard off."
        )


def open_header(path: Path) -> tuple[Path, dict[str, Any]]:
    """The manifest's folder and its header, of a version that this code knows."""
    folder = path.parent if path.name == HEADER else path
    try:
        header = atomic.read_json(folder / HEADER)
    except errors.NotFoundError:
        raise errors.ManifestError(
            f"{folder} holds no complete manifest ({HEADER} is not there)."
        ) from None
    except errors.IntegrityError as problem:
        raise errors.ManifestError(str(problem)) from None
    version = header.get("format") if isinstance(header, dict) else None
    if version != FORMAT:
        raise errors.ManifestError(
            f"{folder / HEADER} is of format {version!r}, this version of SEPT reads {FORMAT}."
        )
    if not _is_whole(header):
        raise errors.ManifestError(f"{folder / HEADER} was edited: it lacks what SEPT wrote.")
    return folder, header


def _is_whole(header: Mapping[str, Any]) -> bool:
    """Whether what is read of a header without asking is there; a fingerprint can be forged."""
    sums, guard = header.get("sha256"), header.get("guard")
    return (
        isinstance(sums, dict)
        and isinstance(guard, dict)
        and type(guard.get("bits", 0)) is int
        and guard.get("state") in GUARD_STATES
    )


def altered(folder: Path, header: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each file that is not the one that was written."""
    plain = {name: value for name, value in header.items() if name != "fingerprint"}
    if header.get("fingerprint") != hashing.fingerprint(plain):
        yield f"{folder / HEADER} was edited."
    for name in TABLES:
        path = folder / f"{name}.parquet"
        if not path.exists():
            yield f"{path} is not there."
        elif atomic.sha256_file(path) != header["sha256"].get(name):
            yield f"{path} was edited: its checksum differs."


def load(folder: Path, header: dict[str, Any]) -> Manifest:
    """Open the tables without checking their checksums.

    Raises:
        ManifestError: one cannot be read or has other columns.
    """
    tables = {}
    for name in TABLES:
        try:
            table = pq.read_table(folder / f"{name}.parquet")
        except (OSError, pa.ArrowException) as problem:
            raise errors.ManifestError(f"{name}.parquet cannot be read ({problem}).") from None
        tables[name] = _conform(table, name)
    return Manifest(folder, header, tables["manifest"], tables["locations"], tables["guard"])


def faults(rows: pa.Table, locations: pa.Table) -> Iterator[tuple[str, str]]:
    """The uid of each row that no selection can have made, and what is wrong with it."""
    seen: set[str] = set()
    for row in rows.select(["sha256", *LOCATIONS.names]).to_pylist():
        fault = "it stands there twice" if row["uid"] in seen else _fault(**row)
        seen.add(row["uid"])
        if fault:
            yield str(row["uid"]), fault
    for row in locations.to_pylist():
        known = row["uid"] in seen
        fault = _misplaced(*_location(**row)) if known else "it has a location but is not selected"
        if fault:
            yield str(row["uid"]), fault


def _fault(uid: str, sha256: str | None, source: str, **place: str) -> str | None:
    if not UID.fullmatch(uid or ""):
        return "its uid is not 32 hex digits"
    if sha256 is None:
        return None  # only features were given: there is no place to look at
    if len(sha256) != 64 or sha256[:32] != uid:
        return "its uid is not the beginning of its sha256"
    if bool(place["shard"]) != bool(place["key"]) or (place["rel_path"] and place["shard"]):
        return "it must have either a rel_path, or a shard and a key"
    return _misplaced(*_location(uid, source, **place))


def _misplaced(source: str, path: str, member: str) -> str | None:
    if not source or not path:
        return "it has no source or no path"
    if path.startswith("/") or ".." in path.split("/"):
        return f"{path!r} leads out of its source"
    return None


def held_out(rows: pa.Table, guard: pa.Table) -> list[str]:
    """The uids of rows that are the very bytes of a held-out image."""
    leaked = pc.is_in(rows["uid"], value_set=guard["uid"].combine_chunks())
    found: list[str] = rows["uid"].filter(leaked).to_pylist()
    return found
