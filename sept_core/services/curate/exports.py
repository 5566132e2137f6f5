"""Exports for the app: plans, the list of finished exports, a zip of each.

In: a selection, a format, a link mode. Out: plans, records, files under `exports/`.
"""

import itertools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sept_core import errors
from sept_core.export import registry
from sept_core.export.formats import FORMATS
from sept_core.jobs import launcher
from sept_core.jobs.job_folder import JobFolder
from sept_core.manifest import verification
from sept_core.services.curate import manifests, selections
from sept_core.services.project.project import Project
from sept_core.storage import atomic
from sept_core.wording import quantities

ZIP_BYTES = 200_000_000
"""Maximum size of a download; larger exports are copied from this machine's disk."""


@dataclass(frozen=True)
class Export:
    """A finished export that still exists at its destination.

    Attributes:
        job: the id of the job that made it.
        format: a name of `export.formats.FORMATS`.
        out: the file or folder.
        selection: id of the selection, as its manifest says.
        images: number of images.
        bytes: on disk, links not followed.
        ended_at: seconds since 1970.
    """

    job: str
    format: str
    out: Path
    selection: str
    images: int
    bytes: int
    ended_at: float


def plan(project: Project, selection_id: str, export_format: str, link: str) -> dict[str, Any]:
    """Plan an export, with the guard's result; nothing is exported.

    Returns:
        count, bytes, copied_anyway, notes, guard, content_hash, free (bytes on the project's
        disk).

    Raises:
        InputError, LeakError: see `manifests.write_manifest`.
    """
    with tempfile.TemporaryDirectory(dir=_ensured(project.paths.exports)) as folder:
        written = manifests.write_manifest(project, selection_id, Path(folder) / "manifest")
        found = registry.plan(written, export_format, link)
        return {
            "count": found.count,
            "bytes": found.bytes,
            "copied_anyway": found.copied_anyway,
            "notes": found.notes,
            "guard": written.header["guard"],
            "content_hash": written.content_hash,
            "free": shutil.disk_usage(project.paths.exports).free,
        }


def _ensured(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def propose(project: Project, selection_id: str, export_format: str) -> Path:
    """Return a destination that does not exist yet, in the project's exports."""
    ending = FORMATS[export_format].suffix
    base = project.paths.exports / "out" / f"{selections.find(project, selection_id)['id']}"
    suffixes = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    paths = (base.with_name(f"{base.name}-{export_format}{s}{ending}") for s in suffixes)
    return next(path for path in paths if not path.exists())


def every(project: Project) -> list[Export]:
    """List the finished exports that still exist, latest first."""
    found = []
    for status in launcher.all_jobs(project.paths):
        if status.kind != "export" or status.state != "done":
            continue
        job = JobFolder(project.paths.job(status.id))
        settings = job.settings()
        out = Path(settings["out"])
        if out.exists():
            selection = Path(settings["manifest"]).name
            images, size = job.result()["images"], _size(out)
            ended = status.ended_at or status.launched_at
            found.append(Export(status.id, settings["format"], out, selection, images, size, ended))
    return found


def _size(out: Path) -> int:
    return out.stat().st_size if out.is_file() else atomic.folder_size(out)


def check(
    project: Project, export: Export, progress: Callable[[int, int], None]
) -> verification.VerifyReport:
    """Verify the manifest of an export: files present and unchanged, no leak, no edited row."""
    folder = export.out if export.format == "native" else project.paths.exports / export.selection
    return verification.verify(folder, progress=progress)


def zipped(project: Project, export: Export) -> Path:
    """Return a zip of an export, created once, under `exports/zips/`.

    Raises:
        InputError: the export is larger than `ZIP_BYTES`.
    """
    if export.bytes > ZIP_BYTES:
        raise errors.InputError(
            f"{export.out.name} takes {quantities.size(export.bytes)}, too much for a download; "
            f"copy it from {export.out}."
        )
    path = _ensured(project.paths.exports / "zips") / f"{export.out.name}-{export.job}.zip"
    if not path.exists():
        with atomic.write_then_rename(path) as temporary:
            made = shutil.make_archive(
                str(temporary.with_suffix("")), "zip", export.out.parent, export.out.name
            )
            Path(made).replace(temporary)
    return path
