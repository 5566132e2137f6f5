"""The content that exports must have, and its comparison with what a reader finds.

Needs numpy alone, so that it runs in every neighbour's environment.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


class Truth:
    """The selected images, from the pool's own files.

    Attributes:
        folder: holds the exports, each under the name of its format.
        uids: in selected order.
        labels: of the target that owns each image, None where none does.
        source_uids: of the images that a DataComp shard names.
        pool: the uids of the whole pool, sorted.
        pixels: each image as (H, W, 3) uint8.
    """

    def __init__(self, folder: Path) -> None:
        known = json.loads((folder / "truth.json").read_text())
        self.folder = folder
        self.uids: list[str] = known["uids"]
        self.labels: dict[str, str | None] = known["labels"]
        self.source_uids: dict[str, str] = known["source_uids"]
        self.pool: list[str] = known["pool"]
        with np.load(folder / "truth.npz") as arrays:
            self.pixels = {uid: arrays[uid] for uid in arrays.files}

    def check(
        self,
        reader: str,
        pixels: Mapping[str, np.ndarray],
        labels: Mapping[str, str | None] | None = None,
        wanted: list[str] | None = None,
    ) -> None:
        """Print one line; leave with exit code 1 if anything differs.

        Args:
            reader: names the library and what it read.
            pixels: what it decoded, by uid.
            labels: what it gave as labels, where the format has any.
            wanted: the uids that the format can hold; by default all.
        """
        expected = self.uids if wanted is None else wanted
        found = [uid for uid in expected if uid in pixels]
        strange = set(pixels) - set(expected)
        worst = max((self._difference(uid, pixels[uid]) for uid in found), default=0)
        pixels_told = f"pixels off by {worst}" if worst else "pixels equal"
        told = f"{len(found)} of {len(expected)} images, {pixels_told}"
        right = len(found) == len(expected) and not strange and worst == 0
        if labels is not None:
            same = [uid for uid in expected if labels.get(uid) == self.labels[uid]]
            given = sum(self.labels[uid] is not None for uid in expected)
            told += f", {len(same)} of {len(expected)} labels ({given} set)"
            right &= len(same) == len(expected)
        finish(right, f"{reader}: {told}")

    def _difference(self, uid: str, found: np.ndarray) -> int:
        expected = self.pixels[uid].astype(int)
        if found.shape != expected.shape:
            return 255
        return int(np.abs(found.astype(int) - expected).max())


def finish(right: bool, sentence: str) -> None:
    """Print the outcome of one comparison."""
    print(f"{'same     ' if right else 'DIFFERENT'}  {sentence}", flush=True)
    if not right:
        sys.exit(1)


def opened() -> Truth:
    """The truth in the folder that the command line names."""
    return Truth(Path(sys.argv[1]))


def rgb(image: Any) -> np.ndarray:
    """A Pillow image as (H, W, 3) uint8."""
    return np.asarray(image.convert("RGB"))
