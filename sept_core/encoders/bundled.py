"""The encoder `bundled`: a small self-supervised network that ships with SEPT.

In: `assets/bundled/`, a checkpoint of ours (see `checkpoint`) with a `reduction.safetensors` next
to it; its CARD.md states its training data and its accuracy. Out: unit vectors. Features are
averaged over the image and its mirror image, centred, turned into principal directions and damped
by their eigenvalues.
"""

from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from sept_core.encoders import checkpoint, classic, numerics
from sept_core.encoders.families import Facts, Kind, Spec
from sept_core.encoders.protocol import encoder_id
from sept_core.storage import app_files, atomic, hashing

FOLDER = app_files.assets() / "bundled"
REDUCTION = "reduction.safetensors"
DIM, POWER = 192, -0.35
"""Directions kept, and the power of their eigenvalues: −0.5 would whiten (docs/method.md §7)."""


class BundledEncoder:
    """See `protocol.Encoder`."""

    spec = "bundled"
    kind: Kind = "self-supervised"
    image_size = classic.ClassicEncoder.image_size
    """Images come as to `classic`, so that both can share one; the network sees fewer pixels."""

    def __init__(
        self, network: nn.Module, card: dict[str, Any], reduction: dict[str, torch.Tensor],
        weights: str, device: str, precision: str,
    ) -> None:  # fmt: skip
        """Put the network on its device; `weights` names both files' content."""
        self.device = numerics.choose_device(device)
        self.precision = numerics.choose_precision(precision, self.device)
        self.network = numerics.prepare(network, self.device, self.precision)
        self.dim = reduction["projection"].shape[1]
        self._side = int(card["image_size"])
        self._mean, self._std = (
            torch.tensor(card[name], device=self.device).view(1, 3, 1, 1)
            for name in ("mean", "std")
        )
        self._reduction = {name: value.to(self.device) for name, value in reduction.items()}
        self._identity = {"encoder": "bundled", "weights": weights, "precision": self.precision}
        self.id = encoder_id("bundled", self._identity)

    def identity(self) -> dict[str, Any]:
        """See `protocol.Encoder`."""
        return dict(self._identity)

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """The whole image squashed to 64×64."""
        return classic.preprocess(image)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """See `protocol.Encoder`."""
        with torch.inference_mode():
            centred = self.raw(batch) - self._reduction["mean"]
            return numerics.unit(centred @ self._reduction["projection"]).cpu()

    def raw(self, batch: torch.Tensor) -> torch.Tensor:
        """Map (B, 3, 64, 64) uint8 to the network's unit-length features (B, F), on its device."""
        pixels = batch.to(self.device).float()
        small = F.interpolate(
            pixels, (self._side, self._side), mode="bilinear", antialias=True, align_corners=False
        )
        seen = (small / 255 - self._mean) / self._std
        with torch.inference_mode():
            both = numerics.run(self.network, torch.cat([seen, seen.flip(3)]), self.precision)
            return F.normalize(both[: len(batch)] + both[len(batch) :])


def principal(rows: torch.Tensor) -> dict[str, torch.Tensor]:
    """The reduction of raw features (n, F): their `mean` (F,) and `projection` (F, DIM)."""
    mean = rows.double().mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((rows.double() - mean).T))
    largest = values.argsort(descending=True)[:DIM]
    scaled = vectors[:, largest] * values[largest].clamp(min=1e-12) ** POWER
    return {"mean": mean.float(), "projection": scaled.float().contiguous()}


def load(spec: Spec, folder: Path, device: str, precision: str) -> BundledEncoder:
    """Build the encoder that ships with SEPT; see `registry.load`.

    Raises:
        EncoderError: the installation lacks its files.
    """
    network, card = checkpoint.load_backbone(FOLDER)
    names = (FOLDER / checkpoint.WEIGHTS, FOLDER / REDUCTION)
    weights = hashing.fingerprint([atomic.sha256_file(path) for path in names])
    reduction = safetensors.torch.load_file(FOLDER / REDUCTION)
    return BundledEncoder(network, card, reduction, weights, device, precision)


def describe(spec: Spec) -> Facts:
    """See `registry.describe`."""
    card = checkpoint.read_card(FOLDER)
    return Facts(
        kind=BundledEncoder.kind,
        dim=DIM,
        image_size=BundledEncoder.image_size,
        licence=card["licence"],
        parameters=checkpoint.describe(Spec("bundled", "checkpoint", path=FOLDER)).parameters,
    )
