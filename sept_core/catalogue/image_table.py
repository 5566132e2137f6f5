"""Images: what the workers found out about each file, and who may take part in what.

In: outcome tables that embedding left beside its shards. Out: worklists (what is still to
be read), the eligible uids of the pool, and the details that a page or a manifest shows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from sept_core import errors, targets
from sept_core.catalogue import filters, revision, settings
from sept_core.catalogue.connection import Connection, one, registered, scalar, table, transaction
from sept_core.features import feature_store, value_ranges
from sept_core.filesystem import roots
from sept_core.imaging import decoders
from sept_core.imaging.pixel_values import ValueRanges
from sept_core.storage import hashing

IMAGE_COLUMNS = (
    "uid, sha256, width, height, format, mode, bytes, phash, brightness, contrast, sharpness, "
    "entropy"
)

TO_ADOPT = "images_to_adopt"
"""Setting that a migration leaves where images are known by the shards only."""


FIGURES = ("phash", "brightness", "contrast", "sharpness", "entropy")
"""The columns that depend on how pixels are scaled."""


def adopt(
    db: Connection,
    store: feature_store.FeatureStore,
    name: str,
    ranges: ValueRanges | None = None,
    *,
    of_files: bool = True,
) -> int:
    """Take over the outcomes of shards not seen before; returns how many shards that were.

    Each shard is one transaction, so that a crash between shards loses nothing. After a migration
    the images of shards that were seen before are taken over once more: see `settle`.

    Args:
        db: the catalogue.
        store: the shards.
        name: of the store within the project. Two stores may say the same of the same files,
            and the later one is news where those files were listed again in between.
        ranges: in force; hash and figures of images that were scaled by them are renewed.
        of_files: False where nobody read the files: only what is known of images is taken over.
    """
    known = {row[0] for row in db.execute("SELECT outcomes_sha256 FROM adopted").fetchall()}
    again = settings.get(db, TO_ADOPT, False)
    adopted = 0
    for shard in store.shards:
        sha256 = shard.header["outcomes_sha256"]
        key = f"{name}/{shard.number:05d}:{sha256}"
        if again and (key in known or sha256 in known):
            with transaction(db), registered(db, "outcomes", shard.outcomes()):
                _adopt_images(db, shard)
        if key in known:
            continue
        with transaction(db):
            if sha256 in known:  # as earlier versions wrote it: seen, and now with its name
                db.execute("DELETE FROM adopted WHERE outcomes_sha256 = ?", [sha256])
                known.remove(sha256)
            else:
                with registered(db, "outcomes", shard.outcomes()):
                    _adopt_images(db, shard)
                    if of_files:
                        _adopt_files(db, shard.decoder)
                if of_files and ranges and value_ranges.is_current(shard, ranges):
                    _renew_figures(db, shard.outcomes())
                revision.renew(db)
                adopted += 1
            db.execute("INSERT INTO adopted VALUES (?)", [key])
    return adopted


def settle(db: Connection) -> None:
    """End what a migration began, once every store has been adopted.

    Files that waited for their image to be known again are `ok`.
    """
    if not settings.get(db, TO_ADOPT, False):
        return
    with transaction(db):
        db.execute(
            """UPDATE files SET state = 'ok'
               WHERE state = 'waiting' AND uid IN (SELECT uid FROM images)"""
        )
        settings.remove(db, TO_ADOPT)
        revision.renew(db)


def _adopt_files(db: Connection, decoder: str) -> None:
    """Bring the files named in `outcomes` up to date.

    That bytes decode is a fact of the bytes: no later outcome of the same bytes takes it back,
    and a file that cannot be read now says nothing about them. Nor does any outcome of a file
    that listing excludes by now.
    """
    db.execute(
        """UPDATE files f SET
               state = CASE o.status WHEN 'no_features' THEN 'ok' ELSE o.status END,
               reason = CASE WHEN o.status IN ('rejected', 'unreadable') THEN o.reason END,
               uid = CASE o.status WHEN 'unreadable' THEN f.uid ELSE o.uid END,
               decoder = ?
           FROM outcomes o WHERE f.source_id = o.source AND f.rel_path = o.rel_path
           AND f.member = o.member
           AND (o.status <> 'unreadable' OR f.state IN ('waiting', 'unreadable'))
           AND NOT (f.state = 'rejected' AND f.decoder IS NULL)
           AND NOT (o.status = 'rejected' AND f.state = 'ok'
                    AND o.uid IS NOT DISTINCT FROM f.uid)""",
        [decoder],
    )


def _adopt_images(db: Connection, shard: feature_store.Shard) -> None:
    """Take over the images of `outcomes`, and which of them have no features under the encoder."""
    db.execute(
        f"""INSERT INTO images
            SELECT {IMAGE_COLUMNS}, FALSE FROM outcomes o
            WHERE o.status IN ('ok', 'no_features')
              AND NOT EXISTS (SELECT 1 FROM images i WHERE i.uid = o.uid)
            QUALIFY row_number() OVER (PARTITION BY uid ORDER BY rel_path, member) = 1"""
    )
    encoder_id = shard.header["encoder_id"]
    # An image that another decoder took, and this one did not, has none under this encoder either.
    db.execute(
        """DELETE FROM featureless f WHERE f.encoder_id = ?
           AND f.uid IN (SELECT uid FROM outcomes WHERE status <> 'unreadable')""",
        [encoder_id],
    )
    db.execute(
        """INSERT INTO featureless
           SELECT ?, uid, min(coalesce(reason, '')) FROM outcomes o
           WHERE o.status = 'no_features'
              OR (o.status = 'rejected' AND o.uid IN (SELECT uid FROM images))
           GROUP BY uid""",
        [encoder_id],
    )


def forget_adopted(db: Connection, folder: str) -> None:
    """Have the shards below a folder of the project adopted again once they are written anew."""
    db.execute("DELETE FROM adopted WHERE starts_with(outcomes_sha256, ?)", [f"{folder}/"])


def _renew_figures(db: Connection, outcomes: pa.Table) -> None:
    """Take over what depends on pixels, of images that were known from another value range.

    Photographs of 8 bits stay as they are: theirs differ a little by the scale of decoding.
    """
    changed = ", ".join(f"{name} = o.{name}" for name in FIGURES)
    with registered(db, "outcomes", outcomes):
        db.execute(
            f"""UPDATE images i SET {changed} FROM outcomes o
                WHERE o.uid = i.uid AND o.phash IS NOT NULL
                AND (o.format <> 'JPEG' OR o.mode NOT IN ('RGB', 'L', 'CMYK'))"""
        )


def add_features_only(db: Connection, source_id: str, keys: list[str], uids: list[str]) -> None:
    """Register images of which only features are known (docs/method.md §2: `features_only`)."""
    rows = pa.table({"key": keys, "uid": uids})
    with registered(db, "imported", rows), transaction(db):
        db.execute(
            """INSERT INTO files
               SELECT ?, key, '', -1, -1, 0, key, NULL, NULL, NULL, 'ok', NULL, uid, FALSE, NULL
               FROM imported n
               WHERE NOT EXISTS (SELECT 1 FROM files f
                                 WHERE f.source_id = ? AND f.rel_path = n.key)""",
            [source_id, source_id],
        )
        db.execute(
            """INSERT INTO images (uid, features_only) SELECT uid, TRUE FROM imported n
               WHERE NOT EXISTS (SELECT 1 FROM images i WHERE i.uid = n.uid)"""
        )
        revision.renew(db)


def _uid_table(uids: Iterable[str]) -> pa.Table:
    return pa.table({"uid": pa.array(list(uids), pa.string())})


_LIVE = "FROM files f JOIN sources s ON s.id = f.source_id WHERE NOT f.gone"
_FOLLOWS = f"json_exists(s.options, '$.{roots.FOLLOW_LINKS}') AS {roots.FOLLOW_LINKS}"
_BANDS = "json_extract_string(s.options, '$.bands') AS bands"
_WORK_COLUMNS = (
    's.id AS source, s.root, f.rel_path, f.member, f.byte_offset AS "offset", f.size, f.label, '
    f"f.split, {_FOLLOWS}, {_BANDS}"
)
_READABLE = """(f.state IN ('waiting', 'ok') OR (f.state = 'unreadable' AND f.decoder IS NOT NULL)
                OR (f.state = 'rejected' AND f.decoder <> $decoder))"""
"""What is worth reading: all but what listing said to be out of reach, or no image, and what this
very decoder has rejected."""


def worklist(
    db: Connection, source_ids: list[str], splits: Iterable[str] | None = None
) -> pa.Table:
    """What an encoder has to have read, in the order of the work.

    These are all waiting files, those that could not be read last time or that an earlier decoder
    rejected, and one place of every known image; the worker skips what its store already holds.
    `splits` narrows a target set. The columns are those of `worklists.SCHEMA`; `source`
    holds source ids, which survive renames.
    """
    wanted = list(splits) if splits is not None else []
    return table(
        db,
        f"""SELECT {_WORK_COLUMNS}, CASE f.state WHEN 'ok' THEN f.uid END AS uid
            {_LIVE} AND list_contains($ids, s.id) AND s.kind <> 'features'
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
        f"""SELECT {_WORK_COLUMNS}, f.uid {_LIVE} AND list_contains($ids, s.id)
              AND {_READABLE} AND f.state <> 'rejected' AND s.kind <> 'features'
            ORDER BY md5($seed || ':' || f.rel_path || '/' || f.member), f.rel_path, f.member
            LIMIT $size""",
        {"ids": source_ids, "seed": str(seed), "size": size, "decoder": decoders.version()},
    )


