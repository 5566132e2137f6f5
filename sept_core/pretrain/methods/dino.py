"""DINO (Caron et al. 2021), two global views: match a slow, centred, sharpened teacher.

In: two batches of views. Out: the loss and the student backbone's features of the first view.
Local crops of another size are omitted: the loop makes all views of one size.
"""

import copy
import warnings

import torch
from lightly.loss import DINOLoss
from lightly.models.modules.heads import DINOProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from torch import Tensor, nn

from sept_core.pretrain.methods.method import Method
from sept_core.pretrain.settings import PretrainSettings

PROTOTYPES = 4096
"""Number of prototypes; the paper's 65,536 suit a million images, small subsets would leave most
unused.
    """


class DINO(Method):
    """A student, its exponential moving average as the teacher, and soft prototypes."""

    views = 2

    def __init__(self, backbone: nn.Module, dim: int, settings: PretrainSettings) -> None:
        super().__init__(backbone, dim, settings)
        self.slow_backbone = copy.deepcopy(backbone)
        self.head, self.slow_head = heads(dim)
        deactivate_requires_grad(self.slow_backbone)
        self.ema = settings.ema
        self.criterion = DINOLoss(PROTOTYPES)

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map two batches (B, 3, H, W) to the loss and the first's features (B, D)."""
        features = self.backbone(torch.cat(views))
        student = self.head(features).float().chunk(2)
        with torch.no_grad():
            teacher = self.slow_head(self.slow_backbone(torch.cat(views))).float().chunk(2)
        with torch.autocast(features.device.type, enabled=False):  # small differences matter
            loss = self.criterion(list(teacher), list(student))
        return loss, features[: len(views[0])]

    def after_step(self) -> None:
        """Update the teacher towards the student."""
        update_momentum(self.backbone, self.slow_backbone, self.ema)
        update_momentum(self.head, self.slow_head, self.ema)


def heads(dim: int) -> tuple[DINOProjectionHead, DINOProjectionHead]:
    """Return a student's head and its slow copy, which takes no gradient."""
    head, slow = _head(dim), _head(dim)
    slow.load_state_dict(head.state_dict())  # deepcopy cannot copy weight_norm's tensors
    deactivate_requires_grad(slow)
    return head, slow


def _head(dim: int) -> DINOProjectionHead:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*weight_norm", FutureWarning)  # raised in lightly
        return DINOProjectionHead(dim, min(2048, 4 * dim), 256, PROTOTYPES)
