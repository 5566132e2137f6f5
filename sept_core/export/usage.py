"""How others read an export: for each format the commands or lines of code that load it.

In: a format's name and where it was written. Out: (title, language, text) to copy.
"""

import json
import shlex
from pathlib import Path

_IMAGE_FOLDER = """\
from torchvision.datasets import ImageFolder

images = ImageFolder({out})"""

_FLAT = """\
from pathlib import Path

from PIL import Image

images = [Image.open(path) for path in sorted(Path({out}).iterdir())]"""

_WEBDATASET = """\
import glob

import webdataset

shards = sorted(glob.glob({shards}))
images = webdataset.WebDataset(shards, shardshuffle=100).decode("pil")"""

_HUGGING_FACE = """\
from datasets import load_dataset

images = load_dataset("imagefolder", data_dir={out}, split="train")
# The labels of the targets that brought the images in, as classes, where targets have labels:
# images = images.class_encode_column("target_label")"""

_ROWS = """\
import numpy

rows = numpy.load({rows})  # of the pool
uids = numpy.load({keys})[rows]"""

_TXT = """\
from pathlib import Path

from PIL import Image

images = [Image.open(path) for path in Path({out}).read_text().splitlines()]"""

_TABLE = """\
import pandas

rows = pandas.read_{kind}({out}{more})"""

Snippet = tuple[str, str, str]


def snippets(export_format: str, out: Path) -> list[Snippet]:
    """What to copy; empty where the export has nothing that another tool reads directly."""
    quoted, path = shlex.quote(str(out)), json.dumps(str(out), ensure_ascii=False)
    manifest = ("Pre-train with SEPT", "sh", f"sept pretrain PROJECT --manifest {quoted}")
    shards, rows, keys = (
        json.dumps(str(out / name), ensure_ascii=False)
        for name in ("*/*.tar", "indices.npy", "keys.npy")
    )
    known: dict[str, list[Snippet]] = {
        "native": [manifest, ("Check it", "sh", f"sept verify {quoted}")],
        "csv": [("Read the table", "python", _TABLE.format(kind="csv", out=path, more=""))],
        "jsonl": [
            ("Read the table", "python", _TABLE.format(kind="json", out=path, more=", lines=True"))
        ],
        "txt": [("Read the images", "python", _TXT.format(out=path))],
        "flat": [("Read the images", "python", _FLAT.format(out=path))],
        "imagefolder": [("torchvision", "python", _IMAGE_FOLDER.format(out=path))],
        "webdataset": [("webdataset", "python", _WEBDATASET.format(shards=shards))],
        "huggingface": [("Hugging Face datasets", "python", _HUGGING_FACE.format(out=path))],
        "fiftyone": [("FiftyOne", "sh", f"python {shlex.quote(str(out / 'load.py'))}")],
        "datacomp": [
            (
                "DataComp, in a checkout of mlfoundations/datacomp",
                "sh",
                "python resharder.py --input-dir POOL_SHARDS --output-dir NEW_SHARDS "
                f"--subset-file {quoted}",
            )
        ],
        "ssl-data-curation": [
            ("Rows of the pool", "python", _ROWS.format(rows=rows, keys=keys)),
        ],
        "lightly-train": [("LightlyTrain", "sh", f"sh {shlex.quote(str(out / 'train.sh'))}")],
        "dinov2": [
            (
                "DINOv2, in a checkout of facebookresearch/dinov2",
                "sh",
                f"PYTHONPATH=. torchrun --nproc_per_node=1 {shlex.quote(str(out / 'train.py'))} "
                "--config-file dinov2/configs/train/vitl16_short.yaml --output-dir runs/dinov2",
            )
        ],
        "solo-learn": [
            (
                "solo-learn, in a checkout of vturrisi/solo-learn",
                "sh",
                f"sh {shlex.quote(str(out / 'train.sh'))}",
            )
        ],
    }
    return known.get(export_format, [])
