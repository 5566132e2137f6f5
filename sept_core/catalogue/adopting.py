"""Adoption of the workers' findings about files and images.

In: outcome tables that embedding wrote next to its shards, and images of which only features are
known. Out: the tables `files`, `images` and `featureless`, brought up to date.
"""

import pyarrow as pa

from sept_core.catalogue import adopted, revision, settings
from sept_core.catalogue.connection import Connection, registered, transaction
from sept_core.features import feature_store, value_ranges
from sept_core.imaging.pixel_values import ValueRanges

IMAGE_COLUMNS = (
    "uid, sha256, width, height, format, mode, bytes, phash, brightness, contrast, sharpness, "
    "entropy"
)

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
    """Adopt the outcomes of shards not seen before; return the number of those shards.

    Each shard is one transaction, so that a crash between shards loses nothing. After a migration
    the images of shards that were seen before are adopted again: see `settle`.

    Args:
        db: the catalogue.
        store: the shards.
        name: of the store within the project. Two stores may have the same outcomes for the same
            files; the later one still counts as new if those files were listed again in between.
        ranges: in force; hash and figures of images that were scaled by them are renewed.
        of_files: False where the files were not read: only what is known of images is adopted.
    """
    known = adopted.keys(db)
    unsettled = adopted.is_unsettled(db)
    count = 0
    for shard in store.shards:
        sha256 = shard.header["outcomes_sha256"]
        key = adopted.key(name, shard.number, sha256)
        if unsettled and (key in known or sha256 in known):
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
                count += 1
            db.execute("INSERT INTO adopted VALUES (?)", [key])
    return count


def settle(db: Connection) -> None:
    """Complete a migration once every store has been adopted.

    Files that waited for their image to be known again are `ok`.
    """
    if not adopted.is_unsettled(db):
        return
    with transaction(db):
        db.execute(
            """UPDATE files SET state = 'ok'
               WHERE state = 'waiting' AND uid IN (SELECT uid FROM images)"""
        )
        settings.remove(db, adopted.UNSETTLED)
        revision.renew(db)


def _adopt_files(db: Connection, decoder: str) -> None:
    """Bring the files named in `outcomes` up to date.

    Whether bytes decode is a property of the bytes: no later outcome of the same bytes revokes it,
    and a file that cannot be read now says nothing about them. Nor does any outcome of a file that
    listing excludes by now.
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
    """Adopt the images of `outcomes`, and note which of them have no features under the encoder."""
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
    """Forget the adopted shards below a folder, so that rewritten ones are adopted again."""
    db.execute("DELETE FROM adopted WHERE starts_with(outcomes_sha256, ?)", [f"{folder}/"])


def _renew_figures(db: Connection, outcomes: pa.Table) -> None:
    """Renew the pixel-dependent figures of images that were known from another value range.

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
