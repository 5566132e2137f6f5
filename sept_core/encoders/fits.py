"""Fits of encoders on a pool: their location, and facts about the sample they were made on.

In: a project's `encoders/` folder, where each fit is a folder `NAME-FINGERPRINT/` (such as
`classic-…`) whose header was written last. Out: the newest complete fit; of its sample the number
of images and the directions that carry variance. Imports no torch, since `status` reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sept_core.storage import atomic

WEIGHTS, HEADER = "classic.safetensors", "fit.json"

FEWEST = 20
"""A fit on fewer images is provisional: it is repeated whenever the pool is embedded."""

FEW = 100
"""From this number on, one additional image changes the similarities of the others by less than
0.05."""

NOTABLE = 0.1
"""The share of a part's directions without variance from which the fit reports it. A repeated
picture in a small pool leaves one direction empty, which is not worth reporting."""


@dataclass(frozen=True)
class Sample:
    """Facts about the images that a fit was made on.

    Attributes:
        images: How many there were.
        directions: By the name of a part (see `classic.PARTS`), how many directions so many
            images can have, and how many of them carry variance.
    """

    images: int
    directions: Mapping[str, tuple[int, int]]

    @property
    def lacking(self) -> float:
        """Return the share of directions without variance in the worst part, 0 to 1."""
        return max((_lacking(*pair) for pair in self.directions.values()), default=0.0)

    def sentence(self) -> str | None:
        """Describe how the sample is degenerate (few images, or directions without variance), or
        return None.
        """
        reasons = []
        if self.images < FEW:
            reasons.append(f"{_images(self.images)}, fewer than {FEW}")
        if self.lacking >= NOTABLE:
            reasons.append(self._empty_directions())
        return f"fitted on a degenerate sample: {'; '.join(reasons)}" if reasons else None

    def _empty_directions(self) -> str:
        possible, carrying = (sum(column) for column in zip(*self.directions.values(), strict=True))
        parts = ", ".join(
            f"{name} {all_ - some} of {all_}"
            for name, (all_, some) in self.directions.items()
            if all_ > some
        )
        return f"{possible - carrying} of {possible} directions have no variance ({parts})"


def folders(folder: Path, name: str) -> list[Path]:
    """Return the folders of all fits of that name under `encoders/`, incomplete ones included."""
    return sorted(folder.glob(f"{name}-*"))


def newest(folder: Path, name: str) -> Path | None:
    """Return the folder of the latest complete fit of that name under `encoders/`, or None."""
    headers = folder.glob(f"{name}-*/{HEADER}")
    latest = max(headers, key=lambda path: atomic.read_json(path)["fitted_at"], default=None)
    return latest.parent if latest else None


def sample_of(header: Mapping[str, Any]) -> Sample:
    """Return the sample that the header of a fit describes; headers of 2026-11 lack directions."""
    pairs = header.get("directions", {}).items()
    return Sample(header["images"], {name: (pair[0], pair[1]) for name, pair in pairs})


def sample(folder: Path, name: str) -> Sample | None:
    """Return the sample of the newest fit of that name under `folder`; None if there is no fit."""
    fit = newest(folder, name)
    return sample_of(atomic.read_json(fit / HEADER)) if fit else None


def behind(folder: Path, identity: Mapping[str, Any]) -> Sample | None:
    """Return the sample of the fit under `folder` that is part of the encoder with this identity,
    or None.

    Args:
        folder: A project's `encoders/`.
        identity: See `protocol.Encoder.identity`.
    """
    sha256 = identity.get("fit") or identity.get("parts", {}).get("classic", {}).get("fit")
    headers = (atomic.read_json(path) for path in folder.glob(f"classic-*/{HEADER}"))
    return next((sample_of(h) for h in headers if sha256 and h["sha256"] == sha256), None)


def _lacking(possible: int, carrying: int) -> float:
    return (possible - carrying) / possible if possible else 0.0


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"
