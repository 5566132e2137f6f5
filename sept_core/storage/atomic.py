"""Files that are written completely or not at all.

In: paths, bytes, JSON values. Out: complete files, never partial ones: all writing goes through
`write_then_rename`.
"""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.storage import project_paths

NO_MORE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}

"""Error numbers of a full or read-only disk."""


@contextlib.contextmanager
def write_then_rename(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; on success fsync it and move it into place.

    A reader sees either the old file or the complete new one.
    """
    with told_as_storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{path.name[:80]}."
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.chmod(0o644)  # mkstemp's 0600 would hide results from a team's other users
            temporary.replace(path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def told_as_storage(path: Path) -> Iterator[None]:
    """Turn a system error about a full or read-only disk into a `StorageError`.

    Raises:
        StorageError: writing at or below `path` failed for want of space or permission.
    """
    try:
        yield
    except OSError as problem:
        if problem.errno not in NO_MORE:
            raise
        raise errors.StorageError(
            f"{path} cannot be written ({os.strerror(problem.errno)}); free space or grant write "
            "permission, then try again. Existing files are unchanged."
        ) from problem


def _sync_folder(folder: Path) -> None:
    """Sync `folder`, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file whole or not at all."""
    with write_then_rename(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        NotFoundError: the file is not there.
        IntegrityError: it is not JSON.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise errors.NotFoundError(f"{path} does not exist.") from None
    except (ValueError, RecursionError) as problem:
        raise errors.IntegrityError(
            f"{path} is damaged ({problem}); run sept check to see what can be repaired."
        ) from None


def write_artefact(
    folder: Path, header: Mapping[str, Any], parts: Mapping[str, Callable[[Path], object]]
) -> dict[str, Any]:
    """Write a derived artefact: its parts, then `header.json` with the SHA-256 of each.

    Args:
        folder: of this artefact; files of an earlier version are replaced.
        header: JSON-able.
        parts: maps a file name to a function that writes that file at a given path.

    Returns:
        The header with `sha256`, from part to 64 hex digits.
    """
    # An old header must not vouch for new parts.
    (folder / project_paths.HEADER).unlink(missing_ok=True)
    for name, write in parts.items():
        with write_then_rename(folder / name) as temporary:
            write(temporary)
    complete = dict(header) | {"sha256": {name: sha256_file(folder / name) for name in parts}}
    write_json(folder / project_paths.HEADER, complete)
    return complete


def folder_size(path: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(found.stat().st_size for found in path.rglob("*") if found.is_file())


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, as 64 hex digits, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
