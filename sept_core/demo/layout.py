"""Paths of the demo's data, and the families of its target sets."""

from dataclasses import dataclass
from pathlib import Path

TARGETS = {
    "nature": ("flowers", "leaves", "fruit", "butterflies", "fish"),
    "signs-and-charts": ("road-signs", "charts", "contour-maps", "circuits", "clocks"),
}
"""Each target set's name and its classes."""


@dataclass(frozen=True)
class Layout:
    """All paths below the output folder of the demo's data."""

    root: Path

    @property
    def sources(self) -> dict[str, Path]:
        """The pool by source name: a tree of folders, a zip and WebDataset shards."""
        pool = self.root / "pool"
        return {"photos": pool / "photos", "scans": pool / "scans.zip", "web": pool / "web"}

    @property
    def targets(self) -> dict[str, Path]:
        """Each target set's ImageFolder with `train/` and `test/`."""
        return {name: self.root / "targets" / name for name in TARGETS}

    @property
    def truth(self) -> Path:
        """`key,label`: the family of every pool image by file name; for scoring only."""
        return self.root / "truth.csv"

    @property
    def flaws(self) -> Path:
        """`key,flaw,of`: planted flaws, and the file that a copy was made of."""
        return self.root / "flaws.csv"

    @property
    def header(self) -> Path:
        """Written last: its existence means that the data are complete."""
        return self.root / "demo.json"
