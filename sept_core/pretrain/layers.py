"""Layer-wise decay of the learning rate, as BEiT (Bao et al. 2022) continues from trained weights.

In: a backbone of timm's, which knows its layers, and settings. Out: the share of the learning rate
that each parameter gets.
"""

from timm import optim
from torch import nn
from torch.nn import Parameter

from sept_core import errors
from sept_core.pretrain.settings import PretrainSettings


def scales(backbone: nn.Module, settings: PretrainSettings) -> dict[Parameter, float]:
    """Return the share of each trained parameter of the backbone: the top layer has `layer_decay`.

    The heads above the backbone, which are not in the result, have a share of 1.

    Raises:
        InputError: the shares differ, and the backbone does not say which layers it has.
    """
    decay = settings.layer_decay
    if decay == 1:
        return dict.fromkeys(backbone.parameters(), 1.0)
    if not hasattr(backbone, "group_matcher"):
        raise errors.InputError(
            f"pre-training settings: layer_decay {decay} needs a backbone whose layers timm knows, "
            f"not {settings.backbone!r}; use layer_decay 1."
        )
    groups = optim.param_groups_layer_decay(  # type: ignore[attr-defined]
        backbone, layer_decay=decay
    )
    return {one: decay * group["lr_scale"] for group in groups for one in group["params"]}
