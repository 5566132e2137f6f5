"""SimSiam (Chen & He 2021): predict the other view's projection, without gradient through it.

In: two batches of views. Out: the loss and the backbone's features of the first view.
"""

import torch
from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules.heads import SimSiamPredictionHead, SimSiamProjectionHead
from torch import Tensor, nn

from sept_core.pretrain.methods.method import Method
from sept_core.pretrain.settings import PretrainSettings


class SimSiam(Method):
    """One network, a predictor, and a stopped gradient in place of negatives or a slow copy."""

    views = 2

    def __init__(self, backbone: nn.Module, dim: int, settings: PretrainSettings) -> None:
        super().__init__(backbone, dim, settings)
        size = min(2048, 4 * dim)  # the paper's 2048 suits ResNet-50's 2048 features
        self.head = SimSiamProjectionHead(dim, size, size)
        self.predictor = SimSiamPredictionHead(size, size // 4, size)
        self.criterion = NegativeCosineSimilarity()

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map two batches (B, 3, H, W) to the loss (at best −1) and the first's features (B, D)."""
        features = self.backbone(torch.cat(views))
        projected = self.head(features)
        predicted = self.predictor(projected).float()
        first, second = projected.detach().float().chunk(2)
        with torch.autocast(predicted.device.type, enabled=False):  # small differences matter
            loss = self.criterion(predicted, torch.cat([second, first]))
        return loss, features[: len(views[0])]
