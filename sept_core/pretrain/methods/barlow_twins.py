"""Barlow Twins (Zbontar et al. 2021): decorrelate features across the two views.

In: two batches of views. Out: the loss and the backbone's features of the first view.
"""

import torch
from lightly.loss import BarlowTwinsLoss
from lightly.models.modules.heads import BarlowTwinsProjectionHead
from torch import Tensor, nn

from sept_core.pretrain.methods.method import Method
from sept_core.pretrain.settings import PretrainSettings


class BarlowTwins(Method):
    """A backbone, a wide projection head, and a cross-correlation driven towards the identity."""

    views = 2

    def __init__(self, backbone: nn.Module, dim: int, settings: PretrainSettings) -> None:
        super().__init__(backbone, dim, settings)
        size = min(8192, 4 * dim)  # the paper's 8192 suits ResNet-50's 2048 features
        self.head = BarlowTwinsProjectionHead(dim, size, size)
        self.criterion = BarlowTwinsLoss(lambda_param=5e-3, gather_distributed=True)

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Two batches (B, 3, H, W) to the loss and the first's features (B, D)."""
        features = self.backbone(torch.cat(views))
        first, second = self.head(features).float().chunk(2)
        with torch.autocast(first.device.type, enabled=False):  # small differences matter
            # Summed over size² entries; per feature it stays on the scale of other methods.
            loss = self.criterion(first, second) / first.shape[1]
        return loss, features[: len(first)]
