"""Vision transformers that see a part of an image's patches, for MAE and DINOv2.

In: the backbone of a run. Out: the same network, which can hide patches.
"""

from lightly.models.modules.masked_vision_transformer_timm import MaskedVisionTransformerTIMM
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from sept_core import errors
from sept_core.pretrain.methods import registry
from sept_core.pretrain.settings import PretrainSettings


def masked(
    backbone: nn.Module,
    settings: PretrainSettings,
    weights: str = "skip",
    positions: str = "skip",
) -> MaskedVisionTransformerTIMM:
    """Return a vision transformer with a token for hidden patches; it shares the weights.

    Args:
        backbone: the network.
        settings: of the run.
        weights: how lightly draws new weights; `skip` keeps those of the backbone.
        positions: how lightly draws the position embedding; `skip` keeps that of the backbone.

    Raises:
        InputError: the backbone is not a vision transformer.
    """
    if not isinstance(backbone, VisionTransformer):
        raise errors.InputError(f"{registry.unfit(settings.method, settings.backbone)}.")
    return MaskedVisionTransformerTIMM(
        backbone, weight_initialization=weights, pos_embed_initialization=positions
    )
