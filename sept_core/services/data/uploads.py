"""Files uploaded through the browser, and folders of this machine that it may list.

In: uploaded names and bytes, or a path. Out: a folder or archive under the project's uploads,
ready to be added; listings confined to allowed roots.
"""

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sept_core import errors
from sept_core.archives import archives
from sept_core.filesystem import roots as allowed_roots
from sept_core.services.project.project import Project
from sept_core.storage import atomic, project_paths
from sept_core.tables import tables

LISTED = 500


@dataclass(frozen=True)
class Listing:
    """Contents of a folder: names of sub-folders, and of files that may be a source."""

    folder: Path
    parent: Path | None
    folders: list[str]
    archives: list[str]
    files: int


def roots(project_folder: Path | None = None, *, shared: bool = False) -> list[Path]:
    """Return the allowed folders: `SEPT_ROOTS`, or home, here and the project's parent.

    Args:
        project_folder: folder of the open project.
        shared: True if other users can reach the app; then only the project's parent is allowed.
    """
    siblings = [project_folder.parent] if project_folder else []
    if given := allowed_roots.named():
        wanted = given
    elif shared:
        wanted = siblings  # other users must not see the home folder
    else:
        wanted = [Path.home(), Path.cwd(), *siblings]
    found = [path.resolve() for path in wanted if path.is_dir()]
    return list(dict.fromkeys(found))


def check_allowed(folder: Path, allowed: list[Path]) -> Path:
    """Return the folder with links followed.

    Raises:
        InputError: it is not inside an allowed root.
    """
    real = folder.resolve()
    if not any(real.is_relative_to(root) for root in allowed):
        raise errors.InputError(
            f"{folder} is outside the folders that the app may use; start it with SEPT_ROOTS set "
            "to allow more."
        )
    return real


def listing(folder: Path, allowed: list[Path]) -> Listing:
    """Return the contents of one folder.

    Raises:
        InputError: it is not inside an allowed root (links followed), or cannot be read.
    """
    real = check_allowed(folder, allowed)
    try:
        entries = sorted(os.scandir(real), key=lambda entry: entry.name)[: LISTED * 20]
    except OSError as problem:
        raise errors.InputError(f"{folder} cannot be read: {problem.strerror}.") from None
    shown = [entry for entry in entries if not entry.name.startswith(".")]
    folders = [entry.name for entry in shown if entry.is_dir()][:LISTED]
    plain = [entry.name for entry in shown if not entry.is_dir()]
    sources = [name for name in plain if _may_be_source(name)][:LISTED]
    parent = real.parent if any(real.parent.is_relative_to(root) for root in allowed) else None
    return Listing(real, parent, folders, sources, len(plain))


def _may_be_source(name: str) -> bool:
    return archives.is_archive(name) or tables.is_table(name)


def store(project: Project, name: str, uploads: Iterable[tuple[str, BinaryIO]]) -> Path:
    """Write uploaded files into a new folder of the project; never overwrites files.

    Args:
        project: the open project.
        name: name of the source or target set.
        uploads: file names from the browser, and their bytes.

    Returns:
        The archive, if only one was uploaded, else the folder.

    Raises:
        InputError: nothing was uploaded, or the name is invalid.
    """
    folder = _new_folder(project.paths.uploads, project_paths.check_name(name, "Source"))
    written = []
    try:
        for given, data in uploads:
            path = _free(folder / _safe(given))
            with atomic.write_then_rename(path) as temporary, temporary.open("wb") as out:
                shutil.copyfileobj(data, out, 1 << 20)
            written.append(path)
        if not written:
            raise errors.InputError("Choose images or an archive to upload first.")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    alone = written[0] if len(written) == 1 else folder
    return alone if archives.is_archive(alone.name) else folder


def discard(project: Project, path: Path) -> None:
    """Delete an upload of `store`, if the path is one, for a collection that is not added."""
    uploads, real = project.paths.uploads.resolve(), path.resolve()
    if real != uploads and real.is_relative_to(uploads):
        shutil.rmtree(uploads / real.relative_to(uploads).parts[0])


def _new_folder(uploads: Path, name: str) -> Path:
    for number in range(1, 10_000):
        folder = uploads / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise errors.InputError(f"{uploads} holds too many uploads named {name}; choose another name.")


def _safe(given: str) -> str:
    """Return a file name without folders, control characters or a leading dot."""
    base = re.split(r"[/\\]", given)[-1]
    clean = "".join("_" if ord(c) < 32 or c in '<>:"|?*' else c for c in base).lstrip(".")
    return clean[-120:] or "file"


def _free(path: Path) -> Path:
    number = 2
    free = path
    while free.exists():
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free
