"""The teacher of a distillation: a frozen encoder that sees the views of the training.

In: `settings.teacher`, a spec as in `encoders.registry`. Out: features of augmented views. The
encoder computes in the fastest precision of the device, bf16 where that is supported.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from sept_core.encoders import registry
from sept_core.encoders.protocol import Encoder
from sept_core.pretrain import augment
from sept_core.pretrain.methods import registry as methods
from sept_core.pretrain.settings import PretrainSettings


class Teacher:
    """An encoder, with views in place of images."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.dim = encoder.dim

    def features(self, views: Tensor) -> Tensor:
        """Map normalised views (B, 3, S, S) to the encoder's unit vectors (B, D), on their device.

        The views are rounded to 8 bits and resized to the encoder's side, which has seen such
        images only.
        """
        side, device = self.encoder.image_size, views.device
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            pixels = augment.pixels(views)
            if pixels.shape[2:] != (side, side):
                pixels = F.interpolate(pixels, (side, side), mode="bicubic", antialias=True)
            images = pixels.round().clamp(0, 255).to(torch.uint8)
            found = self.encoder.encode(images.to(getattr(self.encoder, "device", "cpu")))
        return found.to(device).clone()  # an inference tensor could not take part in a gradient


def load(settings: PretrainSettings, encoders_folder: Path) -> Teacher | None:
    """Load the teacher; None for a method without one.

    Args:
        settings: of the run.
        encoders_folder: the project's `encoders/`, which has the fits of fitted encoders.

    Raises:
        EncoderError: the encoder is unknown, or its weights or its fit are missing.
    """
    if "teacher" not in methods.find(settings.method).own:
        return None
    return Teacher(registry.load(settings.teacher, folder=encoders_folder))
