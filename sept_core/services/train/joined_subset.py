"""A subset joined from the target's own training images and the first images of a selection.

In: two selections and a budget. Out: a manifest of as many images as the budget, the target's
first. An image in both counts once, as the target's.
"""

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sept_core import errors
from sept_core.manifest import manifest
from sept_core.manifest.manifest import Manifest
from sept_core.services.curate import manifests
from sept_core.services.project.project import Project

KEPT = (*manifest.REQUIRED, "targets", "short_because", "bands", "value_ranges")
"""Entries of the header of the pool's selection."""


def write_manifest(
    project: Project, own: str, selection: str, budget: int, folder: Path
) -> Manifest:
    """Write the manifest of a joined subset.

    Args:
        project: the open project.
        own: id of a selection with the strategy `target-images-only`.
        selection: id of a selection of pool images.
        budget: number of images of both together.
        folder: output folder.

    Raises:
        InputError: the budget has no room for a pool image.
        LeakError: see `manifests.write_manifest`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as stage:
        first = manifests.write_manifest(project, own, Path(stage) / "own")
        second = manifests.write_manifest(project, selection, Path(stage) / "pool")
        if budget <= len(first):
            raise errors.InputError(
                f"The target's {len(first):,} own images leave no room for pool images in a budget "
                f"of {budget:,}; use a larger budget."
            )
        new = pc.invert(pc.is_in(second.rows["uid"], value_set=first.rows["uid"]))
        rows = pa.concat_tables([first.rows, second.rows.filter(new)])[:budget]
        places = pa.concat_tables([first.locations, second.locations])
        places = places.filter(pc.is_in(places["uid"], value_set=rows["uid"]))
        header = {name: second.header[name] for name in KEPT if name in second.header}
        header["settings"] = header["settings"] | {"joined_with": own}
        followed = {*first.followed(), *second.followed()}
        roots = first.roots() | second.roots()
        return manifest.write(folder, rows, places, second.guard, header, roots, followed)
