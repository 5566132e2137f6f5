"""The plan of an embedding job: the remaining rows of each worklist, and how they are cut into
shards.

In: a worklist and its store. Out: a `Plan`, which does not depend on where an earlier run of the
job was killed.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sept_core.features import feature_store
from sept_core.imaging import decoders, outcomes
from sept_core.ingest import worklists
from sept_core.jobs import job_folder
from sept_core.storage import atomic, hashing

_KEYS = list(feature_store.LOCATION)


@dataclass(frozen=True)
class Cut:
    """Ends of batches and shards, in worklist rows; a shard is a whole number of batches."""

    batch_size: int
    shard_size: int

    def shards(self, rows: np.ndarray) -> list[list[np.ndarray]]:
        """Row numbers (int64) cut into the batches of each shard."""
        batches = slices(rows, self.batch_size)
        per_shard = -(-self.shard_size // self.batch_size)
        return [batches[low : low + per_shard] for low in range(0, len(batches), per_shard)]


@dataclass(frozen=True)
class Plan:
    """One worklist with its finished and remaining rows.

    Attributes:
        worklist: its parquet file.
        collection: the store's folder below the encoder's.
        store: in its current state.
        already_done: rows that need not be read.
        left: (n,) int64 row numbers still to be read, ascending.
        unread: (n,) int64 rows that this job could not read in an earlier run, ascending.
    """

    worklist: Path
    collection: str
    store: feature_store.FeatureStore
    already_done: int
    left: np.ndarray
    unread: np.ndarray


def make(part: dict[str, str], root: Path, first: int) -> Plan:
    """See `Plan`; `first` is the number of this job's first shard in the store below `root`."""
    folder = root / part["collection"]
    for leftover in folder.glob(".*.tmp"):  # of a killed run; this job alone writes here
        leftover.unlink()
    store = feature_store.FeatureStore(folder)
    path = Path(part["worklist"])
    worklist = worklists.read(path)
    rows = _not_known_before(worklist, store, first)
    handled, unread = _own(worklist.select(_KEYS).take(rows), rows, store, first)
    left = np.setdiff1d(rows, handled, assume_unique=True)
    already_done = worklist.num_rows - len(left) - len(unread)
    return Plan(path, part["collection"], store, already_done, left, unread)


def slices(rows: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Row numbers (int64) cut into batches."""
    return [rows[low : low + batch_size] for low in range(0, len(rows), batch_size)]


def _not_known_before(
    worklist: pa.Table, store: feature_store.FeatureStore, first: int
) -> np.ndarray:
    """Row numbers (int64, ascending) that no earlier job settled under this encoder.

    A file without uid is read in every job that lists it: it is new, or it has changed.
    """
    uids = np.array(worklist["uid"].fill_null("").to_pylist(), hashing.UID_DTYPE)
    before = [shard for shard in store.shards if shard.number < first]
    known = [shard.uids for shard in before]
    known += [_featureless(shard) for shard in before if shard.decoder == decoders.version()]
    if not known:
        return np.arange(len(uids))
    return np.flatnonzero(~np.isin(uids, np.concatenate(known)))


def _featureless(shard: feature_store.Shard) -> np.ndarray:
    """(n,) S32: the images that the encoder gave no features; another look changes nothing."""
    if not shard.featureless:
        return np.empty(0, hashing.UID_DTYPE)
    found = shard.outcomes()
    return hashing.uid_array(found.filter(pc.equal(found["status"], outcomes.NO_FEATURES))["uid"])


def _own(
    keys: pa.Table, rows: np.ndarray, store: feature_store.FeatureStore, first: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that this job has an outcome for, and those of them that were unreadable.

    A row has a further outcome in a later shard where a later try read it.
    """
    own = [shard.outcomes() for shard in store.shards if shard.number >= first]
    if not own:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    recorded = pa.concat_tables(table.select([*_KEYS, "status"]) for table in own)
    found = keys.append_column("row", pa.array(rows)).join(recorded, _KEYS, join_type="inner")
    read = pc.not_equal(found["status"], outcomes.UNREADABLE)
    handled = np.unique(found["row"].to_numpy())
    return handled, np.setdiff1d(handled, found["row"].filter(read).to_numpy())


def first_shards(job: job_folder.JobFolder, root: Path, parts: list[dict[str, str]]) -> list[int]:
    """For each part the number of this job's first shard, settled when the job first began."""
    path = job.path / "first_shards.json"
    if not path.exists():
        stores = [feature_store.FeatureStore(root / part["collection"]) for part in parts]
        atomic.write_json(path, [store.next_number for store in stores])
    firsts: list[int] = atomic.read_json(path)
    return firsts
