"""Images of the catalogue: which are eligible, and what is known of their pixels.

In: a role of sources. Out: uids, counts, quality figures and hashes.
"""

import numpy as np
import pyarrow as pa

from sept_core import errors
from sept_core.catalogue import filters, revision
from sept_core.catalogue.connection import (
    Connection,
    one,
    registered,
    table,
    transaction,
)
from sept_core.catalogue.live_files import LIVE, SHOWN
from sept_core.storage import hashing


def featureless(db: Connection, encoder_id: str, role: str = "pool") -> pa.Table:
    """Return uid and reason of a role's live images without features under an encoder, by uid."""
    query = """SELECT uid, reason FROM featureless WHERE encoder_id = $encoder
               AND uid IN (SELECT f.uid FROM files f JOIN sources s ON s.id = f.source_id
                           WHERE NOT f.gone AND f.state = 'ok' AND s.role = $role)
               ORDER BY uid"""
    values = {"encoder": encoder_id, "role": role}
    what = f"featureless:{encoder_id}:{role}"
    return revision.once(db, what, lambda: table(db, query, values))


def featureless_places(db: Connection, role: str) -> pa.Table:
    """Return every live place of the images without features under an encoder.

    Columns: encoder, source, rel_path, member, reason, uid; by encoder and place.
    """
    return table(
        db,
        """SELECT n.encoder_id AS encoder, s.name AS source, f.rel_path, f.member, n.reason, f.uid
           FROM featureless n JOIN files f ON f.uid = n.uid JOIN sources s ON s.id = f.source_id
           WHERE NOT f.gone AND f.state = 'ok' AND s.role = ?
           ORDER BY n.encoder_id, s.added_at, f.rel_path, f.member""",
        [role],
    )


def eligible(db: Connection, role: str = "pool", filter_text: str = "") -> np.ndarray:
    """(n,) S32, sorted: the decodable images with a live place that passes the filter.

    The columns that filters use are cached until the files change, since a page filters at each
    click.

    Raises:
        InputError: the filter cannot be read, or names a field that no file has.
    """
    conditions = filters.parse(filter_text)
    _refuse_unknown_fields(db, role, conditions)
    where, values = filters.to_sql(conditions)
    fields = filters.fields(conditions)
    with transaction(db):  # all columns are of one state of the files
        uids = hashing.uid_array(_listed(db, role, "uid", "f.uid", []))
        columns = [_listed(db, role, field, *filters.column(field)) for field in fields]
    if conditions:
        listed = pa.table(columns, [f"c{number}" for number in range(len(columns))])
        with registered(db, "listed", listed):
            passes = table(db, f"SELECT coalesce({where}, FALSE) AS passes FROM listed", values)
        uids = uids[passes["passes"].to_numpy()]
    first = np.ones(len(uids), bool)
    first[1:] = uids[1:] != uids[:-1]
    return uids[first]


def _listed(
    db: Connection, role: str, name: str, column: str, values: list[str]
) -> pa.ChunkedArray:
    """A value of each decodable live file of a role, by uid and place."""
    query = f"""SELECT {column} AS value FROM files f JOIN sources s ON s.id = f.source_id
                JOIN images i ON i.uid = f.uid
                WHERE NOT f.gone AND f.state = 'ok' AND s.role = ?
                ORDER BY f.uid, s.id, f.rel_path, f.member"""
    rows = revision.once(db, f"listed:{role}:{name}", lambda: table(db, query, [*values, role]))
    return rows["value"]


def _refuse_unknown_fields(db: Connection, role: str, conditions: list[filters.Condition]) -> None:
    """Refuse fields that no file has: a misspelt field would silently match nothing."""
    own = [c.field for c in conditions if c.field not in filters.COLUMNS]
    known = metadata_fields(db, role) if own else []
    for field in own:
        if field not in known:
            fields = ", ".join([*filters.COLUMNS, *known])
            raise errors.InputError(f"No image has a field {field!r}; filter by one of: {fields}.")


