"""Ids of images: which of them the catalogue knows.

In: uids, or a source. Out: uids. Commands that decide on images need nothing else, so nothing heavy
is imported here.
"""

from collections.abc import Iterable

from sept_core.catalogue.connection import Connection


def of_source(db: Connection, source_id: str) -> list[str]:
    """Return the uids of the live files of a source or target set, sorted."""
    rows = db.execute(
        """SELECT DISTINCT uid FROM files
           WHERE NOT gone AND source_id = ? AND uid IS NOT NULL ORDER BY uid""",
        [source_id],
    ).fetchall()
    return [str(uid) for (uid,) in rows]


def unknown(db: Connection, uids: Iterable[str]) -> list[str]:
    """Return those uids that no image of the catalogue has, sorted."""
    rows = db.execute(
        """SELECT DISTINCT uid FROM (SELECT unnest(?::TEXT[]) AS uid) ANTI JOIN images USING (uid)
           ORDER BY uid""",
        [list(uids)],
    ).fetchall()
    return [str(uid) for (uid,) in rows]
