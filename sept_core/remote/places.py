"""Places: the addresses of objects, carried as paths.

In: `s3://bucket/key`, `gs://bucket/key`, `hf://datasets/OWNER/NAME/path`, `https://host/path`. Out:
the same address in the form in which `pathlib` writes it (`s3:/bucket/key`), so that it goes
wherever the path of a folder goes, and back. Local sources have absolute paths, so the two cannot
be confused.
"""

import fnmatch
import os
import re
from pathlib import Path, PurePath

from sept_core import errors

SCHEMES = ("s3", "gs", "hf", "https", "http")
BUCKETS = ("s3", "gs", "hf")
"""Schemes whose objects can be listed by prefix; `hf` is the Hugging Face hub, see `hub`."""

_PLACE = re.compile(rf"({'|'.join(SCHEMES)}):(?:/+(.*))?", re.DOTALL)
_PINNED = re.compile(r"(hf://datasets/[^/]+/[^/@]+)@[^/]+(.*)", re.DOTALL)
_OTHER = re.compile(r"([a-z][a-z0-9+.-]{1,12})://")


def is_remote(path: str | PurePath) -> bool:
    """Return whether a path or URL is an address of one of the supported schemes."""
    return _PLACE.fullmatch(str(path)) is not None


def url(path: str | PurePath) -> str:
    """Return the URL of a remote path."""
    match = _PLACE.fullmatch(str(path))
    assert match, f"{path} is not remote"
    return f"{match[1]}://{match[2] or ''}"


def scheme(path: str | PurePath) -> str:
    """Return the scheme of a remote path or URL."""
    return str(path).partition(":")[0]


def split(address: str) -> tuple[str, str]:
    """Return the bucket or host of a URL, and the rest without its leading slash."""
    home, _, rest = address.partition("://")[2].partition("/")
    return home, rest


def unpinned(address: str) -> str:
    """Return a URL on the Hugging Face hub without its revision; others as they are."""
    match = _PINNED.fullmatch(address)
    return match[1] + match[2] if match else address


def text(path: PurePath) -> str:
    """Return a path for people: remote ones as URLs."""
    return shown(str(path)) if is_remote(path) else str(path)


def joined(root: str | PurePath, rel_path: str) -> str:
    """Return the URL of a file below a remote root; `rel_path` in its original spelling."""
    base = url(root) if is_remote(root) else str(root)
    return f"{base.rstrip('/')}/{rel_path}" if not base.endswith("://") else base + rel_path


def matches(name: str, pattern: str) -> bool:
    """Return whether a name or URL matches a pattern; wildcards match no slash."""
    return name.count("/") == pattern.count("/") and fnmatch.fnmatchcase(name, pattern)


def absolute(path: Path) -> Path:
    """Return a path as a source keeps it: absolute, or remote as it is.

    Raises:
        SourceError: a remote address carries what must not be stored, or has another scheme.
    """
    if not is_remote(path):
        if other := _OTHER.match(str(path).replace(":/", "://", 1)):
            raise errors.SourceError(
                f"{other[1]}:// is not supported; use {', '.join(f'{s}://' for s in SCHEMES)} or "
                "a path."
            )
        return Path(os.path.abspath(path))  # noqa: PTH100 (resolve would leave the user's links)
    refuse_secrets(url(path))
    if not split(url(path))[0]:
        raise errors.SourceError(f"{url(path)} names no bucket or host.")
    return path


def refuse_secrets(address: str) -> None:
    """Refuse a URL with a query, a fragment or a password: SEPT would have to store them.

    Raises:
        SourceError: it has one; the message does not repeat it.
    """
    home, rest = split(address)
    where = shown(address)
    if "@" in home:
        raise errors.SourceError(
            f"{where} was given with a password or key; remove it from the address and put it "
            "where the storage's own tools look for it (docs/remote.md)."
        )
    is_query = "#" in rest or re.search(r"\?[^/]*=", rest) is not None
    if is_query or (scheme(address) in ("http", "https") and "?" in rest):
        raise errors.SourceError(
            f"{where} was given with a query string, which may hold a key and is never stored; "
            "use an address without one (docs/remote.md)."
        )


def shown(address: str) -> str:
    """Return an address without password, query and fragment, as text that any table can hold."""
    address = url(address) if is_remote(address) else address
    head, mark, rest = address.partition("://")
    home, slash, path = rest.partition("/")
    plain = re.split(r"[?#]", path, maxsplit=1)[0]
    shortened = f"{head}{mark}{home.rpartition('@')[2]}{slash}{plain}"
    return shortened.encode("utf-8", "backslashreplace").decode()
