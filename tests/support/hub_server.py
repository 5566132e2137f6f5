"""A stand-in for the Hugging Face hub: data sets in folders, at one commit each.

In: a folder `OWNER/NAME/REVISION/…`. Out: the answers to the requests with which huggingface_hub
looks up a commit, lists files and reads ranges; `asked` keeps the paths.
"""

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

TOKEN = "hf_secret"
_API = re.compile(r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+)/?(.*))?")
_FILE = re.compile(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


def commit_of(repository: str, revision: str) -> str:
    return hashlib.sha1(f"{repository}@{revision}".encode()).hexdigest()


@contextlib.contextmanager
def serving(folder: Path, private: bool = False) -> Iterator[tuple[str, list[str]]]:
    """Serve the data sets in a folder; yield the endpoint and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            asked.append(path)
            if private and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return self._send(401, b"{}")
            if match := _API.fullmatch(path.replace("refs/convert/parquet", "refs~convert")):
                return self._api(match[1], match[2] or "revision", match[3] or "main", match[4])
            match = _FILE.fullmatch(path)
            found = match and self._folder(match[1], match[2])
            if not (match and found and (found / match[3]).is_file()):
                return self._send(404, b"{}")
            return self._range((found / match[3]).read_bytes())

        do_HEAD = do_POST = do_GET  # noqa: N815

        def _folder(self, repository: str, revision: str) -> Path | None:
            for one in sorted((folder / repository).glob("*")):
                if revision in (one.name, commit_of(repository, one.name)):
                    return one
            return None

        def _api(self, repository: str, kind: str, revision: str, inner: str | None) -> None:
            found = self._folder(repository, revision)
            if found is None:
                code = "RevisionNotFound" if (folder / repository).exists() else "RepoNotFound"
                return self._send(404, b"{}", {"X-Error-Code": code})
            sha = commit_of(repository, found.name)
            if kind == "revision":
                return self._send(200, json.dumps({"id": repository, "sha": sha}).encode())
            root = found / (inner or "")
            if not root.is_dir():
                return self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            deep = "recursive=true" in self.path.lower()
            listed = [_item(path, found) for path in sorted(root.glob("**/*" if deep else "*"))]
            return self._send(200, json.dumps(listed).encode())

        def _range(self, data: bytes) -> None:
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            if not wanted:
                return self._send(200, data)
            start, stop = int(wanted[1]), int(wanted[2] or len(data) - 1) + 1
            about = {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"}
            return self._send(206, data[start:stop], about)

        def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
            length = self.headers.get("Content-Length")
            self.rfile.read(int(length or 0))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _item(path: Path, root: Path) -> dict[str, object]:
    name = path.relative_to(root).as_posix()
    if path.is_dir():
        return {"type": "directory", "path": name, "oid": "0" * 40}
    data = path.read_bytes()
    oid = hashlib.sha1(data).hexdigest()
    return {"type": "file", "path": name, "size": len(data), "oid": oid}
