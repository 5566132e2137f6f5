"""Feature stores: immutable shards of float16 unit vectors with their uids.

In: uids, vectors and the outcome of every file that was read. Out: `NNNNN.npy` (vectors),
`NNNNN.uids.npy`, `NNNNN.parquet` (outcomes) and, written last, `NNNNN.json` (the header).
A shard without its header does not exist; a header that does not match its files raises an error.
"""

import copy
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sept_core import errors
from sept_core.imaging import outcomes
from sept_core.storage import array_files, atomic, hashing, project_paths
from sept_core.storage.recent import Recent

FORMAT = 1

HEADER_TYPES: dict[str, type] = {
    "encoder_id": str,
    "dim": int,
    "vectors": int,
    "outcomes": int,
    "max_norm_error": float,
}
"""Fields of a shard's header besides format and checksums."""

PARTS = {"vectors": ".npy", "uids": ".uids.npy", "outcomes": ".parquet"}
"""The files of a shard, by the name of their checksum in its header."""

MOST_ROWS = 1 << 40
"""Of a shard; a header that claims more is damaged."""

NORM_TOLERANCE = 0.01
"""A vector is of unit length when its norm is this close to 1 (float16 leaves about 0.001)."""

RENEWAL = "renewal"
"""Folder next to `features/` in the project, where images are embedded again; see
`features.renewing`."""

READY = "ready.json"
"""Written last into a store there: the store then contains everything that replaces the older
shards."""

MEND = "Run sept check --repair, then embed again."

LOCATION = ("source", "rel_path", "member")
"""The columns that name one place of an image: the origin of an outcome's bytes."""

OUTCOME_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in LOCATION),
        ("status", pa.string()),  # one of the words in `outcomes`
        ("reason", pa.string()),  # null where the status is "ok"
        ("uid", pa.string()),  # null where the bytes could not be read
        ("sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("format", pa.string()),
        ("mode", pa.string()),
        ("bytes", pa.int64()),
        ("phash", pa.uint64()),
        ("brightness", pa.float32()),
        ("contrast", pa.float32()),
        ("sharpness", pa.float32()),
        ("entropy", pa.float32()),
    ]
)
"""One row for every file that was handled; columns of decoded images are null for all others. A
file that could be read at a later try of the same job has a row in a later shard, which counts."""


