"""The export worker: writes one manifest in one format, completely or not at all.

In: a manifest, source roots, a format, a destination. Out: the export, and the numbers of copied
and linked images. It is written into a hidden folder next to its destination and renamed when it is
complete, so that a name that exists is a finished export.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from sept_core import errors
from sept_core.export import registry, subset
from sept_core.jobs import job_folder
from sept_core.manifest import image_reader, manifest


def main(job: job_folder.JobFolder) -> dict[str, Any]:
    """Settings: manifest (path), roots ({source: path} or null for the manifest's own),
    format, out (path), link (copy, hardlink or symlink), options ({}).
    """
    settings = job.settings()
    opened = manifest.read(Path(settings["manifest"]))
    roots = settings["roots"]
    return export(
        opened,
        settings["format"],
        Path(settings["out"]),
        roots=None if roots is None else {name: Path(path) for name, path in roots.items()},
        link=settings["link"],
        options=settings["options"],
        step=lambda done: job.progress(done, len(opened), "images"),
    )


def export(
    opened: manifest.Manifest,
    format: str,
    out: Path,
    *,
    roots: Mapping[str, Path] | None = None,
    link: str = "copy",
    options: Mapping[str, Any] | None = None,
    step: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Write the subset; if it fails or is cancelled, no files remain.

    Returns:
        format, out, images, copied, linked, copied_anyway, notes.

    Raises:
        InputError: the destination exists, or format, link or options do not fit.
        NotFoundError, IntegrityError: an image is missing or has changed; the message names it.
    """
    chosen_format = registry.get(format, link, options or {})
    out = Path(os.path.abspath(out))  # noqa: PTH100  (resolve would follow a link at `out`)
    refuse_existing(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name[:80]}.") as stage,
        image_reader.ImageReader(opened, roots) as reader,
    ):
        chosen = subset.Subset(opened, reader, link, options or {}, Path(stage), out, step)
        chosen_format.load()(chosen, Path(stage) / "export")
        _publish(chosen)
    archived = pc.sum(pc.not_equal(opened.rows["shard"], "")).as_py() or 0
    return {
        "format": format,
        "out": str(out),
        "images": len(opened),
        **chosen.counts,
        "notes": registry.notes(chosen_format.images, link, archived) + chosen.notes,
    }


def refuse_existing(path: Path) -> None:
    """Refuse a destination that exists: an export never overwrites files.

    Raises:
        InputError: `path` exists.
    """
    if os.path.lexists(path):
        raise errors.InputError(f"{path} exists; choose another name or remove it first.")


def _publish(chosen: subset.Subset) -> None:
    """Move the finished export into place; images next to a list are moved before the list."""
    moves = [(chosen.companion, chosen.companion_home), (chosen.stage / "export", chosen.home)]
    moves = [(made, home) for made, home in moves if made.exists()]
    for _, home in moves:
        refuse_existing(home)
    for made, home in moves:
        made.rename(home)


if __name__ == "__main__":
    job_folder.run(main)
