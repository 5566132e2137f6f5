"""The export formats by name, and what an export would take before it is made.

In: a manifest, a format's name and a link mode. Out: the format, or an `ExportPlan`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sept_core import errors
from sept_core.export import folders, indices, subset, tables, trainers, webdataset
from sept_core.manifest import image_reader, manifest

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
        options: the settings that a user may give, each with what reads its text.
        needs: the settings that come from the project (`services.curate.export_needs`).
        suffix: of the file that it writes; "" for a folder.
    """

    write: Callable[[subset.Subset, Path], None]
    about: str
    images: str = "linked"
    options: Mapping[str, Callable[[str], object]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    suffix: str = ""


FORMATS = {
    "native": Format(tables.native, "SEPT's manifest, for sept pretrain and sept verify", "none"),
    "csv": Format(
        tables.table_csv, "one table for people and spreadsheets", "listed", suffix=".csv"
    ),
    "jsonl": Format(
        tables.table_jsonl, "one JSON object a line, exact values", "listed", suffix=".jsonl"
    ),
    "txt": Format(tables.paths_txt, "one absolute path a line", "archived", suffix=".txt"),
    "flat": Format(folders.flat, "one folder with all images"),
    "imagefolder": Format(
        folders.imagefolder, "a folder for each class, or 256 by uid", needs=("labels",)
    ),
    "webdataset": Format(
        webdataset.webdataset, "tar shards of original bytes", "packed", {"images_per_shard": int}
    ),
    "huggingface": Format(
        folders.huggingface,
        "an imagefolder for datasets",
        options={"metadata": str},
        needs=("labels",),
    ),
    "fiftyone": Format(folders.fiftyone, "data, labels and a loader", needs=("labels",)),
    "datacomp": Format(
        indices.datacomp, "a subset file for DataComp's resharder", "none", suffix=".npy"
    ),
    "ssl-data-curation": Format(
        indices.ssl_data_curation,
        "row numbers and the keys they index",
        "none",
        needs=("pool_features",),
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
    found = FORMATS[name]
    if unknown := sorted(set(options) - set(found.options) - set(found.needs)):
        raise errors.InputError(f"{name} takes {_takes(found)}, not {', '.join(unknown)}.")
    return found


def read_options(name: str, written: Iterable[str]) -> dict[str, object]:
    """A format's options from NAME=VALUE.

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
            read[option] = known[option](value)
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
    with image_reader.ImageReader(opened, roots) as reader:
        size = round(_mean_size(written, reader) * len(written))
    anyway = len(written) if link != "copy" else 0
    return ExportPlan(len(opened), size, anyway, notes(kind, link, len(archived)))


def _mean_size(rows: pa.Table, reader: image_reader.ImageReader) -> float:
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
