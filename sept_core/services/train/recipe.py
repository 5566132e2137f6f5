"""Recipe of a pre-training: the user's choices; everything else follows from the subset.

In: a method, a backbone and the settings that differ from the defaults. Out: a `Recipe`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sept_core.pretrain.launch import HERE, Launch

_NAMED = ("steps", "epochs", "batch_size", "image_size", "seed", "init")


@dataclass(frozen=True)
class Recipe:
    """A pre-training; None means the default for the subset.

    Attributes:
        method: moco, simclr, byol, simsiam, barlow-twins, vicreg, dino, dinov2, lejepa, distil or
            mae.
        backbone: a timm model, or resnet10-narrow or resnet10-tiny for CPUs.
        steps: optimiser steps.
        epochs: instead of steps.
        batch_size: images per step.
        image_size: side of the views in pixels.
        seed: random seed.
        init: start from a checkpoint's folder, timm (its published weights) or timm@/path/FILE.
        more: further settings by name; see `sept_core.pretrain.settings.PretrainSettings`.
        where: number of processes, and what starts them.
    """

    method: str = "moco"
    backbone: str = "resnet18"
    steps: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    image_size: int | None = None
    seed: int = 0
    init: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    where: Launch = HERE

    def changes(self) -> dict[str, Any]:
        """Return the chosen settings by name; see `pretraining.plan`."""
        named = {name: getattr(self, name) for name in _NAMED}
        return {name: value for name, value in named.items() if value is not None} | {**self.more}


DEFAULT = Recipe()
"""Recipe with the defaults for the subset."""
