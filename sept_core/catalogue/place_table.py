"""Places: where the bytes of known images lie, and the names under which other tools know them.

In: uids, or the role of sources. Out: their live places, best first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from sept_core.catalogue import revision
from sept_core.catalogue.connection import Connection, registered, table
from sept_core.catalogue.live_files import BANDS, FOLLOWS, LIVE, SHOWN
from sept_core.filesystem import roots
from sept_core.storage import hashing


def locations(db: Connection, uids: Iterable[str], role: str = "pool") -> pa.Table:
    """Return all live places of these images, best first within a uid.

    Columns: uid, source (name), source_id, root, follow_links, source_uid, rel_path, member,
    offset, size, sha256, width, height.
    """
    with registered(db, "wanted", pa.table({"uid": pa.array(list(uids), pa.string())})):
        return table(
            db,
            f"""SELECT f.uid, s.name AS source, s.id AS source_id, s.root, {FOLLOWS}, f.source_uid,
                      f.rel_path, f.member, f.byte_offset AS "offset", f.size, i.sha256, i.width,
                      i.height
               FROM files f SEMI JOIN wanted ON wanted.uid = f.uid
               JOIN sources s ON s.id = f.source_id JOIN images i ON i.uid = f.uid
               WHERE NOT f.gone AND f.state = 'ok' AND s.role = ?
               ORDER BY f.uid, s.added_at, f.rel_path, f.member""",
            [role],
        )


@dataclass(frozen=True)
class Place:
    """One place of an image's bytes.

    `format` is Pillow's name, '' when it is unknown; `bands` is an option of the source.
    """

    source: str
    source_id: str
    root: roots.Root
    rel_path: str
    member: str
    offset: int
    size: int
    format: str
    bands: str | None

    @property
    def text(self) -> str:
        """The place for a reader: `source/path`, and the member of an archive."""
        return "/".join(filter(None, (self.source, self.rel_path, self.member)))


def places(db: Connection, uid: str) -> list[Place]:
    """Return all live places of one image, pool places first; none for an image without bytes."""
    uids, rows = revision.once(db, "rows", lambda: _rows(db))
    ours = rows[np.searchsorted(uids, uid.encode()) : np.searchsorted(uids, uid.encode(), "right")]
    if not len(ours):
        return []
    file_rows, image_row = ours[:, 0].tolist(), int(ours[0, 1])
    marks = ", ".join("?" * len(file_rows))
    where = f"f.rowid IN ({marks}) AND i.rowid = ?"
    found = _places(db, uid, where, [*file_rows, image_row])
    if len(found) < len(ours):  # a checkpoint has numbered the rows anew
        found = _places(db, uid, "TRUE", [])
    return found


def first_files(db: Connection, uids: Sequence[str]) -> list[str]:
    """Return the first live place of each image, as `source/path`; "" for none."""
    return [next((place.text for place in places(db, uid)), "") for uid in uids]


def _rows(db: Connection) -> tuple[np.ndarray, np.ndarray]:
    """(n,) S32 of each live file with bytes, sorted, and (n, 2) rows of the file and its image.

    Without them, looking up one uid would scan the whole catalogue.
    """
    found = table(
        db,
        f"""SELECT f.uid, f.rowid AS file, i.rowid AS image {SHOWN} ORDER BY f.uid""",
    )
    rows = np.stack([found["file"].to_numpy(), found["image"].to_numpy()], 1)
    return hashing.uid_array(found["uid"]), rows


def _places(db: Connection, uid: str, where: str, values: list[int]) -> list[Place]:
    rows = db.execute(
        f"""SELECT s.name, s.id, s.root, {FOLLOWS}, f.rel_path, f.member, f.byte_offset, f.size,
                   coalesce(i.format, ''), {BANDS}
            {SHOWN} AND {where} AND f.uid = ?
            ORDER BY s.role, s.added_at, f.rel_path, f.member""",
        [*values, uid],
    ).fetchall()
    return [
        Place(name, source_id, roots.Root(Path(root), follows), *rest)
        for name, source_id, root, follows, *rest in rows
    ]


def pixels(db: Connection, uid: str) -> tuple[int | None, int | None, str | None] | None:
    """Return width, height and metadata (JSON) of an image from one of its live files, or None."""
    uids, rows = revision.once(db, "rows", lambda: _rows(db))
    place = int(np.searchsorted(uids, uid.encode()))
    if place == len(uids) or uids[place] != uid.encode():
        return None
    found = db.execute(
        """SELECT i.width, i.height, f.metadata FROM files f JOIN images i ON i.uid = f.uid
           WHERE f.rowid = ? AND i.rowid = ? AND f.uid = ?""",
        [*rows[place].tolist(), uid],
    ).fetchall()
    return (found[0][0], found[0][1], found[0][2]) if found else None


def keys(db: Connection, role: str, source_id: str | None = None) -> pa.Table:
    """Return the names under which other tools may know the images: columns uid, source_uid,
    rel_path.

    `rel_path` is that of the file, or container and member joined by a slash.
    """
    return table(
        db,
        f"""SELECT f.uid, f.source_uid,
                   f.rel_path || CASE f.member WHEN '' THEN '' ELSE '/' || f.member END AS rel_path
            {LIVE} AND s.role = ? AND f.state = 'ok' AND (? IS NULL OR s.id = ?)
            ORDER BY s.added_at, f.rel_path, f.member""",
        [role, source_id, source_id],
    )


def named(db: Connection, names: Sequence[str]) -> pa.Table:
    """Return the pool images that have one of these names: columns name, way, uid.

    `way` is `key` (the source's own id), `path` (below the source's folder, also with the source's
    name or the folder itself before it) or `file` (the last part of a path).
    """
    with registered(db, "wanted", pa.table({"name": pa.array(names, pa.string())})):
        return table(
            db,
            f"""WITH known AS (
                  SELECT f.uid, f.source_uid, s.name AS source, s.root,
                         f.rel_path || CASE f.member WHEN '' THEN '' ELSE '/' || f.member END
                           AS path
                  {LIVE} AND s.role = 'pool' AND f.state = 'ok'),
                found AS (
                  SELECT name, 'key' AS way, uid FROM wanted JOIN known ON source_uid = name
                  UNION ALL
                  SELECT name, 'path', uid FROM wanted JOIN known ON path = name
                  UNION ALL
                  SELECT name, 'path', uid FROM wanted JOIN known ON source || '/' || path = name
                  UNION ALL
                  SELECT name, 'path', uid FROM wanted JOIN known ON root || '/' || path = name
                  UNION ALL
                  SELECT name, 'file', uid FROM wanted
                  JOIN known ON regexp_extract(path, '[^/]*$') = name)
                SELECT DISTINCT name, way, uid FROM found ORDER BY name, way, uid""",
        )
