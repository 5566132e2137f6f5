"""The revision of a project's files, and values computed once per revision.

In: `renew`, called in every transaction that may change files or their images. Out: `once`, which
saves pages a scan of the whole pool at each click.
"""

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from sept_core.catalogue import settings
from sept_core.catalogue.connection import Connection
from sept_core.storage.recent import Recent

Value = TypeVar("Value")

KEY = "files_revision"
KEPT = 4
"""Values of one name: as many projects as the app holds open; a column of a pool may be large."""

_known: dict[str, Recent[str, Any]] = {}
"""Maps the name of a value to its values by revision."""


def renew(db: Connection) -> None:
    """Give the files a new revision: a random name, so that no revision ever recurs."""
    settings.put(db, KEY, secrets.token_hex(8))


def current(db: Connection) -> str:
    """Return the revision of the files; empty before there are any."""
    return str(settings.get(db, KEY) or "")


def once(db: Connection, what: str, compute: Callable[[], Value]) -> Value:
    """Return the value of `compute`, cached by this process until the files change.

    Concurrent threads share one computation.

    Args:
        db: the catalogue.
        what: names the value; the same name always goes with the same computation.
        compute: reads the catalogue.
    """
    revision = current(db)  # read first: a change in between only wastes the value
    values: Recent[str, Value] = _known.setdefault(what, Recent(KEPT))
    return values.get(revision, compute)
