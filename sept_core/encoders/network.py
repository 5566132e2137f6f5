"""The encoder that all trained networks share: normalise, run, scale to unit length.

In: a network, its own evaluation transform without normalisation, its mean and std.
Out: an `Encoder`. `openclip`, `timm_models` and `checkpoint` differ in how they get there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import nn

from sept_core.encoders import numerics
from sept_core.encoders.families import Kind
from sept_core.encoders.protocol import encoder_id


@dataclass(frozen=True)
class Preprocessing:
    """The conversion of an image to the network's input.

    Attributes:
        transform: PIL image → (3, H, W) uint8 tensor.
        mean, std: Per channel, for pixel values in 0..1; applied on the device.
        image_size: Side in pixels of the transform's output.
        description: JSON that determines `transform`, for the identity.
    """

    transform: Callable[[Image.Image], torch.Tensor]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    image_size: int
    description: dict[str, Any]


class NetworkEncoder:
    """An `Encoder` around a trained network."""

    def __init__(
        self,
        network: nn.Module,
        preprocessing: Preprocessing,
        *,
        spec: str,
        name: str,
        kind: Kind,
        dim: int,
        weights: str,
        device: str,
        precision: str,
    ) -> None:
        """Put `network` on its device.

        Args:
            network: Maps normalised (B, 3, H, W) images to (B, dim) features.
            preprocessing: What the network was trained to see.
            spec: What the user typed.
            name: Begins the id, as "timm-resnet50.a1_in1k".
            kind: How the network was trained.
            dim: Length of its features.
            weights: SHA-256 of the weights' file; the path does not matter.
            device: See `numerics.choose_device`.
            precision: See `numerics.choose_precision`.
        """
        self.spec, self.kind, self.dim = spec, kind, dim
        self.image_size = preprocessing.image_size
        self.device = numerics.choose_device(device)
        self.precision = numerics.choose_precision(precision, self.device)
        self.network = numerics.prepare(network, self.device, self.precision)
        self._preprocessing = preprocessing
        self.mean, self.std = preprocessing.mean, preprocessing.std
        self._mean = torch.tensor(preprocessing.mean, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(preprocessing.std, device=self.device).view(1, 3, 1, 1)
        self._identity = {
            "encoder": name,
            "weights": weights,
            "preprocessing": preprocessing.description
            | {"mean": list(preprocessing.mean), "std": list(preprocessing.std)},
            "precision": self.precision,
        }
        self.id = encoder_id(name, self._identity)

    def identity(self) -> dict[str, Any]:
        """See `protocol.Encoder`."""
        return dict(self._identity)

    def trainable(self) -> nn.Module:
        """The image network with gradients; it maps normalised (B, 3, H, W) to (B, dim)."""
        return self.network.requires_grad_(True)

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """See `protocol.Encoder`."""
        return self._preprocessing.transform(image)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """See `protocol.Encoder`."""
        pixels = batch.to(self.device, non_blocking=True).float().div_(255)
        return self._unit(self._features, pixels.sub_(self._mean).div_(self._std))

    def _features(self, pixels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.network(pixels)
        return features

    def _unit(
        self, forward: Callable[[torch.Tensor], torch.Tensor], batch: torch.Tensor
    ) -> torch.Tensor:
        features = numerics.run(forward, batch, self.precision)
        return numerics.unit(features).cpu()
