"""VICReg (Bardes et al. 2022): invariant views, features with variance and without covariance.

In: two batches of views. Out: the loss and the backbone's features of the first view.
"""

import torch
from lightly.loss import VICRegLoss
from lightly.models.modules.heads import VICRegProjectionHead
from torch import Tensor, nn

from sept_core.pretrain.methods.method import Method
from sept_core.pretrain.settings import PretrainSettings


class VICReg(Method):
    """A backbone, a wide projection head, and three terms: invariance, variance, covariance."""

    views = 2

    def __init__(self, backbone: nn.Module, dim: int, settings: PretrainSettings) -> None:
        super().__init__(backbone, dim, settings)
        size = min(8192, 4 * dim)  # the paper's 8192 suits ResNet-50's 2048 features
        self.head = VICRegProjectionHead(dim, size, size)
        self.criterion = VICRegLoss(gather_distributed=True)

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map two batches (B, 3, H, W) to the loss and the first's features (B, D)."""
        features = self.backbone(torch.cat(views))
        first, second = self.head(features).float().chunk(2)
        with torch.autocast(first.device.type, enabled=False):  # small differences matter
            loss = self.criterion(first, second)
        return loss, features[: len(first)]
