"""The export formats as records; menus, help texts, errors and tables are derived from them.

In: nothing. Out: `FORMATS`, and the lines that load a finished export. Imports no library, so that
a page or a help text can list formats quickly; `run` writes them.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sept_core.storage import late

if TYPE_CHECKING:
    from sept_core.export import subset

    Writer = Callable[[subset.Subset, Path], None]

_PLACE = re.compile(r"\{out(?:/([^{}]+))?\}")


@dataclass(frozen=True)
class Snippet:
    """Lines to copy that load an export.

    Attributes:
        title: The tool that they are for.
        language: `sh` or `python`.
        text: The lines; `{out}` is the path of the export, `{out/NAME}` a file in it. Both are
            quoted for the language.
    """

    title: str
    language: Literal["sh", "python"]
    text: str

    def at(self, out: Path) -> str:
        """Return the lines for an export that was written to `out`."""

        def quoted(match: re.Match[str]) -> str:
            path = str(out / match[1] if match[1] else out)
            return (
                shlex.quote(path) if self.language == "sh" else json.dumps(path, ensure_ascii=False)
            )

        return _PLACE.sub(quoted, self.text)


@dataclass(frozen=True)
class Option:
    """A setting of a format.

    Attributes:
        read: Turns the text that a user typed into the value; ValueError if it is not a number.
        about: Meaning, valid values and default.
    """

    read: Callable[[str], object]
    about: str


@dataclass(frozen=True)
class Format:
    """One way to write a subset.

    Attributes:
        writer: `module:function` of this package; the function fills the path that it is given (a
            new folder or file) with a `subset.Subset`. It is imported when an export runs.
        about: One-line description.
        snippets: Code that reads the export with other tools.
        images: Treatment of image files: `none`, `listed` by path, only the `archived` ones
            extracted, `linked` as the link mode says, or `packed` as copies.
        options: The settings that a user may give, by name.
        needs: The settings that come from the project (`services.curate.export_needs`): `labels`
            of the targets, `pool_features`.
        suffix: Suffix of the file that it writes; "" for a folder.
    """

    writer: str
    about: str
    snippets: tuple[Snippet, ...]
    images: Literal["none", "listed", "archived", "linked", "packed"] = "linked"
    options: Mapping[str, Option] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    suffix: str = ""

    def load(self) -> "Writer":
        """Import the writer."""
        writer: Writer = late.load(__package__, self.writer)
        return writer


def snippets(name: str, out: Path) -> list[Snippet]:
    """Return the snippets for an export in a format; empty if the format is unknown."""
    found = FORMATS[name].snippets if name in FORMATS else ()
    return [Snippet(one.title, one.language, one.at(out)) for one in found]


def options_help() -> str:
    """Return one line that lists the options of all formats."""
    described = (
        f"{name}: {option} ({setting.about})"
        for name, entry in FORMATS.items()
        for option, setting in entry.options.items()
    )
    return f"{'; '.join(described)}."


FORMATS: dict[str, Format] = {
    "native": Format(
        "tables:native",
        "SEPT's manifest, for sept pretrain and sept verify",
        (
            Snippet("Pre-train with SEPT", "sh", "sept pretrain PROJECT --manifest {out}"),
            Snippet("Check it", "sh", "sept verify {out}"),
        ),
        images="none",
    ),
    "csv": Format(
        "tables:table_csv",
        "one table, for reading and spreadsheets",
        (Snippet("Read the table", "python", "import pandas\n\nrows = pandas.read_csv({out})"),),
        images="listed",
        suffix=".csv",
    ),
    "jsonl": Format(
        "tables:table_jsonl",
        "one JSON object per line, exact values",
        (
            Snippet(
                "Read the table",
                "python",
                "import pandas\n\nrows = pandas.read_json({out}, lines=True)",
            ),
        ),
        images="listed",
        suffix=".jsonl",
    ),
    "txt": Format(
        "tables:paths_txt",
        "one absolute path per line",
        (
            Snippet(
                "Read the images",
                "python",
                """\
