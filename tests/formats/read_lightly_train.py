"""LightlyTrain's own reader takes the images of the lightly-train and txt exports."""

import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import truth
from lightly_train._commands import common_helpers


def read(data: object) -> dict[str, np.ndarray]:
    """Pixels by file name, as its pre-training lists and decodes them."""
    with tempfile.TemporaryDirectory() as folder:
        images = common_helpers.get_dataset(
            data,
            transform=lambda given: [given],
            num_channels=3,
            mmap_filepath=Path(folder) / "names",
            out_dir=Path(folder),
            resume_interrupted=False,
            overwrite=False,
        )
        read = (images[index] for index in range(len(images)))
        return {item["filename"]: item["views"][0] for item in read}


def main() -> None:
    known = truth.opened()
    name = f"lightly-train {version('lightly-train')}"
    found = read(known.folder / "lightly-train" / "images")
    by_name = {Path(path).stem: pixels for path, pixels in found.items()}
    known.check(f"{name} reads lightly-train", by_name)
    lines = (known.folder / "txt").read_text().splitlines()
    found = read(lines)
    by_line = {uid: found[path] for uid, path in zip(known.uids, lines, strict=True)}
    known.check(f"{name} reads txt", by_line)


main()
