"""Cost of one image of a training step, in floating-point operations.

In: a backbone and settings. Out: a count, made by torch on a tiny batch: the same on every machine.
"""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sept_core.pretrain import state as states
from sept_core.pretrain.settings import PretrainSettings
from sept_core.pretrain.teachers import Teacher

BATCH = 4


def per_image(
    backbone: nn.Module, settings: PretrainSettings, teacher: Teacher | None = None
) -> float:
    """Count multiplications and additions of convolutions and matrix products, over all views.

    Forward and backward, and the teacher of a distillation; losses over pairs are counted at a tiny
    batch, where they are negligible.

    Args:
        backbone: newly built; its running statistics change.
        settings: settings of the run.
        teacher: of a distillation.
    """
    cpu = torch.device("cpu")
    method = states.create(backbone, settings, cpu, "fp32", teacher=teacher).method.train()
    side = settings.image_size
    views = [torch.randn(BATCH, 3, side, side) for _ in range(method.views)]
    with FlopCounterMode(display=False) as counter:
        loss, _ = method(views)
        loss.backward()
    return float(counter.get_total_flops()) / BATCH
