"""Worklists: the files that an encoder, or a fit before it, must still read.

In: ids of sources. Out: the rows of `ingest.worklists`, in the order of the work.
"""

from collections.abc import Iterable

import pyarrow as pa

from sept_core.catalogue.connection import Connection, table
from sept_core.catalogue.live_files import LIVE, WORK_COLUMNS
from sept_core.imaging import decoders

_READABLE = """(f.state IN ('waiting', 'ok') OR (f.state = 'unreadable' AND f.decoder IS NOT NULL)
                OR (f.state = 'rejected' AND f.decoder <> $decoder))"""
"""Files worth reading: all except those that listing found out of reach or not an image, and those
that this decoder version has rejected."""


def worklist(
    db: Connection, source_ids: list[str], splits: Iterable[str] | None = None
) -> pa.Table:
    """Return the files that an encoder must read, in the order of the work.

    These are all waiting files, those that could not be read last time or that an earlier decoder
    rejected, and one place of every known image; the worker skips what its store already holds.
    `splits` narrows a target set. The columns are those of `worklists.SCHEMA`; `source`
    holds source ids, which survive renames.
    """
    wanted = list(splits) if splits is not None else []
    return table(
        db,
        f"""SELECT {WORK_COLUMNS}, CASE f.state WHEN 'ok' THEN f.uid END AS uid
            {LIVE} AND list_contains($ids, s.id) AND s.kind <> 'features'
              AND (len($wanted) = 0 OR list_contains($wanted, f.split)) AND {_READABLE}
            QUALIFY f.state <> 'ok' OR row_number() OVER (
                PARTITION BY f.uid, f.state ORDER BY s.added_at, f.rel_path, f.member) = 1
            ORDER BY s.added_at, s.id, f.rel_path, f.member""",
        {"ids": source_ids, "wanted": wanted, "decoder": decoders.version()},
    )


def fitting_sample(db: Connection, source_ids: list[str], size: int, seed: int) -> pa.Table:
    """A worklist of `size` pool files in an order that depends only on their places."""
    return table(
        db,
        f"""SELECT {WORK_COLUMNS}, f.uid {LIVE} AND list_contains($ids, s.id)
              AND {_READABLE} AND f.state <> 'rejected' AND s.kind <> 'features'
            ORDER BY md5($seed || ':' || f.rel_path || '/' || f.member), f.rel_path, f.member
            LIMIT $size""",
        {"ids": source_ids, "seed": str(seed), "size": size, "decoder": decoders.version()},
    )