from pathlib import Path

from PIL import Image

images = [Image.open(path) for path in Path({out}).read_text().splitlines()]""",
            ),
        ),
        images="archived",
        suffix=".txt",
    ),
    "flat": Format(
        "folders:flat",
        "one folder with all images",
        (
            Snippet(
                "Read the images",
                "python",
                """\
from pathlib import Path

from PIL import Image

images = [Image.open(path) for path in sorted(Path({out}).iterdir())]""",
            ),
        ),
    ),
    "imagefolder": Format(
        "folders:imagefolder",
        "a folder for each class, or 256 by uid",
        (
            Snippet(
                "torchvision",
                "python",
                """\
from torchvision.datasets import ImageFolder

images = ImageFolder({out})""",
            ),
        ),
        needs=("labels",),
    ),
    "webdataset": Format(
        "webdataset:webdataset",
        "tar shards of original bytes",
        (
            Snippet(
                "webdataset",
                "python",
                """\
import glob

import webdataset

shards = sorted(glob.glob({out/*/*.tar}))
images = webdataset.WebDataset(shards, shardshuffle=100).decode("pil")""",
            ),
        ),
        images="packed",
        options={"images_per_shard": Option(int, "images in one tar, 10000 by default")},
    ),
    "huggingface": Format(
        "hub_folder:huggingface",
        "a data set with a card, ready to upload",
        (
            Snippet(
                "Hugging Face datasets",
                "python",
                """\
from datasets import load_dataset

images = load_dataset({out}, split="train")
# target_label: class of the target that retrieved an image, where targets have labels""",
            ),
            Snippet(
                "Upload it, after filling in the licence in README.md",
                "sh",
                "hf upload OWNER/NAME {out} . --repo-type dataset",
            ),
        ),
        options={
            "layout": Option(str, "imagefolder (the default), or parquet with the images inside"),
            "metadata": Option(str, "of an imagefolder: parquet (the default) or jsonl"),
            "names": Option(str, "yes to keep the names of reviewers; no by default"),
        },
        needs=("labels",),
    ),
    "fiftyone": Format(
        "folders:fiftyone",
        "data, labels and a loader",
        (Snippet("FiftyOne", "sh", "python {out/load.py}"),),
        needs=("labels",),
    ),
    "datacomp": Format(
        "indices:datacomp",
        "a subset file for DataComp's resharder",
        (
            Snippet(
                "DataComp, in a checkout of mlfoundations/datacomp",
                "sh",
                "python resharder.py --input-dir POOL_SHARDS --output-dir NEW_SHARDS "
                "--subset-file {out}",
            ),
        ),
        images="none",
        suffix=".npy",
    ),
    "ssl-data-curation": Format(
        "indices:ssl_data_curation",
        "row numbers and the keys they index",
        (
            Snippet(
                "Rows of the pool",
                "python",
                """\
import numpy

rows = numpy.load({out/indices.npy})  # of the pool
uids = numpy.load({out/keys.npy})[rows]""",
            ),
        ),
        images="none",
        needs=("pool_features",),
    ),
    "lightly-train": Format(
        "trainers:lightly_train",
        "images and a LightlyTrain command",
        (Snippet("LightlyTrain", "sh", "sh {out/train.sh}"),),
    ),
    "dinov2": Format(
        "trainers:dinov2",
        "images and a DINOv2 script",
        (
            Snippet(
                "DINOv2, in a checkout of facebookresearch/dinov2",
                "sh",
                "PYTHONPATH=. torchrun --nproc_per_node=1 {out/train.py} "
                "--config-file dinov2/configs/train/vitl16_short.yaml --output-dir runs/dinov2",
            ),
        ),
    ),
    "solo-learn": Format(
        "trainers:solo_learn",
        "images and a solo-learn command",
        (Snippet("solo-learn, in a checkout of vturrisi/solo-learn", "sh", "sh {out/train.sh}"),),
    ),
}
"""Formats by name, in the order of menus and documents."""
