"""The protocol of all encoders, and how their features are named.

In: RGB images. Out: unit vectors. `registry` builds encoders; everything else in the
project knows them only through `Encoder`.
"""

import re
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from PIL import Image

from sept_core.encoders.families import Kind
from sept_core.storage import hashing

DECODED_SIDES = 2
"""Images are decoded at this many times an encoder's side at least: a JPEG of a large photograph at
half its size or less, which including resizing takes about six tenths of the time (docs/log.md).
Pillow calls this a `reducing_gap` of 2."""


class Encoder(Protocol):
    """Turns images into unit vectors; safe to call from several threads.

    Attributes:
        id: Names the features this encoder makes; usable as a folder name.
        spec: What the user typed, see `registry`.
        kind: How it was trained.
        dim: Length D of a vector.
        image_size: Side in pixels of what `encode` takes.
        precision: One of `numerics.PRECISIONS`; a part of the identity.
    """

    id: str
    spec: str
    kind: Kind
    dim: int
    image_size: int
    precision: str

    def identity(self) -> dict[str, Any]:
        """JSON of everything that changes the features; `id` ends in its fingerprint."""
        ...

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """One RGB image of any size → (3, H, W) uint8, resized and cropped as trained."""
        ...

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) uint8 on the CPU → (B, D) float32 on the CPU, rows of unit length."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """An image-text encoder, which can also be queried with text."""

    def encode_text(self, texts: Sequence[str]) -> torch.Tensor:
        """n texts → (n, D) float32 on the CPU, unit rows in the space of the images."""
        ...


def encoder_id(name: str, identity: dict[str, Any]) -> str:
    """A folder-safe name: `name`, shortened, and the fingerprint of `identity` and decoding."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:54]
    return f"{slug}-{hashing.fingerprint([identity, DECODED_SIDES])[:8]}"
