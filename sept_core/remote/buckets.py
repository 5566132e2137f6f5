"""Buckets: S3 and Google Cloud Storage through obstore.

In: a bucket's name; credentials and endpoint from the storage's own places (environment, files of
its tools, the machine's metadata service). Out: the requests of `objects.Client`. obstore's own
messages may hold addresses and answers of the server, so none of them leaves this module.
"""

import contextlib
import re
from collections.abc import Generator, Iterator
from datetime import timedelta
from typing import Any

from sept_core import errors
from sept_core.remote import failures, objects, profiles

_PIECE = 1 << 18
"""Bytes that a cut connection loses at most."""
_STATUS = re.compile(r"status code: (\d{3})")


def open_store(kind: str, name: str) -> Any:
    """Return obstore's store of a bucket; requests are not repeated by obstore.

    Raises:
        SourceError: obstore is not installed, or its settings are invalid.
    """
    try:
        from obstore import store
        from obstore.exceptions import BaseError
    except ImportError:
        raise errors.SourceError(
            f"{kind}:// needs the library obstore; install it: pip install obstore."
        ) from None
    client: Any = {
        "timeout": timedelta(minutes=10),
        "read_timeout": timedelta(seconds=objects.stall()),
        "connect_timeout": timedelta(seconds=objects.stall()),
    }
    once: Any = {"max_retries": 0}
    try:
        if kind == "gs":
            return store.GCSStore(name, client_options=client, retry_config=once)
        config: Any = profiles.settings()
        if profiles.endpoint(config).startswith("http://"):
            client["allow_http"] = True
        return store.S3Store(name, config=config, client_options=client, retry_config=once)
    except (BaseError, ValueError):
        raise errors.SourceError(
            f"{kind}://{name} cannot be opened with the settings in the environment; check the "
            "variables of the storage (docs/remote.md)."
        ) from None


class Bucket:
    """The objects of one bucket; see `objects.Client`."""

    def __init__(self, kind: str, name: str) -> None:
        self._home = f"{kind}://{name}/"
        self._store = open_store(kind, name)

    def stat(self, address: str) -> objects.Object:
        import obstore

        with _translated_errors():
            return self._made(obstore.head(self._store, self._key(address)))

    def open(self, address: str) -> tuple[objects.Object, objects.Pieces]:
        import obstore

        with _translated_errors():
            found = obstore.get(self._store, self._key(address))
            return self._made(found.meta), _pieces(found)

    def walk(self, address: str) -> Iterator[objects.Object]:
        import obstore

        prefix = self._key(address).rstrip("/")
        with _translated_errors():
            for page in obstore.list(self._store, prefix or None, chunk_size=1000):
                yield from map(self._made, page)

    def top(self, address: str) -> dict[str, bool]:
        import obstore

        prefix = self._key(address).rstrip("/")
        with _translated_errors():
            answer = obstore.list_with_delimiter(self._store, prefix or None)
        inner = {name.rstrip("/").rpartition("/")[2]: True for name in answer["common_prefixes"]}
        names = {meta["path"].rpartition("/")[2]: False for meta in answer["objects"]}
        return dict(sorted((names | inner).items()))

    def stream(self, found: objects.Object, start: int, stop: int) -> Iterator[bytes]:
        import obstore

        with _translated_errors():
            key = self._key(found.url)
            answer = obstore.get(self._store, key, options={"range": (start, stop)})
            now = self._made(answer.meta)
            if (now.version, now.size) != (found.version, found.size):
                raise failures.changed()
            if answer.range[0] != start:
                raise failures.Unreachable("the server does not send ranges", lasting=True)
        yield from _pieces(answer)

    def _key(self, address: str) -> str:
        return address.removeprefix(self._home)

    def _made(self, meta: Any) -> objects.Object:
        tag = meta["e_tag"] or meta["version"] or ""
        return objects.made(self._home + meta["path"], meta["size"], tag, meta["last_modified"])


def _pieces(answer: Any) -> Generator[bytes, None, None]:
    with _translated_errors():
        yield from answer.stream(min_chunk_size=_PIECE)


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    """Raise errors of obstore as those of `failures`."""
    from obstore import exceptions

    try:
        yield
    except (failures.Unreachable, errors.SeptError):
        raise
    except FileNotFoundError:
        raise failures.missing() from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError):
        raise failures.Unreachable("access denied", lasting=True) from None
    except (exceptions.InvalidPathError, UnicodeError):
        raise failures.Unreachable("no object can have this name", lasting=True) from None
    except (exceptions.BaseError, OSError, ValueError) as problem:
        raise _other(str(problem)) from None


def _other(text: str) -> OSError:
    if status := _STATUS.search(text):
        return failures.of_status(int(status[1])) or failures.Unreachable("no usable answer")
    if "redirect" in text:
        return failures.Unreachable("the bucket is elsewhere; check AWS_REGION", lasting=True)
    if "non-partial" in text:
        return failures.Unreachable("the server does not send ranges", lasting=True)
    if "169.254.169.254" in text or "metadata.google.internal" in text:
        return failures.Unreachable("no credentials were found; see docs/remote.md", lasting=True)
    return failures.Unreachable("no connection, or it broke off")
