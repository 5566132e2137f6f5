"""Check the settings of an export, and plan what it would write.

In: a manifest, a format's name, a link mode and options. Out: the `Format`, or an `ExportPlan`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sept_core import errors
from sept_core.export import subset
from sept_core.export.formats import FORMATS, Format
from sept_core.manifest import image_reader, manifest

SAMPLE = 16
"""Number of images whose size is read for a plan's estimate."""


@dataclass(frozen=True)
class ExportPlan:
    """Plan of an export.

    Attributes:
        count: images in the subset.
        bytes: size of the images that will be written, estimated from about `SAMPLE` of them.
        copied_anyway: images that are copied although links were requested.
        notes: sentences to show before starting.
    """

    count: int
    bytes: int
    copied_anyway: int
    notes: list[str]


def get(name: str, link: str, options: Mapping[str, object]) -> Format:
    """Return the format of that name, if it takes these settings.

    Raises:
        InputError: one of the three is unknown; the message lists the valid names.
    """
    if name not in FORMATS:
        raise errors.InputError(
            f"The export format {name!r} is unknown; use one of {', '.join(FORMATS)}."
        )
    if link not in subset.LINKS:
        raise errors.InputError(
            f"The link mode {link!r} is unknown; use one of {', '.join(subset.LINKS)}."
        )
    found = FORMATS[name]
    if unknown := sorted(set(options) - set(found.options) - set(found.needs)):
        raise errors.InputError(f"{name} takes {_takes(found)}, not {', '.join(unknown)}.")
    return found


def read_options(name: str, written: Iterable[str]) -> dict[str, object]:
    """Parse a format's options from NAME=VALUE.

    Raises:
        InputError: the format is unknown, does not take the option, or cannot read its value.
    """
    known = get(name, "copy", {}).options
    read = {}
    for text in written:
        option, _, value = text.partition("=")
        if option not in known or not value:
            raise errors.InputError(f"{name} takes {_takes(FORMATS[name])}, not {text!r}.")
        try:
            read[option] = known[option].read(value)
        except ValueError:
            raise errors.InputError(f"{option}={value} is not a number.") from None
    return read


def _takes(found: Format) -> str:
    return ", ".join(f"{option}=VALUE" for option in found.options) or "no options"


def plan(
    opened: manifest.Manifest,
    format: str,
    link: str = "copy",
    roots: Mapping[str, Path] | None = None,
) -> ExportPlan:
    """Plan what `run.export` would write; reads a few images for their size.

    Raises:
        InputError: an unknown format or link mode.
        NotFoundError, IntegrityError: a sampled image is missing or has changed.
    """
    kind = get(format, link, {}).images
    archived = opened.rows.filter(pc.not_equal(opened.rows["shard"], ""))
    if kind == "packed" or (kind == "linked" and link == "copy"):
        written = opened.rows
    else:
        written = archived if kind in ("linked", "archived") else opened.rows.slice(0, 0)
    with image_reader.ImageReader(opened, roots) as reader:
        size = round(_mean_size(written, reader) * len(written))
    anyway = len(written) if link != "copy" else 0
    return ExportPlan(len(opened), size, anyway, notes(kind, link, len(archived)))


def _mean_size(rows: pa.Table, reader: image_reader.ImageReader) -> float:
    """Estimate bytes per image from plain files and one archive: opening all archives is slow."""
    archives = [name for name in pc.unique(rows["shard"]).to_pylist() if name]
    near = pc.is_in(rows["shard"], value_set=pa.array(["", *archives[:1]]))
    uids = rows["uid"].filter(near).to_pylist()
    sampled = uids[:: max(1, len(uids) // SAMPLE)]
    return sum(len(reader.read(uid)) for uid in sampled) / max(1, len(sampled))


def notes(kind: str, link: str, archived: int) -> list[str]:
    """Return sentences about an export whose format treats images as `kind` (see `Format`)."""
    if kind == "packed" and link != "copy":
        return ["Tar shards hold copies of all images; the link mode does not apply."]
    if not archived:
        return []
    inside = f"{archived} images are inside archives"
    if kind == "listed":
        return [f"{inside}: their path is empty; shard and key locate them."]
    if kind == "archived":
        return [f"{inside} and are extracted into a folder next to the list."]
    if kind == "linked" and link != "copy":
        return [f"{inside} and are copied, not linked."]
    return []
