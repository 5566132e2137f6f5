"""LeJEPA (Balestriero & LeCun 2025): equal views, and embeddings distributed like a Gaussian.

In: two batches of views. Out: the loss and the backbone's features of the first view. There is no
slow copy and no temperature, and the loss falls as the accuracy rises. All views are global ones.
"""

import torch
from lightly.loss.lejepa_loss import SIGReg, lejepa_invariance_loss
from lightly.models.modules.heads import LeJEPAProjectionHead
from torch import Tensor, nn

from sept_core.pretrain.methods.method import Method
from sept_core.pretrain.settings import PretrainSettings

SIZE = 64
"""Length of an embedding."""
SLICES = 256
"""Random directions of a step, as in the authors' short version: their 1,024 cost a CPU more time
than a small backbone does."""
WEIGHT = 0.05
"""Share of the Gaussian term, as in the reference implementation."""


class LeJEPA(Method):
    """A backbone, a projection head, and two terms: equal views and a sketched normality test."""

    views = 2

    def __init__(self, backbone: nn.Module, dim: int, settings: PretrainSettings) -> None:
        super().__init__(backbone, dim, settings)
        self.head = LeJEPAProjectionHead(dim, min(2048, 8 * dim), SIZE)
        self.gaussian = SIGReg(num_vectors=SLICES, gather_distributed=True)

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map two batches (B, 3, H, W) to the loss and the first's features (B, D)."""
        features = self.backbone(torch.cat(views))
        embedded = torch.stack(self.head(features).float().chunk(len(views)))
        with torch.autocast(features.device.type, enabled=False):  # small differences matter
            apart = lejepa_invariance_loss(all_proj=embedded, global_proj=embedded)
            loss = WEIGHT * self.gaussian(embedded) + (1 - WEIGHT) * apart
        return loss, features[: len(views[0])]
