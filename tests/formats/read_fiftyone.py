"""FiftyOne, with its database, reads the fiftyone export both ways that it offers."""

import os
import runpy
import sys
from pathlib import Path

import truth

known = truth.opened()
os.environ |= {
    "FIFTYONE_DATABASE_DIR": str(known.folder / "mongo"),
    "FIFTYONE_DATABASE_VALIDATION": "false",
    "FIFTYONE_DO_NOT_TRACK": "true",
    "FIFTYONE_SHOW_PROGRESS_BARS": "false",
}

import fiftyone
from PIL import Image


def check(what: str, dataset: fiftyone.Dataset) -> None:
    pixels, labels = {}, {}
    for sample in dataset:
        uid = Path(sample.filepath).stem
        with Image.open(sample.filepath) as image:
            pixels[uid] = truth.rgb(image)
        labels[uid] = sample.target_label and sample.target_label.label
    known.check(f"fiftyone {fiftyone.__version__} reads {what}", pixels, labels)


def main() -> None:
    folder = known.folder / "fiftyone"
    dataset = fiftyone.Dataset.from_dir(
        dataset_dir=str(folder),
        dataset_type=fiftyone.types.FiftyOneImageClassificationDataset,
        label_field="target_label",
    )
    check("fiftyone (labels.json)", dataset)
    sys.stdout = open(os.devnull, "w")
    loaded = runpy.run_path(str(folder / "load.py"))["dataset"]
    sys.stdout = sys.__stdout__
    check("fiftyone (load.py)", loaded)


main()
