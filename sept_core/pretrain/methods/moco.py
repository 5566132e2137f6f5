"""MoCo v2 (Chen et al. 2020), symmetric: keys come from a slow copy, negatives from a queue.

In: two batches of views. Out: the loss and the query backbone's features of the first view.
"""

import copy

import torch
from lightly.loss import NTXentLoss
from lightly.models.modules.heads import MoCoProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from torch import Tensor, nn

from sept_core.pretrain.methods.method import Method
from sept_core.pretrain.settings import PretrainSettings

KEY_SIZE = 128


class MoCo(Method):
    """A query network, its exponential moving average for keys, and a queue of past keys."""

    views = 2

    def __init__(self, backbone: nn.Module, dim: int, settings: PretrainSettings) -> None:
        super().__init__(backbone, dim, settings)
        self.head = MoCoProjectionHead(dim, dim, KEY_SIZE)
        self.key_backbone = copy.deepcopy(backbone)
        self.key_head = copy.deepcopy(self.head)
        deactivate_requires_grad(self.key_backbone)
        deactivate_requires_grad(self.key_head)
        self.ema = settings.ema
        self.criterion = NTXentLoss(
            settings.temperature, (settings.queue, KEY_SIZE), gather_distributed=True
        )

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map two batches (B, 3, H, W) to the loss and the first's features (B, D).

        Each view is once query and once key. Both directions use the queue in one call: with two
        calls, the second would find its own image's new key among the negatives.
        """
        features = self.backbone(torch.cat(views))
        queries = self.head(features).float()
        with torch.no_grad():
            keys = self.key_head(self.key_backbone(torch.cat(views[::-1]))).float()
        with torch.autocast(queries.device.type, enabled=False):  # small differences matter
            loss = self.criterion(queries, keys)
        return loss, features[: len(views[0])]

    def after_step(self) -> None:
        """Update the key network towards the query network."""
        update_momentum(self.backbone, self.key_backbone, self.ema)
        update_momentum(self.head, self.key_head, self.ema)
