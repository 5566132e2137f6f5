"""Names of the feature shards that the catalogue has adopted.

In: a store's name, a shard's number and checksum. Out: keys to compare with those stored.
`adopting` does the adopting.
"""

from sept_core.catalogue import settings
from sept_core.catalogue.connection import Connection

UNSETTLED = "images_to_adopt"
"""Setting that a migration leaves where images are known by the shards only."""


def key(store: str, number: int, outcomes_sha256: str) -> str:
    """Return the key of a shard: two stores may hold the same outcomes of the same files."""
    return f"{store}/{number:05d}:{outcomes_sha256}"


def keys(db: Connection) -> set[str]:
    """Return the keys of the adopted shards; earlier versions stored the checksum alone."""
    return {str(row[0]) for row in db.execute("SELECT outcomes_sha256 FROM adopted").fetchall()}


def is_unsettled(db: Connection) -> bool:
    """Return whether a migration has left images that only the shards know."""
    return bool(settings.get(db, UNSETTLED, False))
