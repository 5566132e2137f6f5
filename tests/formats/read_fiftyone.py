"""FiftyOne, with its database, reads the fiftyone export both ways that it offers."""

import contextlib
import io
import os
import runpy
from pathlib import Path

import truth

known = truth.opened()
os.environ |= {
    "FIFTYONE_DATABASE_DIR": str(known.folder / "mongo"),
    "FIFTYONE_DATABASE_VALIDATION": "false",
    "FIFTYONE_DO_NOT_TRACK": "true",
    "FIFTYONE_SHOW_PROGRESS_BARS": "false",
}

import fiftyone  # noqa: E402  (it reads the settings above)
from PIL import Image  # noqa: E402


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
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = runpy.run_path(str(folder / "load.py"))["dataset"]
    check("fiftyone (load.py)", loaded)


main()
