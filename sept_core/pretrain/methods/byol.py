"""BYOL (Grill et al. 2020): predict the slow copy's projection of the other view; no negatives.

In: two batches of views. Out: the loss and the online backbone's features of the first view.
"""

import copy

import torch
from lightly.loss import NegativeCosineSimilarity
from lightly.models.modules.heads import BYOLPredictionHead, BYOLProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from torch import Tensor, nn

from sept_core.pretrain.methods.method import Method
from sept_core.pretrain.settings import PretrainSettings

SIZE = 256


class BYOL(Method):
    """An online network with a predictor, and its exponential moving average as the target."""

    views = 2

    def __init__(self, backbone: nn.Module, dim: int, settings: PretrainSettings) -> None:
        super().__init__(backbone, dim, settings)
        hidden = min(4096, 8 * dim)  # the paper's 4096 suits ResNet-50's 2048 features
        self.head = BYOLProjectionHead(dim, hidden, SIZE)
        self.predictor = BYOLPredictionHead(SIZE, hidden, SIZE)
        self.slow_backbone = copy.deepcopy(backbone)
        self.slow_head = copy.deepcopy(self.head)
        deactivate_requires_grad(self.slow_backbone)
        deactivate_requires_grad(self.slow_head)
        self.ema = settings.ema
        self.criterion = NegativeCosineSimilarity()

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map two batches (B, 3, H, W) to the loss (at best −1) and the first's features (B, D)."""
        features = self.backbone(torch.cat(views))
        predicted = self.predictor(self.head(features)).float()
        with torch.no_grad():
            wanted = self.slow_head(self.slow_backbone(torch.cat(views[::-1]))).float()
        with torch.autocast(predicted.device.type, enabled=False):  # small differences matter
            loss = self.criterion(predicted, wanted)
        return loss, features[: len(views[0])]

    def after_step(self) -> None:
        """Update the target network towards the online network."""
        update_momentum(self.backbone, self.slow_backbone, self.ema)
        update_momentum(self.head, self.slow_head, self.ema)