@dataclass(frozen=True)
class Shard:
    """One complete shard on disk, opened by memory map when it is used."""

    folder: Path
    number: int
    header: dict[str, Any]

    def __len__(self) -> int:
        return int(self.header["vectors"])

    @cached_property
    def uids(self) -> np.ndarray:
        """(n,) S32, the uid of each vector."""
        return self._open(".uids.npy", hashing.UID_DTYPE, (len(self),))

    @cached_property
    def vectors(self) -> np.ndarray:
        """(n, D) float16, unit length within the header's `max_norm_error`."""
        return self._open(".npy", np.dtype(np.float16), (len(self), int(self.header["dim"])))

    @property
    def decoder(self) -> str:
        """The decoder version of its images; `outcomes.UNKNOWN_DECODER` for older shards."""
        return str(self.header.get("decoder", outcomes.UNKNOWN_DECODER))

    @property
    def featureless(self) -> int:
        """Number of images without features; 0 if an older version did not count them."""
        return int(self.header.get("no_features", 0))

    def outcomes(self, *, refused: bool = False) -> pa.Table:
        """Return one row for every file handled, whatever its outcome (OUTCOME_SCHEMA).

        Args:
            refused: only the rows that are not `ok`.
        """
        path = self.folder / f"{self.number:05d}.parquet"
        wanted = [("status", "!=", "ok")] if refused else None
        try:
            found = pq.read_table(path, filters=wanted)
        except (pa.ArrowException, OSError) as problem:
            raise errors.IntegrityError(f"{path} cannot be read ({problem}). {MEND}") from None
        return found if "decoder" in self.header else _in_present_words(found)

    def _open(self, suffix: str, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        path = self.folder / f"{self.number:05d}{suffix}"
        try:
            array: np.ndarray = np.load(path, mmap_mode="r")
        except Exception as problem:  # numpy tokenizes a damaged header and raises what that does
            raise errors.IntegrityError(f"{path} cannot be read ({problem}). {MEND}") from None
        if array.dtype != dtype or array.shape != shape:
            raise errors.IntegrityError(
                f"{path} contains {array.dtype} {array.shape}, but its header says {dtype} "
                f"{shape}. {MEND}"
            )
        return array


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a store: `start` is the global row of the first."""

    start: int
    uids: np.ndarray
    vectors: np.ndarray


class FeatureStore:
    """All shards of one collection under one encoder, read in shard order.

    Rows are numbered 0..N-1 across the shards; row numbers stay inside the stage that reads them,
    which passes on uids only.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards = [
            Shard(folder, int(path.stem), _header(path))
            for path in sorted(folder.glob("[0-9]*.json"), key=lambda path: int(path.stem))
        ]
        encoders = {shard.header["encoder_id"] for shard in self.shards}
        if len(encoders) > 1:
            raise errors.IntegrityError(
                f"{folder} mixes features of several encoders ({sorted(encoders)}); delete it and "
                "embed again."
            )
        self.encoder_id: str | None = encoders.pop() if encoders else None

    def part(self, shards: slice) -> "FeatureStore":
        """Return some of the shards as a separate store; its rows are numbered from 0."""
        return self._of(self.shards[shards])

    def only(self, numbers: Collection[int]) -> "FeatureStore":
        """The shards of these numbers, like `part`."""
        return self._of([shard for shard in self.shards if shard.number in numbers])

    def _of(self, shards: list[Shard]) -> "FeatureStore":
        found = copy.copy(self)
        for derived in ("uids", "_sorted"):
            found.__dict__.pop(derived, None)
        found.shards = shards
        return found

    def __len__(self) -> int:
        return sum(len(shard) for shard in self.shards)

    @property
    def dim(self) -> int:
        """Length of a vector; 0 while the store is empty."""
        return int(self.shards[0].header["dim"]) if self.shards else 0

    @property
    def max_norm_error(self) -> float:
        """The largest | ‖v‖ − 1 | of any stored vector: float16 rounding leaves some."""
        return max((float(s.header["max_norm_error"]) for s in self.shards), default=0.0)

    @property
    def next_number(self) -> int:
        return self.shards[-1].number + 1 if self.shards else 0

    def content_id(self) -> str:
        """Return an id of the stored vectors and uids, which changes when a shard is added or
        differs.
        """
        keys = ("vectors_sha256", "uids_sha256")
        return hashing.fingerprint([[shard.header[key] for key in keys] for shard in self.shards])

    @cached_property
    def uids(self) -> np.ndarray:
        """(N,) S32 in row order."""
        parts = [shard.uids for shard in self.shards]
        return np.concatenate(parts) if parts else np.empty(0, hashing.UID_DTYPE)

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(self.uids, kind="stable")
        return order, self.uids[order]

    def rows_of(self, uids: np.ndarray) -> np.ndarray:
        """Global row (int64) of each uid, −1 where the store does not hold it."""
        order, ordered = self._sorted
        rows = hashing.places_among(ordered, np.asarray(uids, hashing.UID_DTYPE))
        known = rows >= 0
        rows[known] = order[rows[known]]
        return rows

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """(len(rows), D) float16 vectors of global rows, in the order asked."""
        out = np.empty((len(rows), self.dim), np.float16)
        start = 0
        for shard in self.shards:
            here = np.flatnonzero((rows >= start) & (rows < start + len(shard)))
            local = rows[here] - start
            order = np.argsort(local, kind="stable")  # ascending reads suit the page cache
            out[here[order]] = shard.vectors[local[order]]
            start += len(shard)
        return out

    def vectors_of(self, uids: np.ndarray) -> np.ndarray:
        """(len(uids), D) float16 vectors by uid.

        Raises:
            NotFoundError: a uid is not in the store.
        """
        rows = self.rows_of(uids)
        if (rows < 0).any():
            missing = np.asarray(uids, hashing.UID_DTYPE)[rows < 0]
            raise errors.NotFoundError(
                f"{len(missing)} images have no features in {self.folder} (first: "
                f"{missing[0].decode()}); they are not embedded yet, or the encoder returned no "
                "features for them."
            )
        return self.gather(rows)

    def blocks(self, rows: int = 65536) -> Iterator[Block]:
        """Walk the store in memory-mapped blocks of at most `rows` vectors."""
        start = 0
        for shard in self.shards:
            for low in range(0, len(shard), rows):
                high = min(low + rows, len(shard))
                yield Block(start + low, shard.uids[low:high], shard.vectors[low:high])
            start += len(shard)


KEPT = 12
_kept = Recent[Path, tuple[int, FeatureStore]](KEPT)

_SETTLED_SECONDS = 2.0
"""A folder that changed more recently may change again within one tick of the disk's clock."""


def kept(folder: Path) -> FeatureStore:
    """Return the store of a folder, with its order by uid, cached until the folder changes.

    Shards are renamed into the folder, so its time of change shows every change.
    """
    changed = folder.stat().st_mtime_ns if folder.exists() else 0
    known = _kept.find(folder)
    if known is not None and known[0] == changed:
        return known[1]
    store = FeatureStore(folder)
    if known is not None and known[1].content_id() == store.content_id():
        store = known[1]
    is_settled = time.time_ns() - changed > _SETTLED_SECONDS * 1e9
    _kept.put(folder, (changed if is_settled else -1, store))
    return store


def _header(path: Path) -> dict[str, Any]:
    header = atomic.read_json(path)
    known = (
        isinstance(header, dict)
        and all(type(header.get(name)) is kind for name, kind in HEADER_TYPES.items())
        and all(0 <= header[name] < MOST_ROWS for name in ("dim", "vectors", "outcomes"))
        and type(header.get("decoder", "")) is str
        and type(header.get("no_features", 0)) is int
    )
    if not (known and header.get("format") == FORMAT):
        raise errors.IntegrityError(f"{path} is not a shard header of format {FORMAT}. {MEND}")
    return dict(header)


def _in_present_words(found: pa.Table) -> pa.Table:
    """Translate outcomes of a version that knew only `ok` and `rejected`."""
    if "status" not in found.column_names:
        return found
    pairs = zip(found["status"].to_pylist(), found["reason"].to_pylist(), strict=True)
    words = pa.array([outcomes.of_earlier(*pair) for pair in pairs], pa.string())
    return found.set_column(found.column_names.index("status"), "status", words)


def _featureless(table: pa.Table) -> int:
    return int(pc.sum(pc.equal(table["status"], outcomes.NO_FEATURES)).as_py() or 0)


def first_seen(uids: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the `uids` without a stored vector, the first of equal ones.

    Args:
        uids: (n,) S32.
        known: (m,) S32, sorted and unique.

    Returns:
        Their rows (int64, ascending), and `known` with their uids added.
    """
    distinct, first = np.unique(uids, return_index=True)
    is_new = hashing.places_among(known, distinct) < 0
    added = distinct[is_new]
    return np.sort(first[is_new]), np.insert(known, np.searchsorted(known, added), added)


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card that `write_card` wrote.

    Raises:
        NotFoundError: there are no features of any encoder.
        IntegrityError: it cannot be read.
    """
    card: dict[str, Any] = atomic.read_json(folder / project_paths.CARD)
    return card


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Record in `encoder.json`, next to an encoder's stores, which encoder made them.

    Args:
        folder: holds all the stores of one encoder.
        card: JSON-able; its `identity` is everything that changes the features.

    Raises:
        IntegrityError: the folder belongs to an encoder of another identity.
    """
    path = folder / project_paths.CARD
    if path.exists():
        if atomic.read_json(path)["identity"] == card["identity"]:
            return
        raise errors.IntegrityError(
            f"{folder} contains features of a different encoder than {card['id']}; delete it and "
            "embed again."
        )
    atomic.write_json(path, card)


def write_shard(
    folder: Path,
    number: int,
    encoder_id: str,
    uids: np.ndarray,
    vectors: np.ndarray,
    table: pa.Table,
    decoder: str | None = None,
    value_ranges: dict[str, Any] | None = None,
) -> None:
    """Write one shard; the header goes last, so that its existence means complete.

    Args:
        uids: (n,) S32, unique within the whole store.
        vectors: (n, D) float, L2-normalised; stored as float16.
        table: one row for every file handled, whatever its outcome (OUTCOME_SCHEMA).
        decoder: version of what decoded the images; None where nothing was decoded here.
        value_ranges: see `value_ranges.record`; left out of the header where it is empty.

    Raises:
        IntegrityError: a vector is not finite or not of unit length.
    """
    stored = np.ascontiguousarray(vectors, np.float16)
    norms = np.linalg.norm(stored.astype(np.float32), axis=1)
    norm_error = float(np.abs(norms - 1).max()) if len(norms) else 0.0
    if not norm_error < NORM_TOLERANCE:  # NaN fails this too
        raise errors.IntegrityError(
            f"Encoder {encoder_id} returned a vector of length {1 + norm_error:.3f} instead of 1."
        )
    base = folder / f"{number:05d}"
    array_files.write(base.with_suffix(".npy"), stored)
    array_files.write(base.with_suffix(".uids.npy"), np.asarray(uids, hashing.UID_DTYPE))
    with atomic.write_then_rename(base.with_suffix(".parquet")) as temporary:
        pq.write_table(table, temporary)
    checksums = {
        f"{key}_sha256": atomic.sha256_file(base.with_suffix(suffix))
        for key, suffix in PARTS.items()
    }
    header = {
        "format": FORMAT,
        "encoder_id": encoder_id,
        "dim": int(stored.shape[1]),
        "vectors": len(stored),
        "outcomes": table.num_rows,
        "max_norm_error": norm_error,
        **({} if decoder is None else {"decoder": decoder, "no_features": _featureless(table)}),
        **checksums,
    }
    if value_ranges:
        header["value_ranges"] = value_ranges
    atomic.write_json(base.with_suffix(".json"), header)
