"""Requests: objects looked up, listed and read, with retries.

In: a URL. Out: an `Object`, the objects below a prefix, or bytes. A request that fails or stalls
is repeated, after growing pauses, until it has made no progress for `objects.patience()` seconds; a
body that was cut is continued where it ended. Versions of an object are never mixed.
"""

import functools
import itertools
import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from sept_core.remote import buckets, failures, hub, permission, places, web
from sept_core.remote.objects import Client, Object, patience

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0

Result = TypeVar("Result")


def stat(address: str) -> Object:
    """Look up one object.

    Raises:
        SourceError: the place must not be read.
        FileNotFoundError: there is no such object.
        Unreachable: the storage does not answer.
    """
    permission.check(address)
    return _patiently(lambda: _client(address).stat(address))


def walk(address: str) -> Iterator[Object]:
    """Yield every object below a prefix, by name; raises as `stat`."""
    permission.check(address)
    seen = ""
    while True:
        found = _patiently(functools.partial(_begun, address, seen))
        try:
            for item in found:
                seen = item.url
                yield item
            return
        except failures.Unreachable as problem:
            if problem.lasting:
                raise


def top(address: str) -> dict[str, bool]:
    """Return the names directly below a prefix, True for those of prefixes; raises as `stat`."""
    permission.check(address)
    return _patiently(lambda: _client(address).top(address))


def _begun(address: str, seen: str) -> Iterator[Object]:
    """Return the objects below a prefix after one that was seen; the first is fetched already."""
    items = (item for item in _client(address).walk(address) if item.url > seen)
    first = next(items, None)
    return iter(()) if first is None else itertools.chain([first], items)


def read(found: Object, start: int, stop: int) -> bytes:
    """Return the bytes from `start` up to `stop`, which must not exceed the size.

    Raises:
        SourceError: the place must not be read.
        FileNotFoundError: the object is gone.
        Unreachable: it has changed, or the storage does not deliver all bytes.
    """
    permission.check(found.url)
    data = bytearray()

    def go_on() -> None:
        for piece in _client(found.url).stream(found, start + len(data), stop):
            data.extend(piece)
        if len(data) < stop - start:
            raise failures.Unreachable("the connection was cut")

    if stop > start:
        _patiently(go_on, lambda: len(data))
    if len(data) > stop - start:
        raise failures.Unreachable("the server sent more bytes than were asked for", lasting=True)
    return bytes(data)


def fetch(address: str, most: int) -> tuple[Object, bytes]:
    """Return an object with its whole content, by one request if nothing breaks; raises as `read`.

    Args:
        address: its URL.
        most: larger objects come without their content.
    """
    permission.check(address)
    found, pieces = _patiently(lambda: _client(address).open(address))
    if found.size > most:
        pieces.close()
        return found, b""
    data = bytearray()
    try:
        for piece in pieces:
            data.extend(piece)
    except failures.Unreachable as problem:
        if problem.lasting:
            raise
    if len(data) < found.size:
        data.extend(read(found, len(data), found.size))
    return found, bytes(data)


def _patiently(request: Callable[[], Result], progress: Callable[[], int] = lambda: 0) -> Result:
    """Repeat a request until it succeeds, or has made no progress for too long."""
    begun, before, pause = time.monotonic(), progress(), _FIRST_PAUSE
    while True:
        try:
            return request()
        except failures.Unreachable as problem:
            if problem.lasting:
                raise
            if (now := progress()) > before:
                begun, before, pause = time.monotonic(), now, _FIRST_PAUSE
            elif time.monotonic() - begun + pause > patience():
                raise
        time.sleep(pause * random.uniform(0.5, 1))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _client(address: str) -> Client:
    kind = places.scheme(address)
    return _bucket(kind, places.split(address)[0]) if kind in places.BUCKETS else _web()


@functools.lru_cache(64)
def _bucket(kind: str, name: str) -> Client:
    if kind == hub.SCHEME:
        return hub.Hub()
    return buckets.Bucket(kind, name)


@functools.cache
def _web() -> web.Web:
    return web.Web()


def forget() -> None:
    """Drop all clients: the next ones read the environment again."""
    _bucket.cache_clear()
    _web().close()
    _web.cache_clear()
