"""Splits of target sets: the images to search with, the held-out images, and the files not read
yet.

In: a target set's id. Out: its images by split, and the files that are not read yet.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from sept_core import targets
from sept_core.catalogue import revision
from sept_core.catalogue.connection import Connection, scalar, table
from sept_core.catalogue.live_files import LIVE, WORK_COLUMNS
from sept_core.storage import hashing

_HELDOUT_FIRST = "CASE f.split WHEN 'test' THEN 0 WHEN 'val' THEN 1 WHEN 'train' THEN 2 ELSE 3 END"


def labelled(db: Connection, source_id: str, splits: Iterable[str]) -> pa.Table:
    """Return a target set's decoded files as a worklist with `phash`; one per uid.

    An image that lies in several splits belongs to a held-out one.
    """
    return table(
        db,
        f"""SELECT * FROM (
                SELECT {WORK_COLUMNS}, f.uid, i.phash
                FROM files f JOIN sources s ON s.id = f.source_id JOIN images i ON i.uid = f.uid
                WHERE NOT f.gone AND s.id = ? AND f.state = 'ok'
                QUALIFY row_number() OVER (
                    PARTITION BY f.uid ORDER BY {_HELDOUT_FIRST}, f.rel_path, f.member) = 1)
            WHERE list_contains(?, split)
            ORDER BY rel_path, member""",
        [source_id, list(splits)],
    )


def searching(db: Connection, source_id: str) -> np.ndarray:
    """(n,) S32, sorted: the decoded images of a target set that may be searched with."""
    return _in_splits(db, source_id, targets.SEARCH_SPLITS)


def held_out(db: Connection, source_id: str) -> np.ndarray:
    """(n,) S32, sorted: the decoded images of a target set's held-out splits."""
    return _in_splits(db, source_id, targets.HELDOUT_SPLITS)


def _in_splits(db: Connection, source_id: str, splits: tuple[str, ...]) -> np.ndarray:
    def read() -> np.ndarray:
        return np.sort(hashing.uid_array(labelled(db, source_id, splits)["uid"]))

    return revision.once(db, f"in_splits:{source_id}:{splits}", read)


def in_both(db: Connection, source_id: str) -> int:
    """Count the images of a target set that lie in both the searching and a held-out split."""
    query = f"""SELECT count(*) FROM (
                    SELECT f.uid {LIVE} AND s.id = ? AND f.state = 'ok' GROUP BY f.uid
                    HAVING bool_or(f.split = 'train') AND bool_or(f.split IN ('val', 'test')))"""
    return revision.once(db, f"in_both:{source_id}", lambda: int(scalar(db, query, [source_id])))


def labelled_like(db: Connection, target: str) -> list[str]:
    """Return the pool images whose own label is one of a target set's, by uid."""
    rows = table(
        db,
        f"""SELECT DISTINCT f.uid {LIVE} AND s.role = 'pool' AND f.state = 'ok' AND f.label IN
            (SELECT t.label FROM files t JOIN sources o ON o.id = t.source_id
             WHERE o.role = 'target' AND o.name = ? AND t.label IS NOT NULL
               AND t.split <> 'unassigned')
            ORDER BY f.uid""",
        [target],
    )
    return [str(uid) for uid in rows["uid"].to_pylist()]


def waiting(db: Connection, source_id: str, splits: Iterable[str]) -> int:
    """Count the files of a target set's splits that no encoder has read yet."""
    return int(
        scalar(
            db,
            f"""SELECT count(*) {LIVE} AND s.id = ? AND f.state = 'waiting'
                AND list_contains(?, f.split)""",
            [source_id, list(splits)],
        )
    )


def unreadable(db: Connection, source_id: str, splits: Iterable[str]) -> list[tuple[str, str]]:
    """Return place and reason of unreadable files that may belong to these splits of a target set.

    Files that listing could not examine may belong to any split.
    """
    rows = db.execute(
        f"""SELECT f.rel_path || CASE f.member WHEN '' THEN '' ELSE '/' || f.member END, f.reason
            {LIVE} AND s.id = ? AND f.state = 'unreadable'
              AND (f.split IS NULL OR list_contains(?, f.split))
            ORDER BY f.rel_path, f.member""",
        [source_id, list(splits)],
    ).fetchall()
    return [(str(place), str(reason)) for place, reason in rows]