_HELDOUT_FIRST = "CASE f.split WHEN 'test' THEN 0 WHEN 'val' THEN 1 WHEN 'train' THEN 2 ELSE 3 END"


def labelled(db: Connection, source_id: str, splits: Iterable[str]) -> pa.Table:
    """A target set's decoded files as a worklist with `phash` as well; one per uid.

    An image that lies in several splits belongs to a held-out one.
    """
    return table(
        db,
        f"""SELECT * FROM (
                SELECT {_WORK_COLUMNS}, f.uid, i.phash
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
    """Images of a target set that lie in the searching and in a held-out split."""
    query = f"""SELECT count(*) FROM (
                    SELECT f.uid {_LIVE} AND s.id = ? AND f.state = 'ok' GROUP BY f.uid
                    HAVING bool_or(f.split = 'train') AND bool_or(f.split IN ('val', 'test')))"""
    return revision.once(db, f"in_both:{source_id}", lambda: int(scalar(db, query, [source_id])))


def labelled_like(db: Connection, target: str) -> list[str]:
    """Uids of the pool images whose own label is one of a target set's, by uid."""
    rows = table(
        db,
        f"""SELECT DISTINCT f.uid {_LIVE} AND s.role = 'pool' AND f.state = 'ok' AND f.label IN
            (SELECT t.label FROM files t JOIN sources o ON o.id = t.source_id
             WHERE o.role = 'target' AND o.name = ? AND t.label IS NOT NULL
               AND t.split <> 'unassigned')
            ORDER BY f.uid""",
        [target],
    )
    return [str(uid) for uid in rows["uid"].to_pylist()]


def waiting(db: Connection, source_id: str, splits: Iterable[str]) -> int:
    """Files of a target set's splits that no encoder has read yet."""
    return int(
        scalar(
            db,
            f"""SELECT count(*) {_LIVE} AND s.id = ? AND f.state = 'waiting'
                AND list_contains(?, f.split)""",
            [source_id, list(splits)],
        )
    )


def unreadable(db: Connection, source_id: str, splits: Iterable[str]) -> list[tuple[str, str]]:
    """Place and reason of a target set's files that cannot be read now and may be of these splits.

    What listing could not look at may be of any split.
    """
    rows = db.execute(
        f"""SELECT f.rel_path || CASE f.member WHEN '' THEN '' ELSE '/' || f.member END, f.reason
            {_LIVE} AND s.id = ? AND f.state = 'unreadable'
              AND (f.split IS NULL OR list_contains(?, f.split))
            ORDER BY f.rel_path, f.member""",
        [source_id, list(splits)],
    ).fetchall()
    return [(str(place), str(reason)) for place, reason in rows]


def featureless(db: Connection, encoder_id: str, role: str = "pool") -> pa.Table:
    """The live images of a role that an encoder gave no features: uid and reason, by uid."""
    query = """SELECT uid, reason FROM featureless WHERE encoder_id = $encoder
               AND uid IN (SELECT f.uid FROM files f JOIN sources s ON s.id = f.source_id
                           WHERE NOT f.gone AND f.state = 'ok' AND s.role = $role)
               ORDER BY uid"""
    values = {"encoder": encoder_id, "role": role}
    what = f"featureless:{encoder_id}:{role}"
    return revision.once(db, what, lambda: table(db, query, values))


def featureless_places(db: Connection, role: str) -> pa.Table:
    """Every live place of the images that an encoder gave no features.

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

    The columns that filters ask for are kept until the files change: a page asks at each click.

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
    """A misspelt field would silently pass nothing."""
    own = [c.field for c in conditions if c.field not in filters.COLUMNS]
    known = metadata_fields(db, role) if own else []
    for field in own:
        if field not in known:
            fields = ", ".join([*filters.COLUMNS, *known])
            raise errors.InputError(f"No image has a field {field!r} to filter by; use: {fields}.")


def metadata_fields(db: Connection, role: str = "pool") -> list[str]:
    """The names of the columns that came with the files of a role, in order of the alphabet."""
    query = f"""SELECT DISTINCT unnest(json_keys(f.metadata)) AS field
                {_LIVE} AND s.role = ? AND f.metadata IS NOT NULL ORDER BY field"""
    rows = revision.once(db, f"metadata_fields:{role}", lambda: table(db, query, [role]))
    return [str(field) for field in rows["field"].to_pylist()]


def pool_counts(db: Connection) -> dict[str, int]:
    """The head of the funnel: distinct pool images, and files that cannot be decoded."""
    query = f"""SELECT count(*), count(*) FILTER (f.state = 'waiting'),
                       count(*) FILTER (f.state = 'unreadable'),
                       count(*) FILTER (f.state = 'rejected'),
                       count(DISTINCT f.uid) FILTER (f.state = 'ok') {_LIVE} AND s.role = 'pool'"""
    row = revision.once(db, "pool_counts", lambda: one(db, query))
    return dict(zip(("files", "waiting", "unreadable", "rejected", "images"), row, strict=True))


def pool_fingerprint(db: Connection) -> str:
    """Names the set of pool images: the same for every order, another when one comes or goes."""
    query = f"""SELECT count(*), bit_xor(md5_number(uid))::TEXT FROM
                (SELECT DISTINCT f.uid {_LIVE} AND s.role = 'pool' AND f.state = 'ok')"""
    row = revision.once(db, "pool_fingerprint", lambda: one(db, query))
    return hashing.fingerprint(list(row))


def partly_taken(db: Connection, role: str) -> pa.Table:
    """Images of which a decoder took a part only, such as one page, or three bands of many.

    Columns: source (name), format, pixels (their type), taken (what was), images.
    """
    return table(
        db,
        f"""SELECT s.name AS source, i.format, split_part(i.mode, '; ', 1) AS pixels,
                   substr(i.mode, strpos(i.mode, '; ') + 2) AS taken,
                   count(DISTINCT f.uid) AS images
            {_SHOWN} AND s.role = ? AND contains(i.mode, '; ')
            GROUP BY ALL ORDER BY s.name, images DESC, pixels, taken""",
        [role],
    )


def first_sources(db: Connection) -> pa.Table:
    """uid and source (the first of its sources by name) of every pool image, by uid."""
    return table(
        db,
        f"""SELECT f.uid, min(s.name) AS source {_LIVE} AND s.role = 'pool' AND f.state = 'ok'
            GROUP BY f.uid ORDER BY f.uid""",
    )


def quality(db: Connection) -> pa.Table:
    """uid, width, height and the quality figures of every pool image, by uid."""
    return table(
        db,
        f"""SELECT uid, width, height, brightness, contrast, sharpness, entropy FROM images
            WHERE uid IN (SELECT f.uid {_LIVE} AND s.role = 'pool' AND f.state = 'ok')
                AND brightness IS NOT NULL
            ORDER BY uid""",
    )


def hashes(db: Connection, role: str, source_ids: list[str] | None = None) -> pa.Table:
    """Perceptual hashes (uid, phash) of the live images of a role, ordered by uid."""
    ids = source_ids or []
    return table(
        db,
        """SELECT DISTINCT i.uid, i.phash FROM images i
           JOIN files f ON f.uid = i.uid JOIN sources s ON s.id = f.source_id
           WHERE NOT f.gone AND s.role = ? AND (len(?) = 0 OR list_contains(?, s.id))
             AND i.phash IS NOT NULL ORDER BY i.uid""",
        [role, ids, ids],
    )


def locations(db: Connection, uids: Iterable[str], role: str = "pool") -> pa.Table:
    """All live places of these images, best first within a uid.

    Columns: uid, source (name), source_id, root, follow_links, source_uid, rel_path, member,
    offset, size, sha256, width, height.
    """
    with registered(db, "wanted", _uid_table(uids)):
        return table(
            db,
            f"""SELECT f.uid, s.name AS source, s.id AS source_id, s.root, {_FOLLOWS}, f.source_uid,
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
    """Where the bytes of one image lie.

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


def places(db: Connection, uid: str) -> list[Place]:
    """All live places of one image, of the pool first; none for an image without bytes."""
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


def _rows(db: Connection) -> tuple[np.ndarray, np.ndarray]:
    """(n,) S32 of each live file with bytes, sorted, and (n, 2) rows of the file and its image.

    Looking for one uid without them is a walk over the whole catalogue.
    """
    found = table(
        db,
        f"""SELECT f.uid, f.rowid AS file, i.rowid AS image {_SHOWN} ORDER BY f.uid""",
    )
    rows = np.stack([found["file"].to_numpy(), found["image"].to_numpy()], 1)
    return hashing.uid_array(found["uid"]), rows


_SHOWN = """FROM files f JOIN sources s ON s.id = f.source_id JOIN images i ON i.uid = f.uid
            WHERE NOT f.gone AND f.state = 'ok' AND s.kind <> 'features'"""


def _places(db: Connection, uid: str, where: str, values: list[int]) -> list[Place]:
    rows = db.execute(
        f"""SELECT s.name, s.id, s.root, {_FOLLOWS}, f.rel_path, f.member, f.byte_offset, f.size,
                   coalesce(i.format, ''), {_BANDS}
            {_SHOWN} AND {where} AND f.uid = ?
            ORDER BY s.role, s.added_at, f.rel_path, f.member""",
        [*values, uid],
    ).fetchall()
    return [
        Place(name, source_id, roots.Root(Path(root), follows), *rest)
        for name, source_id, root, follows, *rest in rows
    ]


def keys(db: Connection, role: str, source_id: str | None = None) -> pa.Table:
    """Names by which others may know our images: columns uid, source_uid, rel_path.

    `rel_path` is that of the file, or container and member joined by a slash.
    """
    return table(
        db,
        f"""SELECT f.uid, f.source_uid,
                   f.rel_path || CASE f.member WHEN '' THEN '' ELSE '/' || f.member END AS rel_path
            {_LIVE} AND s.role = ? AND f.state = 'ok' AND (? IS NULL OR s.id = ?)
            ORDER BY s.added_at, f.rel_path, f.member""",
        [role, source_id, source_id],
    )


def uids_of_source(db: Connection, source_id: str) -> list[str]:
    """The uids of one source or target set, sorted."""
    rows = db.execute(
        f"SELECT DISTINCT f.uid {_LIVE} AND s.id = ? AND f.uid IS NOT NULL ORDER BY f.uid",
        [source_id],
    ).fetchall()
    return [row[0] for row in rows]


def unknown(db: Connection, uids: Iterable[str]) -> list[str]:
    """Those of some uids that no image of the catalogue has, sorted."""
    with registered(db, "wanted", _uid_table(uids)):
        query = "SELECT DISTINCT uid FROM wanted ANTI JOIN images USING (uid) ORDER BY uid"
        return [str(uid) for uid in table(db, query)["uid"].to_pylist()]
