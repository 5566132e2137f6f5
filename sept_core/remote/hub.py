"""Hub: files of data sets on the Hugging Face hub, through huggingface_hub's filesystem.

In: `hf://datasets/OWNER/NAME@COMMIT/path`; the token and the endpoint from the hub's own places
(`HF_TOKEN`, the file that `hf auth login` writes, `HF_ENDPOINT`). Out: the requests of
`objects.Client`, and the commit that a revision names. A commit never changes, so the version of a
file is that of its content.
"""

import contextlib
import os
from collections.abc import Generator, Iterator
from typing import Any

from sept_core import errors
from sept_core.remote import failures, objects

SCHEME = "hf"
ENDPOINT = "https://huggingface.co"
_PIECE = 8 << 20


class Hub:
    """Files of all data sets on the hub; see `objects.Client`."""

    def __init__(self) -> None:
        self._files = _filesystem()

    def stat(self, address: str) -> objects.Object:
        with _translated_errors():
            found = self._files.info(_path(address))
        if found["type"] == "directory":
            raise failures.missing()
        return _made(found)

    def open(self, address: str) -> tuple[objects.Object, objects.Pieces]:
        found = self.stat(address)
        return found, self._pieces(found, 0, found.size)

    def walk(self, address: str) -> Iterator[objects.Object]:
        folder = address.rpartition("/")[0] if not address.endswith("/") else address.rstrip("/")
        with _translated_errors():
            known = self._files.find(_path(folder), detail=True)
        found = sorted(map(_made, known.values()), key=lambda item: item.url)
        return (item for item in found if item.url.startswith(address))

    def top(self, address: str) -> dict[str, bool]:
        with _translated_errors():
            found = self._files.ls(_path(address.rstrip("/")), detail=True)
        names = {item["name"].rpartition("/")[2]: item["type"] == "directory" for item in found}
        return dict(sorted(names.items()))

    def stream(self, found: objects.Object, start: int, stop: int) -> Iterator[bytes]:
        return self._pieces(found, start, stop)

    def _pieces(self, found: objects.Object, start: int, stop: int) -> Generator[bytes, None, None]:
        for low in range(start, stop, _PIECE):
            high = min(low + _PIECE, stop)
            with _translated_errors():
                yield self._files.cat_file(_path(found.url), low, high, cache_type="none")


def commit(repository: str, revision: str | None) -> str:
    """Return the commit of a data set's branch, tag or commit; of its main branch for None.

    Raises:
        SourceError: huggingface_hub is not installed.
        OSError: the hub does not answer, or there is no such data set or revision.
    """
    library = _library()
    with _translated_errors():
        found = library.HfApi(endpoint=_endpoint()).dataset_info(repository, revision=revision)
    return str(found.sha)


def _filesystem() -> Any:
    return _library().HfFileSystem(endpoint=_endpoint(), skip_instance_cache=True)


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", ENDPOINT).rstrip("/")


def _library() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise errors.SourceError(
            "hf:// needs the library huggingface_hub; install it: pip install huggingface_hub."
        ) from None
    return huggingface_hub


def _path(address: str) -> str:
    return address.removeprefix(f"{SCHEME}://")


def _made(found: dict[str, Any]) -> objects.Object:
    stored = found.get("lfs") or {}
    version = stored.get("sha256") or found.get("blob_id") or ""
    return objects.made(f"{SCHEME}://{found['name']}", int(found["size"] or 0), version, None)


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    """Raise errors of huggingface_hub as those of `failures`; its texts may hold addresses."""
    try:
        yield
    except (failures.Unreachable, errors.SeptError):
        raise
    except FileNotFoundError as problem:
        raise _of_status(problem.__cause__) or failures.missing() from None
    except Exception as problem:  # its versions use different libraries of HTTP
        raise _of_status(problem) or failures.Unreachable(
            "no connection, or it broke off"
        ) from None


def _of_status(problem: BaseException | None) -> OSError | None:
    """Return the failure for an answer of the hub; None if there was none."""
    status = getattr(getattr(problem, "response", None), "status_code", None)
    if status in (401, 403):  # the hub says so of data sets that do not exist as well
        return failures.Unreachable(
            f"there is no such data set, or it needs a token (status {status})", lasting=True
        )
    if isinstance(problem, (ValueError, NotImplementedError)):
        return failures.missing()
    return failures.of_status(status) if status else None
