"""The encoder `classic`: needs no weights and no network, only a fit to the pool.

In: the fit that `classic_fit` wrote, a folder `classic-FINGERPRINT/` with `classic.safetensors`
and, written last, `fit.json`; then any image. Out: unit vectors that join patch codes, edges and
colours (see `handmade`), each reduced by PCA.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from PIL import Image
from torch.nn import functional as F
from torchvision.transforms.functional import pil_to_tensor

from sept_core import errors
from sept_core.encoders import fits, handmade, numerics
from sept_core.encoders.families import Facts, Kind, Spec
from sept_core.encoders.protocol import encoder_id
from sept_core.storage import atomic

VERSION = 1
"""Raised when the same fit would give other features."""

CHUNK = 8
"""Images encoded at a time on a CPU, so that what is made of them stays in its cache."""


@dataclass(frozen=True)
class Part:
    """One family of features in the joined vector.

    Attributes:
        dim: Directions that PCA keeps.
        power: Exponent of each direction's eigenvalue; −0.5 would whiten, 0 is plain PCA. The best
            lies between (docs/method.md §7).
        weight: Of the part, which is scaled to unit length before.
    """

    dim: int
    power: float
    weight: float


PARTS = {
    "fine": Part(dim=224, power=-0.35, weight=1.0),
    "coarse": Part(dim=128, power=-0.35, weight=0.7),
    "edges": Part(dim=112, power=-0.25, weight=0.9),
    "colours": Part(dim=48, power=-0.15, weight=0.4),
}
GRIDS = {"fine": handmade.FINE, "coarse": handmade.COARSE}


class ClassicEncoder:
    """See `protocol.Encoder`. Computes in fp32 everywhere: it is cheap enough."""

    spec = "classic"
    kind: Kind = "hand-made"
    image_size = handmade.SIZE
    precision = "fp32"

    def __init__(self, fitted: Mapping[str, torch.Tensor], fit: str, device: str) -> None:
        """Put the tensors of a fit, whose SHA-256 is `fit`, on a device."""
        self.device = numerics.choose_device(device)
        self._fitted = {key: value.to(self.device) for key, value in fitted.items()}
        self.dim = sum(fitted[f"{name}.projection"].shape[1] for name in PARTS)
        weights = {name: part.weight for name, part in PARTS.items()}
        self._identity = {"encoder": "classic", "version": VERSION, "fit": fit, "weights": weights}
        self.id = encoder_id("classic", self._identity)

    def identity(self) -> dict[str, Any]:
        """See `protocol.Encoder`."""
        return dict(self._identity)

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """The whole image squashed to 64×64."""
        return preprocess(image)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """See `protocol.Encoder`."""
        with torch.inference_mode():
            raw = raw_features(batch.to(self.device), self._fitted)
            joined = [part.weight * self._reduce(name, raw[name]) for name, part in PARTS.items()]
            return numerics.unit(torch.cat(joined, 1)).cpu()

    def _reduce(self, name: str, rows: torch.Tensor) -> torch.Tensor:
        centred = rows - self._fitted[f"{name}.mean"]
        return F.normalize(centred @ self._fitted[f"{name}.projection"])


def load(spec: Spec, folder: Path, device: str, precision: str) -> ClassicEncoder:
    """Build the encoder of the newest fit under `folder`; see `registry.load`.

    Raises:
        EncoderError: there is none.
        IntegrityError: its tensors are not those that were fitted.
    """
    fit_folder = fits.newest(folder, spec.family)
    if fit_folder is None:
        raise errors.EncoderError(
            f"The encoder classic has not been fitted in {folder}; embed the pool with it first."
        )
    header = atomic.read_json(fit_folder / fits.HEADER)
    weights = fit_folder / fits.WEIGHTS
    if atomic.sha256_file(weights) != header["sha256"]:
        raise errors.IntegrityError(f"{weights} is damaged; remove {fit_folder} and embed again.")
    return ClassicEncoder(safetensors.torch.load_file(weights), header["sha256"], device)


def describe(spec: Spec) -> Facts:
    """See `registry.describe`."""
    dim = sum(part.dim for part in PARTS.values())
    return Facts(ClassicEncoder.kind, dim, handmade.SIZE, licence="MIT")


def preprocess(image: Image.Image) -> torch.Tensor:
    """An RGB image of any size → (3, 64, 64) uint8."""
    # Box-reducing first to twice the size is as good as bicubic all the way, and fast.
    small = image.resize((handmade.SIZE, handmade.SIZE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    pixels: torch.Tensor = pil_to_tensor(small)
    return pixels


def raw_features(
    pixels: torch.Tensor, fitted: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Return every part's features before reduction.

    Args:
        pixels: (B, 3, 64, 64) uint8.
        fitted: Of each grid the filters and thresholds.

    Returns:
        By the name of a part (B, its width) float32.
    """
    chunk = CHUNK if pixels.device.type == "cpu" else len(pixels)
    parts = [_raw_chunk(images.float(), fitted) for images in torch.split(pixels, chunk)]
    return {name: torch.cat([part[name] for part in parts]) for name in PARTS}


def _raw_chunk(pixels: torch.Tensor, fitted: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    codes = {
        name: handmade.patch_codes(
            pixels, grid, fitted[f"{name}.filters"], fitted[f"{name}.thresholds"]
        )
        for name, grid in GRIDS.items()
    }
    return codes | {
        "edges": handmade.edge_histograms(pixels),
        "colours": handmade.colour_histograms(pixels),
    }
