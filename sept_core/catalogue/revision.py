"""The revision of a project's files, and what is computed once for each.

In: `renew`, in every transaction after which files or their images may be others. Out: `once`,
which spares pages a walk over the whole pool at each click.
"""

import secrets
import threading
from collections.abc import Callable
from typing import TypeVar

from sept_core.catalogue import settings
from sept_core.catalogue.connection import Connection

Value = TypeVar("Value")

KEY = "files_revision"
KEPT = 4
"""Values of one name: as many projects as the app holds open; a column of a pool may be large."""

_known: dict[tuple[str, str], object] = {}
_lock = threading.Lock()
_computing = threading.RLock()


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
    key = (current(db), what)  # read first: a change in between only wastes the value
    with _lock:
        if key in _known:
            return _known[key]  # type: ignore[return-value]
    with _computing:
        if key not in _known:
            value = compute()
            with _lock:
                same = [known for known in _known if known[1] == what]
                for old in same[: max(0, len(same) + 1 - KEPT)]:
                    del _known[old]
                _known[key] = value
        return _known[key]  # type: ignore[return-value]