def metadata_fields(db: Connection, role: str = "pool") -> list[str]:
    """Return the names of the columns that came with the files of a role, in alphabetical order."""
    query = f"""SELECT DISTINCT unnest(json_keys(f.metadata)) AS field
                {LIVE} AND s.role = ? AND f.metadata IS NOT NULL ORDER BY field"""
    rows = revision.once(db, f"metadata_fields:{role}", lambda: table(db, query, [role]))
    return [str(field) for field in rows["field"].to_pylist()]


def pool_counts(db: Connection) -> dict[str, int]:
    """Return the first counts of the funnel: distinct pool images, and files that cannot be
    decoded.
    """
    query = f"""SELECT count(*), count(*) FILTER (f.state = 'waiting'),
                       count(*) FILTER (f.state = 'unreadable'),
                       count(*) FILTER (f.state = 'rejected'),
                       count(DISTINCT f.uid) FILTER (f.state = 'ok') {LIVE} AND s.role = 'pool'"""
    row = revision.once(db, "pool_counts", lambda: one(db, query))
    return dict(zip(("files", "waiting", "unreadable", "rejected", "images"), row, strict=True))


def sample(db: Connection, count: int, role: str = "pool", source: str = "") -> list[str]:
    """Return the first images of a role by uid; a uid is a hash, so that they are a fair sample.

    Args:
        db: the catalogue.
        count: the most images.
        role: `pool` or `target`.
        source: name of one source or target set; empty for all.
    """
    query = f"""SELECT DISTINCT f.uid {LIVE} AND s.role = $role AND f.state = 'ok'
                  AND ($source = '' OR s.name = $source)
                ORDER BY f.uid LIMIT $count"""
    values = {"role": role, "source": source, "count": count}
    what = f"sample:{role}:{source}:{count}"
    rows = revision.once(db, what, lambda: table(db, query, values))
    return [str(uid) for uid in rows["uid"].to_pylist()]


def pool_fingerprint(db: Connection) -> str:
    """Return a fingerprint of the set of pool images: independent of order, different once one
    comes or goes.
    """
    query = f"""SELECT count(*), bit_xor(md5_number(uid))::TEXT FROM
                (SELECT DISTINCT f.uid {LIVE} AND s.role = 'pool' AND f.state = 'ok')"""
    row = revision.once(db, "pool_fingerprint", lambda: one(db, query))
    return hashing.fingerprint(list(row))


def partly_taken(db: Connection, role: str) -> pa.Table:
    """Return the images of which a decoder read only a part, such as one page, or three bands of
    many.

    Columns: source (name), format, pixels (their type), taken (what was), images.
    """
    return table(
        db,
        f"""SELECT s.name AS source, i.format, split_part(i.mode, '; ', 1) AS pixels,
                   substr(i.mode, strpos(i.mode, '; ') + 2) AS taken,
                   count(DISTINCT f.uid) AS images
            {SHOWN} AND s.role = ? AND contains(i.mode, '; ')
            GROUP BY ALL ORDER BY s.name, images DESC, pixels, taken""",
        [role],
    )


def first_sources(db: Connection) -> pa.Table:
    """Return uid and source (the first of its sources by name) of every pool image, by uid."""
    return table(
        db,
        f"""SELECT f.uid, min(s.name) AS source {LIVE} AND s.role = 'pool' AND f.state = 'ok'
            GROUP BY f.uid ORDER BY f.uid""",
    )


def quality(db: Connection) -> pa.Table:
    """Return uid, width, height and the quality figures of every pool image, by uid."""
    return table(
        db,
        f"""SELECT uid, width, height, brightness, contrast, sharpness, entropy FROM images
            WHERE uid IN (SELECT f.uid {LIVE} AND s.role = 'pool' AND f.state = 'ok')
                AND brightness IS NOT NULL
            ORDER BY uid""",
    )


def hashes(db: Connection, role: str, source_ids: list[str] | None = None) -> pa.Table:
    """Return the perceptual hashes (uid, phash) of the live images of a role, ordered by uid."""
    ids = source_ids or []
    return table(
        db,
        """SELECT DISTINCT i.uid, i.phash FROM images i
           JOIN files f ON f.uid = i.uid JOIN sources s ON s.id = f.source_id
           WHERE NOT f.gone AND s.role = ? AND (len(?) = 0 OR list_contains(?, s.id))
             AND i.phash IS NOT NULL ORDER BY i.uid""",
        [role, ids, ids],
    )
