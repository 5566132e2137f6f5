"""Neighbour lists of a ranking on disk, so that a restarted app need not search again.

In: a folder for one ranking, lists, the pool's uids. Out: the lists, if a complete file of the same
pool is there. Files may be deleted at any time; only the latest `MOST_FILES` are kept.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sept_core import errors
from sept_core.features import feature_store
from sept_core.index import cosine
from sept_core.retrieval.neighbour_lists import Neighbours
from sept_core.storage import array_files, atomic, hashing, project_paths

MOST_FILES = 8
MOST_ENTRIES = 16_000_000
"""Longer lists (128 MB) are not stored."""

ROWS, SIMILARITY, TARGETS = "rows.npy", "similarity.npy", "targets.npy"


def save(folder: Path, lists: Neighbours, pool: feature_store.FeatureStore) -> None:
    """Store lists; earlier ones of this ranking are replaced, the oldest rankings' deleted."""
    if lists.uids.size > MOST_ENTRIES:
        return
    header = folder / project_paths.HEADER
    header.unlink(missing_ok=True)
    used = np.isfinite(lists.similarity)
    rows = np.full(lists.uids.shape, -1, np.int32)
    rows[used] = pool.rows_of(lists.uids[used])
    micro = np.zeros(rows.shape, np.int32)
    micro[used] = np.rint(lists.similarity[used] * cosine.MICRO).astype(np.int32)
    array_files.write(folder / ROWS, rows)
    array_files.write(folder / SIMILARITY, micro)
    array_files.write(folder / TARGETS, lists.targets)
    known = {name: atomic.sha256_file(folder / name) for name in (ROWS, SIMILARITY, TARGETS)}
    facts = {"complete": lists.complete, "recall": lists.recall, "index_id": lists.index_id}
    atomic.write_json(header, {"pool": pool.content_id(), "files": known} | facts)
    keep_latest(folder.parent, project_paths.HEADER, MOST_FILES, (ROWS, SIMILARITY, TARGETS))


def load(folder: Path, pool: feature_store.FeatureStore, targets: np.ndarray) -> Neighbours | None:
    """Return stored lists of exactly these targets in this pool, or None.

    Args:
        folder: of the ranking.
        pool: the pool's features.
        targets: (T,) S32, in the order of the lists.
    """
    header = folder / project_paths.HEADER
    try:
        known = atomic.read_json(header)
        files = {name: folder / name for name in (ROWS, SIMILARITY, TARGETS)}
        if known["pool"] != pool.content_id():
            return None
        if any(atomic.sha256_file(path) != known["files"][name] for name, path in files.items()):
            return None
        rows, micro, stored = (np.load(path) for path in files.values())
    except (errors.SeptError, OSError, ValueError, KeyError, TypeError):
        return None
    if not np.array_equal(stored, targets):
        return None
    used = rows >= 0
    uids = np.full(rows.shape, b"", hashing.UID_DTYPE)
    uids[used] = pool.uids[rows[used]]
    similarity = np.where(used, np.round(micro / cosine.MICRO, 6), -np.inf)
    return Neighbours(
        targets, uids, similarity, known["complete"], known["recall"], known["index_id"]
    )


def keep_latest(folder: Path, name: str, most: int, others: Sequence[str] = ()) -> None:
    """Delete the files of a name that were stored the longest ago, and folders that become empty.

    Args:
        folder: of all rankings.
        name: of a file in the folder of a ranking.
        most: how many files of that name stay.
        others: files that are deleted with one of that name.
    """
    for path in sorted(folder.glob(f"*/{name}"), key=_stored_at)[:-most]:
        for one in (name, *others):
            (path.parent / one).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it holds other files
            path.parent.rmdir()


def _stored_at(path: Path) -> int:
    """Return the time of a file; 0 if another process has deleted it."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
