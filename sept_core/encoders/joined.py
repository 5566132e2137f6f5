"""The encoder `bundled+classic`: the vectors of `bundled` and `classic` side by side.

In: the newest fit of `classic` and the network that ships with SEPT. Out: unit vectors, in which
the parts are weighted.
"""

import dataclasses
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from sept_core.encoders import bundled, classic, numerics
from sept_core.encoders.families import Facts, Kind, Spec
from sept_core.encoders.protocol import Encoder, encoder_id

NAME = "bundled+classic"
WEIGHTS = {"bundled": 1.0, "classic": 1.75}
"""Of the two parts, each of unit length before (benchmarks/encoders.py)."""


class JoinedEncoder:
    """Several encoders of the same images as one: their vectors weighted and put side by side."""

    spec = NAME
    kind: Kind = "self-supervised"
    image_size = classic.ClassicEncoder.image_size

    def __init__(self, parts: dict[str, Encoder]) -> None:
        """The names of the parts are those of `WEIGHTS`."""
        self.parts = parts
        self.dim = sum(part.dim for part in parts.values())
        self.precision = parts["bundled"].precision
        known = {name: part.identity() for name, part in parts.items()}
        self._identity = {"encoder": NAME, "parts": known, "weights": WEIGHTS}
        self.id = encoder_id("bundled-classic", self._identity)

    def identity(self) -> dict[str, Any]:
        """See `protocol.Encoder`."""
        return dict(self._identity)

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """The whole image squashed to 64×64."""
        return classic.preprocess(image)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """See `protocol.Encoder`."""
        rows = [WEIGHTS[name] * part.encode(batch) for name, part in self.parts.items()]
        return numerics.unit(torch.cat(rows, 1))


def load(spec: Spec, folder: Path, device: str, precision: str) -> JoinedEncoder:
    """Build both parts; see `registry.load`.

    Raises:
        EncoderError: `classic` is not fitted yet.
    """
    network = bundled.load(Spec("bundled", "bundled"), folder, device, precision)
    fitted = classic.load(Spec("classic", "classic"), folder, device, precision)
    return JoinedEncoder({"bundled": network, "classic": fitted})


def describe(spec: Spec) -> Facts:
    """See `registry.describe`."""
    parts = bundled.describe(spec), classic.describe(spec)
    return dataclasses.replace(parts[0], dim=sum(part.dim for part in parts))
