"""A server of objects for tests: S3's requests of reading, plain HTTP, and faults on demand.

In: a folder whose sub-folders are buckets. Out: an address; the requests that came; and the faults
that a test asks for: a status instead of an answer, a cut in the middle of a body, a slow body.
"""

import contextlib
import functools
import hashlib
import re
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

PAGE = 1000


@dataclass
class Fault:
    """Fault of the next `times` requests whose path contains `part`.

    Attributes:
        status: sent instead of the answer.
        cut_after: bytes of the body, after which the connection is closed.
        pause: seconds before the answer.
        location: redirect to it.
        span: range that is sent instead of the one asked for.
    """

    part: str = ""
    times: int = 1
    method: str = "GET"
    status: int = 0
    cut_after: int | None = None
    pause: float = 0.0
    location: str = ""
    span: str = ""


@dataclass
class ObjectServer:
    """A running server.

    Attributes:
        folder: its sub-folders are buckets, their files objects.
        requests: (method, path with query, range) of each request.
        sent: bytes of bodies.
        connections: their number.
    """

    folder: Path
    port: int = 0
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    sent: int = 0
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that make `s3://` lead to this server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIDOFTESTS",
            "AWS_SECRET_ACCESS_KEY": "secret-of-tests",
            "AWS_REGION": "us-east-1",
            "SEPT_REMOTE_PATIENCE": "2",
        }

    def fault(self, **what: object) -> None:
        """Ask for a fault, see `Fault`."""
        self.faults.append(Fault(**what))  # type: ignore[arg-type]

    def next_fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.method == method and fault.part in path:
                    fault.times -= 1
                    return fault
        return None


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[ObjectServer]:
    """Serve a folder until the `with` ends."""
    state = ObjectServer(folder)
    handler = type("Handler", (_Handler,), {"state": state})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    state: ObjectServer

    def setup(self) -> None:
        super().setup()
        with self.state.lock:
            self.state.connections += 1

    def log_message(self, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        span = self.headers.get("Range", "")
        with self.state.lock:
            self.state.requests.append((self.command, self.path, span))
        parts = urlsplit(self.path)
        fault = self.state.next_fault(self.command, self.path) or Fault()
        time.sleep(fault.pause)
        if fault.location:
            return self._send(302, b"", {"Location": fault.location})
        if fault.status:
            return self._send(fault.status, b"<Error><Code>Fault</Code></Error>")
        if "list-type=2" in parts.query:
            return self._list(unquote(parts.path).strip("/"), parse_qs(parts.query))
        path = self.state.folder / unquote(parts.path, errors="surrogateescape").lstrip("/")
        if not path.is_file():
            return self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
        return self._send_file(path, fault.span or span, fault.cut_after)

    def _send_file(self, path: Path, span: str, cut_after: int | None) -> None:
        status, found_status = 200, path.stat()
        size = found_status.st_size
        first, last = 0, size - 1
        headers = {
            "ETag": f'"{_tag(path, found_status.st_mtime_ns, size)}"',
            "Last-Modified": formatdate(found_status.st_mtime, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        if found := re.fullmatch(r"bytes=(\d+)-(\d*)", span):
            first = int(found[1])
            last = min(int(found[2] or size - 1), size - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
            status = 206
        if self.command == "HEAD":
            return self._send(status, b"", {**headers, "Content-Length": str(last + 1 - first)})
        with path.open("rb") as file:
            file.seek(first)
            data = file.read(last + 1 - first)
        return self._send(status, data, headers, cut_after)

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        home = self.state.folder / bucket
        prefix = query.get("prefix", [""])[0]
        delimiter = query.get("delimiter", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        keys = sorted(p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file())
        keys = [key for key in keys if key.startswith(prefix) and key > after]
        inner = set()
        if delimiter:
            rest = {key: key[len(prefix) :].partition(delimiter) for key in keys}
            inner = {prefix + head + mark for head, mark, _ in rest.values() if mark}
            keys = [key for key in keys if not rest[key][1]]
        page, more = keys[:PAGE], len(keys) > PAGE
        text = "".join(_entry(home / key, key) for key in page)
        text += "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
            for name in sorted(inner)
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        self._send(
            200,
            f"<ListBucketResult><Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{text}"
            "</ListBucketResult>".encode(),
            {"Content-Type": "application/xml"},
        )

    def _send(
        self,
        status: int,
        data: bytes,
        headers: dict[str, str] | None = None,
        cut_after: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        body = data if cut_after is None else data[:cut_after]
        with contextlib.suppress(ConnectionError):
            self.state.sent += len(body)
            self.wfile.write(body)
        if cut_after is not None:
            self.close_connection = True


@functools.lru_cache(10_000)
def _tag(path: Path, mtime_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def _entry(path: Path, key: str) -> str:
    status = path.stat()
    changed = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(status.st_mtime))
    tag = _tag(path, status.st_mtime_ns, status.st_size)
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{changed}</LastModified>"
        f"<ETag>&quot;{tag}&quot;</ETag><Size>{status.st_size}</Size>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
    )


def address(server: ObjectServer, key: str) -> str:
    """The plain HTTP address of `bucket/key`."""
    return f"{server.url}/{quote(key)}"
