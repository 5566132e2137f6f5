"""Records of a source and of the files in it.

In: nothing. Out: `SourceSpec` and `FileEntry`, which listing fills and the catalogue stores.
Commands that only look up a source need these records and no decoder, so nothing heavy is imported.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sept_core.filesystem import roots

if TYPE_CHECKING:
    from sept_core.tables import tables


@dataclass(frozen=True)
class SourceSpec:
    """A source as detected by `sources.detect`.

    Attributes:
        name: what the user calls it.
        path: what the user gave: a folder, a file, or a pattern of shards; may be remote.
        kind: folder, zip, tar, webdataset, list, table, tables, img2dataset or imagefolder.
        root: absolute, or remote (`remote.places`); every `rel_path` lies below it.
        options: options that the user set (see `sources.detect`).
    """

    name: str
    path: Path
    kind: str
    root: Path
    options: dict[str, str] = field(default_factory=dict)

    @functools.cached_property
    def beyond(self) -> tuple[str, ...]:
        """Return the folders that links in the source may lead to besides its root."""
        return roots.Root(self.root, roots.FOLLOW_LINKS in self.options).beyond()


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a source; `(rel_path, member)` names it and occurs once in a listing.

    Attributes:
        rel_path: posix path below the root, of the file or of what contains it, as written by
            `safe_paths.stored`. A row that names no usable file has its table here.
        member: name in the archive (`members.plain` gives it with slashes only), row number in a
            table (`ROW:COLUMN` where the name of the column of images does not go without saying,
            `ROW:COLUMN:INDEX` where a row holds a list of them), else empty.
        offset: of the bytes in an (unpacked) tar, else −1.
        size: in bytes, −1 unknown.
        mtime_ns: of the file on disk, so an archive's members change when it does; of a remote one
            it changes with the object's version.
        source_uid: the source's own id (`uid`, else `key`), or None.
        label: class, filled by `targets.reading`.
        split: train, val, test or unassigned, filled by `targets.reading`.
        metadata: plain values from tables and side-cars.
        problem: why it is not used, or None.
    """

    rel_path: str
    member: str = ""
    offset: int = -1
    size: int = -1
    mtime_ns: int = 0
    source_uid: str | None = None
    label: str | None = None
    split: str | None = None
    metadata: "Mapping[str, tables.Scalar]" = field(default_factory=dict)
    problem: str | None = None
