"""Distillation: the student's features follow those of a frozen teacher, any encoder of SEPT's.

In: one batch of views. Out: the loss and the backbone's features. Both networks see the same view.
The loss compares similarities to the teacher's features of the batch, as SEED (Fang et al. 2021)
does with a queue: what all features have in common cancels out, and the teacher may have any length
of features.
"""

import torch
from lightly.utils import dist as processes
from torch import Tensor, nn
from torch.nn import functional as F

from sept_core.pretrain.methods.method import Method
from sept_core.pretrain.settings import PretrainSettings
from sept_core.pretrain.teachers import Teacher


class Distillation(Method):
    """A backbone and a linear map to the teacher's features; the teacher is no part of it."""

    views = 1

    def __init__(
        self, backbone: nn.Module, dim: int, settings: PretrainSettings, teacher: Teacher
    ) -> None:
        super().__init__(backbone, dim, settings)
        self.teacher = teacher
        self.head = nn.Linear(dim, teacher.dim)
        self.temperature = settings.temperature

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map one batch (B, 3, H, W) to the loss (at best 0) and the features (B, D)."""
        (images,) = views
        features = self.backbone(images)
        student = F.normalize(self.head(features).float())
        wanted = self.teacher.features(images)
        with torch.autocast(features.device.type, enabled=False), torch.no_grad():
            everyones = wanted
            if processes.world_size() > 1:
                everyones = torch.cat(processes.gather(wanted))
            told = (wanted @ everyones.T / self.temperature).log_softmax(1)
        with torch.autocast(features.device.type, enabled=False):  # small differences matter
            seen = (student @ everyones.T / self.temperature).log_softmax(1)
            loss = F.kl_div(seen, told, reduction="batchmean", log_target=True)
        return loss, features
