"""The revision of a project's files, and what is computed once for each.

In: `renew`, in every transaction after which files or their images may be others. Out: `once`,
which spares pages a walk over the whole pool at each click.
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
"""By the name of a value: its values by revision."""


def renew(db: Connection) -> None:
    """Give the files a new revision: a random name, so that none ever comes back."""
    settings.put(db, KEY, secrets.token_hex(8))


def current(db: Connection) -> str:
    """The revision of the files; empty before there are any."""
    return str(settings.get(db, KEY) or "")


def once(db: Connection, what: str, compute: Callable[[], Value]) -> Value:
    """The value of `compute`, kept by this process until the files change.

    Threads that ask at the same time wait for one computation.

    Args:
        db: the catalogue.
        what: names the value; the same name always goes with the same computation.
        compute: reads the catalogue.
    """
    revision = current(db)  # read first: a change in between only wastes the value
    values: Recent[str, Value] = _known.setdefault(what, Recent(KEPT))
    return values.get(revision, compute)
