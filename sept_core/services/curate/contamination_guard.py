"""The contamination guard over whole target sets: images that must not be selected, and why.

In: the held-out images of the target sets, embedded into stores of their own. Out: `Finding`;
apart from the held-out diagnostics, no other button opens those stores.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sept_core import errors
from sept_core import targets as target_layout
from sept_core.catalogue import image_table, revision, split_table
from sept_core.dedup import leakage
from sept_core.features import feature_store
from sept_core.services.data import preparation
from sept_core.services.project.project import Project
from sept_core.storage import atomic, hashing, project_paths


@dataclass(frozen=True)
class Finding:
    """Result of the guard.

    Attributes:
        state: `on`, `off` (the user's choice) or `none` (no held-out image to guard).
        found: leaks by the uid of the pool image: heldout_uid, how, distance; (n, 4) table.
        heldout: (uid, phash, target) of the held-out images that were compared.
        settings: the thresholds, empty unless the guard is on.
        featureless: number of held-out images without features under the encoder, which were
            compared only by bytes and perceptual hash.
    """

    state: str
    found: pa.Table
    heldout: pa.Table
    settings: dict[str, Any]
    featureless: int = 0

    @property
    def leaked(self) -> np.ndarray:
        """(n,) S32 pool images that must not be selected."""
        return hashing.uid_array(self.found["uid"])

    def record(self) -> dict[str, Any]:
        """Return the part that a selection and its manifest store."""
        return {
            "state": self.state,
            "leaks": self.found.num_rows,
            "heldout_images": self.heldout.num_rows,
            "heldout_without_features": self.featureless,
            **self.settings,
        }


FOUND_SCHEMA = pa.schema(
    [
        ("uid", pa.string()),
        ("heldout_uid", pa.string()),
        ("how", pa.string()),
        ("distance", pa.float64()),
    ]
)
HELDOUT_SCHEMA = pa.schema([("uid", pa.string()), ("phash", pa.uint64()), ("target", pa.string())])


def check(
    project: Project, encoder_id: str, target_ids: tuple[str, ...], *, wanted: bool
) -> Finding:
    """Compare the pool with the held-out images of these target sets.

    Raises:
        LeakError: there are held-out images that cannot be compared.
    """
    splits = target_layout.HELDOUT_SPLITS
    rows = {t: split_table.labelled(project.db, t, splits) for t in target_ids}
    waiting = sum(split_table.waiting(project.db, t, splits) for t in target_ids)
    unreadable = [row for t in target_ids for row in split_table.unreadable(project.db, t, splits)]
    there = waiting or unreadable or any(table.num_rows for table in rows.values())
    if not wanted or not there:
        return Finding(
            "none" if wanted else "off",
            FOUND_SCHEMA.empty_table(),
            HELDOUT_SCHEMA.empty_table(),
            {},
        )
    if waiting:
        raise errors.LeakError(
            f"{waiting} held-out images of the target set have not been embedded, so the "
            "contamination guard cannot run; embed again (Pool page, or sept embed), or switch "
            "the guard off."
        )
    if unreadable:
        place, reason = unreadable[0]
        raise errors.LeakError(
            f"{len(unreadable)} images of the target set that may be held out cannot be read now "
            f"(first: {place}: {reason}), so the contamination guard cannot run; restore them and "
            "retry (Targets page, or sept target retry), or switch the guard off."
        )
    settings = _settings(project, encoder_id)
    found = [_leaks(project, encoder_id, t, settings) for t in target_ids if rows[t].num_rows]
    heldout = pa.concat_tables(_heldout(rows[t], t) for t in target_ids)
    without = np.isin(hashing.uid_array(heldout["uid"]), _featureless(project, encoder_id))
    return Finding(
        "on",
        pa.concat_tables(found).cast(FOUND_SCHEMA),
        heldout,
        asdict(settings),
        int(without.sum()),
    )


def _featureless(project: Project, encoder_id: str) -> np.ndarray:
    """Return (n,) S32 images of all target sets without features under the encoder."""
    return hashing.uid_array(image_table.featureless(project.db, encoder_id, "target")["uid"])


def _leaks(
    project: Project, encoder_id: str, target_id: str, settings: leakage.Settings
) -> pa.Table:
    """Find the leaks of one target set, cached until files, features or groups change."""
    groups_header = atomic.read_json(
        project.paths.index(encoder_id, "duplicates") / project_paths.HEADER
    )
    depends = [encoder_id, target_id, asdict(settings), groups_header]

    def find() -> pa.Table:
        groups = preparation.groups_by_uid(project, encoder_id)
        heldout = heldout_images(project, encoder_id, target_id)
        return leakage.find_leaks(
            heldout, _live_pool(project, encoder_id), groups, settings
        ).table()

    name = hashing.fingerprint([*depends, revision.current(project.db)])
    kept = project.paths.index(encoder_id, "leaks") / target_id / f"{name}.parquet"
    return revision.once(project.db, f"leaks:{name}", lambda: _cached(kept, find))


def _cached(path: Path, find: Callable[[], pa.Table]) -> pa.Table:
    """Return a table cached on disk; earlier ones are out of date and deleted."""
    if not path.exists():
        table = find()
        for old in path.parent.glob("*.parquet"):
            old.unlink()
        with atomic.write_then_rename(path) as temporary:
            pq.write_table(table, temporary)
    return pq.read_table(path)


def heldout_images(project: Project, encoder_id: str, target_id: str) -> leakage.Images:
    """Return the decodable held-out images of one target set, with features and hashes."""
    rows = split_table.labelled(project.db, target_id, target_layout.HELDOUT_SPLITS)
    store = project.paths.target_features(encoder_id, target_id, heldout=True)
    return leakage.Images(
        np.sort(hashing.uid_array(rows["uid"])),
        feature_store.FeatureStore(store),
        image_table.hashes(project.db, "target", [target_id]),
        _featureless(project, encoder_id),
    )


def _live_pool(project: Project, encoder_id: str) -> leakage.Images:
    store = feature_store.FeatureStore(project.paths.pool_features(encoder_id))
    live = image_table.eligible(project.db)
    embedded = live[store.rows_of(live) >= 0]
    return leakage.Images(embedded, store, image_table.hashes(project.db, "pool"))


def _settings(project: Project, encoder_id: str) -> leakage.Settings:
    tau = preparation.calibration(project, encoder_id)["tau_leak"]
    return leakage.Settings(tau_leak=tau, bits=preparation.HASH_BITS)


def _heldout(rows: pa.Table, target_id: str) -> pa.Table:
    columns = [rows["uid"], rows["phash"], pa.array([target_id] * rows.num_rows, pa.string())]
    return pa.Table.from_arrays(columns, schema=HELDOUT_SCHEMA)
