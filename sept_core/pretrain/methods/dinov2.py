"""DINO with KoLeo and iBOT, the recipe of DINOv2 (Oquab et al. 2023), two global views.

In: two batches of views. Out: the loss and the student backbone's features of the first view. Each
image has one view with hidden patches: the student predicts the teacher's prototypes of the other
view (DINO) and those of the hidden patches (iBOT), and features are spread apart (KoLeo). Only for
vision transformers. Local crops of another size are omitted: the loop makes all views of one size.
"""

import copy
import math

import torch
import torch.distributed as dist
from lightly.loss import DINOLoss, IBOTPatchLoss, KoLeoLoss
from lightly.models.modules.center import Center, center_momentum
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.utils import dist as processes
from torch import Tensor, nn

from sept_core.pretrain.methods import dino, transformers
from sept_core.pretrain.methods.method import Method
from sept_core.pretrain.settings import PretrainSettings

MASKED = (0.1, 0.5)
"""Least and greatest share of a view's patches that are hidden."""
ASPECT = 3.3
"""Greatest ratio of the sides of a hidden block."""
SPREAD = 0.1
"""Weight of KoLeo for each view."""


class DINOv2(Method):
    """A student that sees hidden patches, its slow copy that sees all, two heads, three losses."""

    views = 2

    def __init__(self, backbone: nn.Module, dim: int, settings: PretrainSettings) -> None:
        """Add a mask token, heads for images and patches, and the slow copies.

        Raises:
            InputError: the backbone is not a vision transformer.
        """
        super().__init__(backbone, dim, settings)
        self.masked = transformers.masked(backbone, settings)
        nn.init.normal_(self.masked.mask_token, std=0.02)
        self.slow_backbone = copy.deepcopy(self.masked.vit)
        self.head, self.slow_head = dino.heads(dim)
        self.patch_head, self.slow_patch_head = dino.heads(dim)
        deactivate_requires_grad(self.slow_backbone)
        self.ema = settings.ema
        self.images = DINOLoss(dino.PROTOTYPES)
        self.patches = IBOTPatchLoss(dino.PROTOTYPES)
        self.patches.center = _Center(size=(1, dino.PROTOTYPES))
        self.spread = KoLeoLoss()

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map two batches (B, 3, H, W) to the loss and the first's features (B, D)."""
        both = torch.cat(views)
        prefix = int(self.masked.vit.num_prefix_tokens)
        hidden = hidden_patches(len(views[0]), self.masked.vit.patch_embed.grid_size, both.device)
        seen = self.masked.encode(both, mask=nn.functional.pad(hidden.flatten(1), (prefix, 0)))
        features = self.masked.vit.forward_head(seen)
        student = self.head(features).float()
        guessed = self.patch_head(seen[:, prefix:][hidden.flatten(1)]).float()
        with torch.no_grad():
            whole = self.slow_backbone.forward_features(both)
            teacher = self.slow_head(self.slow_backbone.forward_head(whole)).float()
            wanted = self.slow_patch_head(whole[:, prefix:][hidden.flatten(1)]).float()
        with torch.autocast(both.device.type, enabled=False):  # small differences matter
            loss = self.images(list(teacher.chunk(2)), list(student.chunk(2)))
            loss = loss + self.patches(wanted, guessed, hidden)
            for part in features.float().chunk(2):
                loss = loss + SPREAD * self.spread(_of_all(part))
        return loss, features[: len(views[0])]

    def after_step(self) -> None:
        """Update the teacher towards the student."""
        update_momentum(self.backbone, self.slow_backbone, self.ema)
        update_momentum(self.head, self.slow_head, self.ema)
        update_momentum(self.patch_head, self.slow_patch_head, self.ema)


def hidden_patches(count: int, grid: tuple[int, int], device: torch.device) -> Tensor:
    """Draw (2 · count, H, W) bool: in one of the two views of each image a rectangle of patches.

    The numbers are drawn for the images of all processes, so that the masks do not depend on the
    division of the work.
    """
    world, rank = processes.world_size(), processes.rank()
    drawn = torch.rand(world * count, 5, device=device)
    if world > 1:
        dist.broadcast(drawn, 0)
    share, aspect, top, left, side = drawn[rank * count : (rank + 1) * count].T
    height, width = grid
    area = (MASKED[0] + share * (MASKED[1] - MASKED[0])) * height * width
    ratio = torch.exp((2 * aspect - 1) * math.log(ASPECT))
    tall = (area * ratio).sqrt().round().clamp(1, height)
    wide = (area / tall).round().clamp(1, width)
    rows = _between(top, tall, height)[:, :, None]
    columns = _between(left, wide, width)[:, None, :]
    block, first = rows & columns, (side < 0.5)[:, None, None]
    return torch.cat([block & first, block & ~first])


def _between(place: Tensor, length: Tensor, whole: int) -> Tensor:
    """Return (n, whole) bool: a stretch of each length, at a place in 0..1 of where it fits."""
    start = (place * (whole - length + 1)).floor().clamp(max=whole - length)[:, None]
    at = torch.arange(whole, device=place.device)
    return (at >= start) & (at < start + length[:, None])


def _of_all(rows: Tensor) -> Tensor:
    """Return the rows (n, D) of all processes, with gradients."""
    return torch.cat(processes.gather(rows)) if processes.world_size() > 1 else rows


class _Center(Center):  # type: ignore[misc]
    """Mean of the teacher's patches over all processes, which hide different numbers of them."""

    center: Tensor

    @torch.no_grad()
    def update(self, x: Tensor) -> None:
        total = torch.cat([x.sum(0), x.new_tensor([len(x)])])
        if processes.world_size() > 1:
            dist.all_reduce(total)
        mean = total[:-1] / total[-1]
        self.center = center_momentum(
            center=self.center, batch_center=mean[None], momentum=self.momentum
        )
