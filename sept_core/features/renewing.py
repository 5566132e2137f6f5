"""Renewal of features from an older decoder: new shards are written first, then the old ones are
deleted.

In: stores of one encoder, and worklists of their images. Out: the same stores with those images
embedded again. The worker embeds them into separate stores, `renewal/ENCODER_ID/COLLECTION`; once
all are complete, they replace the older shards. An image that cannot be read now keeps its
features. Every step can be repeated after a kill.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sept_core.features import feature_store
from sept_core.imaging import decoders, outcomes
from sept_core.ingest import worklists
from sept_core.storage import atomic, hashing


def older(store: feature_store.FeatureStore) -> list[feature_store.Shard]:
    """Return the shards with vectors from a decoder version other than the current one."""
    return [s for s in store.shards if len(s) and s.decoder != decoders.version()]


@dataclass(frozen=True)
class Renewal:
    """The stores of one encoder and their renewal stores.

    Attributes:
        stores: the encoder's folder.
        beside: folder where the images are embedded again.
    """

    stores: Path
    beside: Path

    def worklists(self, parts: list[dict[str, str]], job: Path) -> list[dict[str, str]]:
        """Return the parts of an embedding job, narrowed to images of older shards.

        They are fixed until the job is done, since the older shards may be deleted in between.
        """
        narrowed = []
        for number, part in enumerate(parts):
            path = job / f"renewal-{number}.parquet"
            if not path.exists() or not (self.beside / part["collection"]).exists():
                self._clear(part["collection"])
                worklists.write(path, self._rows(part))
            narrowed.append(part | {"worklist": str(path)})
        return narrowed

    def _clear(self, collection: str) -> None:
        """Delete an unfinished renewal by a different decoder."""
        beside = self.beside / collection
        if not (beside / feature_store.READY).exists() and older(
            feature_store.FeatureStore(beside)
        ):
            shutil.rmtree(beside)

    def _rows(self, part: dict[str, str]) -> pa.Table:
        worklist = worklists.read(Path(part["worklist"]))
        shards = older(feature_store.FeatureStore(self.stores / part["collection"]))
        known = {uid.decode() for shard in shards for uid in shard.uids.tolist()}
        return worklist.filter(pc.is_in(worklist["uid"], pa.array(sorted(known), pa.string())))

    def replace(self, collection: str) -> None:
        """Replace the older shards of a collection by the renewed ones."""
        store, beside = self.stores / collection, self.beside / collection
        if not feature_store.FeatureStore(beside).shards:
            return
        if not (beside / feature_store.READY).exists():
            shards = older(feature_store.FeatureStore(store))
            _copy_unrenewed(shards, beside)
            atomic.write_json(beside / feature_store.READY, [_identity(shard) for shard in shards])
        replaced = atomic.read_json(beside / feature_store.READY)
        for shard in feature_store.FeatureStore(store).shards:
            if _identity(shard) in replaced:
                _remove(shard)
        for shard in feature_store.FeatureStore(beside).shards:
            _move(shard, store)
        shutil.rmtree(beside)


def _copy_unrenewed(shards: list[feature_store.Shard], beside: Path) -> None:
    """Copy the images of older shards that could not be embedded again, unchanged.

    They name no files, since newer outcomes of those exist.
    """
    store = feature_store.FeatureStore(beside)
    settled = np.unique(np.concatenate([_settled(shard) for shard in store.shards]))
    number = store.next_number
    for shard in shards:
        rest = ~np.isin(shard.uids, settled)
        if rest.any():
            table = _outcomes_of(shard, shard.uids[rest])
            kept = None if shard.decoder == outcomes.UNKNOWN_DECODER else shard.decoder
            _write(beside, number, shard, rest, table, kept)
            number += 1


def _settled(shard: feature_store.Shard) -> np.ndarray:
    """Return (n,) S32: images that were read, whatever their outcome."""
    found = shard.outcomes()
    read = found.filter(pc.not_equal(found["status"], outcomes.UNREADABLE))
    return hashing.uid_array(read["uid"].drop_null())


def _outcomes_of(shard: feature_store.Shard, uids: np.ndarray) -> pa.Table:
    """Return a shard's outcomes of some embedded images, without their places."""
    found = shard.outcomes().filter(pc.equal(shard.outcomes()["status"], outcomes.OK))
    rows = np.isin(hashing.uid_array(found["uid"]), uids)
    found = found.filter(pa.array(rows))
    _, first = np.unique(hashing.uid_array(found["uid"]), return_index=True)
    found = found.take(pa.array(np.sort(first)))
    nowhere = pa.nulls(found.num_rows, pa.string())
    for name in feature_store.LOCATION:
        found = found.set_column(found.column_names.index(name), name, nowhere)
    return found


def _identity(shard: feature_store.Shard) -> list[str]:
    """Return what identifies a shard's outcomes, wherever it is: two decoders may give the same."""
    return [shard.header["outcomes_sha256"], shard.decoder]


def _remove(shard: feature_store.Shard) -> None:
    """Delete a shard, its header first: without it the rest does not exist."""
    base = shard.folder / f"{shard.number:05d}"
    for suffix in (".json", *feature_store.PARTS.values()):
        Path(f"{base}{suffix}").unlink(missing_ok=True)


def _move(shard: feature_store.Shard, folder: Path) -> None:
    """Append a shard to a store, without images that are stored there already."""
    store = feature_store.FeatureStore(folder)
    if _identity(shard) not in map(_identity, store.shards):
        new = ~np.isin(shard.uids, store.uids)
        kept = shard.header.get("decoder")
        _write(folder, store.next_number, shard, new, shard.outcomes(), kept)
    _remove(shard)


def _write(
    folder: Path,
    number: int,
    shard: feature_store.Shard,
    rows: np.ndarray,
    table: pa.Table,
    decoder: str | None,
) -> None:
    """Write some rows (bool) of a shard as a new one."""
    encoder_id = shard.header["encoder_id"]
    vectors, uids = shard.vectors[rows], shard.uids[rows]
    ranges = shard.header.get("value_ranges")
    feature_store.write_shard(folder, number, encoder_id, uids, vectors, table, decoder, ranges)
