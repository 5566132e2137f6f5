"""The export formats by name, and what an export would take before it is made.

In: a manifest, a format's name and a link mode. Out: the format, or an `ExportPlan`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sept_core import errors, manifest
from sept_core.export import folders, indices, subset, tables, trainers, webdataset

SAMPLE = 16
"""Images whose size is looked at for a plan's estimate."""


@dataclass(frozen=True)
class Format:
    """One way to write a subset.

    Attributes:
        write: fills the path it is given (a new folder or file) with the export.
        about: one line for people.
        images: what it does with image files: `none`, `listed` by path, only the
            `archived` ones extracted, `linked` as the link mode says, or `packed` as copies.
        options: the names of the settings that it takes.
    """

    write: Callable[[subset.Subset, Path], None]
    about: str
    images: str = "linked"
    options: tuple[str, ...] = ()


FORMATS = {
    "native": Format(tables.native, "SEPT's manifest, for sept pretrain and sept verify", "none"),
    "csv": Format(tables.table_csv, "one table for people and spreadsheets", "listed"),
    "jsonl": Format(tables.table_jsonl, "one JSON object a line, exact values", "listed"),
    "txt": Format(tables.paths_txt, "one absolute path a line", "archived"),
    "flat": Format(folders.flat, "one folder with all images"),
    "imagefolder": Format(
        folders.imagefolder, "a folder for each class, or 256 by uid", options=("labels",)
    ),
    "webdataset": Format(
        webdataset.webdataset, "tar shards of original bytes", "packed", ("images_per_shard",)
    ),
    "huggingface": Format(
        folders.huggingface, "an imagefolder for datasets", options=("labels", "metadata")
    ),
    "fiftyone": Format(folders.fiftyone, "data, labels and a loader", options=("labels",)),
    "datacomp": Format(indices.datacomp, "a subset file for DataComp's resharder", "none"),
    "ssl-data-curation": Format(
        indices.ssl_data_curation, "row numbers and the keys they index", "none", ("pool_keys",)
    ),
    "lightly-train": Format(trainers.lightly_train, "images and a LightlyTrain command"),
    "dinov2": Format(trainers.dinov2, "images and a DINOv2 script"),
    "solo-learn": Format(trainers.solo_learn, "images and a solo-learn command"),
}


@dataclass(frozen=True)
class ExportPlan:
    """What an export will write.

    Attributes:
        count: images in the subset.
        bytes: of the images that will be written, estimated from about `SAMPLE` of them.
        copied_anyway: images that are copied although links were asked for.
        notes: sentences to show before starting.
    """

    count: int
    bytes: int
    copied_anyway: int
    notes: list[str]


def get(name: str, link: str, options: Mapping[str, object]) -> Format:
    """The format of that name, if it takes these settings.

    Raises:
        InputError: one of the three is not known; the message lists what is.
    """
    if name not in FORMATS:
        raise errors.InputError(f"No export format {name!r}; there are {', '.join(FORMATS)}.")
    if link not in subset.LINKS:
        raise errors.InputError(f"No link mode {link!r}; there are {', '.join(subset.LINKS)}.")
    unknown = sorted(set(options) - set(FORMATS[name].options))
    if unknown:
        takes = ", ".join(FORMATS[name].options) or "no options"
        raise errors.InputError(f"{name} takes {takes}; not {', '.join(unknown)}.")
    return FORMATS[name]


def plan(
    opened: manifest.Manifest,
    format: str,
    link: str = "copy",
    roots: Mapping[str, Path] | None = None,
) -> ExportPlan:
    """What `run.export` would write, without writing it; reads a few images for their size.

    Raises:
        InputError: an unknown format or link mode.
        NotFoundError, IntegrityError: a sampled image is gone or has changed.
    """
    kind = get(format, link, {}).images
    archived = opened.rows.filter(pc.not_equal(opened.rows["shard"], ""))
    if kind == "packed" or (kind == "linked" and link == "copy"):
        written = opened.rows
    else:
        written = archived if kind in ("linked", "archived") else opened.rows.slice(0, 0)
    with manifest.ImageReader(opened, roots) as reader:
        size = round(_mean_size(written, reader) * len(written))
    anyway = len(written) if link != "copy" else 0
    return ExportPlan(len(opened), size, anyway, notes(kind, link, len(archived)))


def _mean_size(rows: pa.Table, reader: manifest.ImageReader) -> float:
    """Bytes an image, from plain files and one archive: opening each archive would be slow."""
    archives = [name for name in pc.unique(rows["shard"]).to_pylist() if name]
    near = pc.is_in(rows["shard"], value_set=pa.array(["", *archives[:1]]))
    uids = rows["uid"].filter(near).to_pylist()
    sampled = uids[:: max(1, len(uids) // SAMPLE)]
    return sum(len(reader.read(uid)) for uid in sampled) / max(1, len(sampled))


def notes(kind: str, link: str, archived: int) -> list[str]:
    """What to know about an export whose format treats images as `kind` (see `Format`)."""
    if kind == "packed" and link != "copy":
        return ["Tar shards hold copies of all images; the link mode does not apply."]
    if not archived:
        return []
    inside = f"{archived} images lie inside archives"
    if kind == "listed":
        return [f"{inside}: their path is empty, shard and key say where they are."]
    if kind == "archived":
        return [f"{inside} and are extracted into a folder beside the list."]
    if kind == "linked" and link != "copy":
        return [f"{inside} and are copied, not linked."]
    return []
