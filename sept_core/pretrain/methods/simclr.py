"""SimCLR (Chen et al. 2020): two views of an image attract, all others in the batch repel.

In: two batches of views. Out: the loss and the backbone's features of the first view.
"""

import torch
from lightly.loss import DCLLoss, NTXentLoss
from lightly.models.modules.heads import SimCLRProjectionHead
from torch import Tensor, nn

from sept_core.pretrain.methods.method import Method
from sept_core.pretrain.settings import PretrainSettings


class SimCLR(Method):
    """A backbone, a projection head, and the contrastive loss within the batch."""

    views = 2

    def __init__(self, backbone: nn.Module, dim: int, settings: PretrainSettings) -> None:
        super().__init__(backbone, dim, settings)
        self.head = SimCLRProjectionHead(dim, dim, 128)
        loss = DCLLoss if settings.decoupled else NTXentLoss
        self.criterion = loss(temperature=settings.temperature, gather_distributed=True)

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map two batches (B, 3, H, W) to the loss and the first's features (B, D).

        Both views go through the network as one batch, so that batch norm sees the same
        statistics for both and cannot tell them apart.
        """
        features = self.backbone(torch.cat(views))
        first, second = self.head(features).float().chunk(2)
        with torch.autocast(first.device.type, enabled=False):  # small differences matter
            loss = self.criterion(first, second)
        return loss, features[: len(first)]
