"""Web: objects behind `https://`, and behind `http://` where it is allowed.

In: a URL without query. Out: the requests of `objects.Client`. The name of a host is resolved here
and the numbers are checked before a connection is made to one of them, for each redirect again, so
that no answer of a name server or a web server leads to a private address.
"""

import contextlib
import functools
import http.client
import itertools
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urljoin, urlsplit

from sept_core import errors
from sept_core.remote import failures, objects, permission, places

_PIECE = 1 << 18
_MOST_REDIRECTS = 5
_MOST_IDLE = 32
_NO_HEAD = (405, 501)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Web:
    """Objects of any host, over connections that are reused; see `objects.Client`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[str, list[http.client.HTTPConnection]] = {}

    def close(self) -> None:
        """Close all connections that are not in use."""
        with self._lock:
            for connection in itertools.chain(*self._idle.values()):
                connection.close()
            self._idle.clear()

    def stat(self, address: str) -> objects.Object:
        answer = self._answer("HEAD", address, {}, pass_on=_NO_HEAD)
        if answer.status in _NO_HEAD:
            answer.close()
            answer = self._answer("GET", address, {"Range": "bytes=0-0"})
        with contextlib.closing(answer):
            return answer.described(address)

    def open(self, address: str) -> tuple[objects.Object, objects.Pieces]:
        answer = self._answer("GET", address, {})
        return answer.described(address), answer

    def walk(self, address: str) -> Iterator[objects.Object]:
        raise errors.SourceError(
            f"{places.shown(address)} cannot be listed: the web has no folders; give a list of "
            "addresses (.txt) or a pattern such as shard-{000..099}.tar."
        )

    def top(self, address: str) -> dict[str, bool]:
        return {}

    def stream(self, found: objects.Object, start: int, stop: int) -> Iterator[bytes]:
        wanted = {} if (start, stop) == (0, found.size) else {"Range": f"bytes={start}-{stop - 1}"}
        with contextlib.closing(self._answer("GET", found.url, wanted)) as answer:
            now = answer.described(found.url)
            if (now.version, now.size) != (found.version, found.size):
                raise failures.changed()
            if wanted and answer.status != 206:
                raise failures.Unreachable("the server does not send ranges", lasting=True)
            if wanted and answer.first_byte() != start:
                raise failures.Unreachable("the server sent another range", lasting=True)
            yield from answer

    def _answer(
        self, method: str, address: str, headers: Mapping[str, str], pass_on: tuple[int, ...] = ()
    ) -> "_Answer":
        """Return the answer to a request after redirects, its body unread; raise for others."""
        try:
            answer = self._followed(method, address, headers)
        except ValueError:  # of urlsplit and of the encoding of a host's name
            raise failures.Unreachable("the address is invalid", lasting=True) from None
        problem = None if answer.status in pass_on else failures.of_status(answer.status)
        if problem:
            answer.close()
            raise problem
        return answer

    def _followed(self, method: str, address: str, headers: Mapping[str, str]) -> "_Answer":
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._request(method, address, headers)
            if not (target := answer.redirected_to()):
                return answer
            answer.close()
            address = urljoin(address, target)
            if urlsplit(address).scheme not in ("http", "https"):
                raise failures.Unreachable("redirected to another protocol", lasting=True)
            _allow_redirect(address)
        raise failures.Unreachable("redirected too often", lasting=True)

    def _request(self, method: str, address: str, headers: Mapping[str, str]) -> "_Answer":
        parts = urlsplit(address)
        path = quote(parts.path or "/", "/%:@!$&'()*+,;=~-._", errors="surrogateescape")
        target = path + (f"?{parts.query}" if parts.query else "")
        asked = {"Accept-Encoding": "identity", "User-Agent": "sept", **headers}
        for is_fresh in (False, True):
            connection = self._connection(address, is_fresh)
            try:
                connection.request(method, target, headers=asked)
                response = connection.getresponse()
            except (http.client.HTTPException, OSError) as problem:
                connection.close()
                if is_fresh or isinstance(problem, TimeoutError):
                    raise failures.Unreachable(_reason(problem)) from None
            else:
                return _Answer(response, functools.partial(self._finish, address, connection))
        raise AssertionError

    def _connection(self, address: str, is_fresh: bool) -> http.client.HTTPConnection:
        """Return an idle connection to the host of a URL, or a new one."""
        permission.check(address)
        with self._lock:
            idle = self._idle.get(_host(address))
            if idle and not is_fresh:
                return idle.pop()
        try:
            numbers = permission.addresses(address)
        except OSError:
            raise failures.Unreachable("the host is unknown") from None
        parts = urlsplit(address)
        return _Connection(parts.hostname or "", parts.port, parts.scheme == "https", numbers)

    def _finish(self, address: str, connection: http.client.HTTPConnection, is_clean: bool) -> None:
        """Keep a connection whose last answer was read to its end; close others."""
        with self._lock:
            idle = self._idle.setdefault(_host(address), [])
            if is_clean and connection.sock is not None and len(idle) < _MOST_IDLE:
                idle.append(connection)
                return
        connection.close()


class _Answer:
    """An answer of a server.

    Args:
        response: its body unread.
        finish: called once at the end, with whether the whole body was read.
    """

    def __init__(self, response: http.client.HTTPResponse, finish: Callable[[bool], None]) -> None:
        self._response, self._finish = response, finish
        self.status = response.status

    def redirected_to(self) -> str | None:
        """Return the address of a redirect, None for another answer."""
        is_redirect = self.status in (301, 302, 303, 307, 308)
        return self._response.headers.get("Location") if is_redirect else None

    def described(self, address: str) -> objects.Object:
        """Return the object that the headers describe."""
        headers = self._response.headers
        span = self._span()
        size = span[3] if span else headers.get("Content-Length", "")
        if not size.isdecimal():
            self.close()
            raise failures.Unreachable("the server does not state the size", lasting=True)
        changed = _time(headers.get("Last-Modified", ""))
        return objects.made(address, int(size), headers.get("ETag", ""), changed)

    def first_byte(self) -> int:
        """Return where the range of the body begins in the object; −1 without a range."""
        span = self._span()
        return int(span[1]) if span else -1

    def _span(self) -> re.Match[str] | None:
        return _RANGE.fullmatch(self._response.headers.get("Content-Range", ""))

    def __iter__(self) -> Iterator[bytes]:
        try:
            while piece := self._response.read(_PIECE):
                yield piece
        except http.client.IncompleteRead as problem:
            yield problem.partial
        except (http.client.HTTPException, OSError) as problem:
            raise failures.Unreachable(_reason(problem)) from None
        finally:
            self.close()

    def close(self) -> None:
        finish, self._finish = self._finish, lambda is_clean: None
        if self._response.length == 0:  # no body, which http.client notices only on reading
            self._response.read()
        finish(self._response.isclosed())
        self._response.close()


class _Connection(http.client.HTTPConnection):
    """A connection to one of some numeric addresses of a host."""

    def __init__(
        self,
        host: str,
        port: int | None,
        is_secure: bool,
        numbers: list[tuple[socket.AddressFamily, str]],
    ) -> None:
        super().__init__(host, port or (443 if is_secure else 80), timeout=objects.stall())
        self._is_secure, self._numbers = is_secure, numbers

    def connect(self) -> None:
        failure: OSError = OSError("no address")
        for _, number in self._numbers:
            try:
                plain = socket.create_connection((number, self.port), self.timeout)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sock = plain
                if self._is_secure:
                    self.sock = _tls().wrap_socket(plain, server_hostname=self.host)
                return
            except OSError as problem:
                failure = problem
        raise failure


def _host(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


@functools.cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _allow_redirect(address: str) -> None:
    """Refuse a redirect to a place that must not be read, without naming it."""
    try:
        permission.check(address)
    except errors.SourceError:
        raise failures.Unreachable(
            f"redirected to a place that {permission.VARIABLE} does not allow", lasting=True
        ) from None


def _time(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None


def _reason(problem: Exception) -> str:
    if isinstance(problem, TimeoutError):
        return "no answer in time"
    if isinstance(problem, ssl.SSLError):
        return "the certificate or the encryption was not accepted"
    return "no connection, or it broke off"
