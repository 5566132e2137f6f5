"""One collection's share of an embedding job: shards written in worklist order, files tried again.

In: a `planning.Plan` and the batches of an engine. Out: the shards of one store, and the counts of
its rows by outcome.
"""

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from sept_core.features import engine, feature_store, planning, range_fitting, value_ranges
from sept_core.imaging import decoders, outcomes
from sept_core.imaging.pixel_values import ValueRanges

Told = Callable[[int], None]
"""Called with the number of rows handled since the last call: a heartbeat and a cancel point."""


class Collector:
    """Writes one store and keeps track of the stored uids and the unread rows."""

    def __init__(self, plan: planning.Plan, cut: planning.Cut, encoder_id: str) -> None:
        self._plan = plan
        self._cut = cut
        self._encoder_id = encoder_id
        self._known = np.sort(plan.store.uids)
        self._number = plan.store.next_number
        self._counts: Counter[str] = Counter()
        self._shards = 0
        self.unread = plan.unread

    @property
    def rows_left(self) -> int:
        """Number of rows of the first pass."""
        return len(self._plan.left)

    def embed(self, embedder: range_fitting.FittingEngine, told: Told) -> None:
        """Read the remaining rows once; record unreadable files and keep them for `retry`."""
        unread = self._pass(embedder, self._plan.left, told, keep_unread=True)
        self.unread = np.union1d(self.unread, unread)

    def retry(self, embedder: range_fitting.FittingEngine, told: Told) -> None:
        """Read the unread rows again; those that can be read now get a further outcome.

        The stored result depends on which files can be read, never on the number of the try.
        """
        self.unread = self._pass(embedder, self.unread, told, keep_unread=False)

    def counts(self) -> dict[str, Any]:
        """Return the counts of this run: see `worker.main`."""
        words = (outcomes.OK, outcomes.REJECTED, outcomes.NO_FEATURES)
        return {
            "collection": self._plan.collection,
            **{word: self._counts[word] for word in words},
            outcomes.UNREADABLE: len(self.unread),
            "duplicates": self._counts["duplicates"],
            "shards": self._shards,
            "already_done": self._plan.already_done,
        }

    def _pass(
        self,
        embedder: range_fitting.FittingEngine,
        rows: np.ndarray,
        told: Told,
        *,
        keep_unread: bool,
    ) -> np.ndarray:
        """Embed some rows; return those (int64) that could not be read."""
        shards = self._cut.shards(rows)
        unread = [np.empty(0, np.int64)]
        slices = [batch for shard in shards for batch in shard]
        with contextlib.closing(embedder.batches(self._plan.worklist, slices)) as results:
            for shard in shards:
                batches = []
                for batch_rows in shard:
                    batch = next(results)
                    unread.append(batch_rows[_unreadable(batch)])
                    batches.append(batch if keep_unread else _without_unread(batch))
                    told(len(batch.outcomes))
                self._write(batches, embedder.ranges)
        return np.concatenate(unread)

    def _write(self, batches: list[engine.Batch], ranges: ValueRanges) -> None:
        """Write one shard, leaving out vectors of images that are stored already."""
        rows = [outcome for batch in batches for outcome in batch.outcomes]
        if not rows:
            return
        uids = np.concatenate([batch.uids for batch in batches])
        vectors = np.concatenate([batch.vectors for batch in batches])
        keep, known = feature_store.first_seen(uids, self._known)
        table = pa.Table.from_pylist(rows, schema=feature_store.OUTCOME_SCHEMA)
        feature_store.write_shard(
            self._plan.store.folder,
            self._number,
            self._encoder_id,
            uids[keep],
            vectors[keep],
            table,
            decoders.version(),
            value_ranges.record(itertools.chain(*(batch.scaled for batch in batches)), ranges),
        )
        self._counts += Counter(row["status"] for row in rows)
        self._counts["duplicates"] += len(uids) - len(keep)
        self._known = known
        self._number += 1
        self._shards += 1


def _unreadable(batch: engine.Batch) -> np.ndarray:
    """(n,) bool over the rows of a batch."""
    return np.array([row["status"] == outcomes.UNREADABLE for row in batch.outcomes], bool)


def _without_unread(batch: engine.Batch) -> engine.Batch:
    """Return the batch without rows that still cannot be read; their earlier outcomes stand."""
    read = [row for row in batch.outcomes if row["status"] != outcomes.UNREADABLE]
    return engine.Batch(read, batch.uids, batch.vectors, batch.scaled)
