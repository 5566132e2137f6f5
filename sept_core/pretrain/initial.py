"""Initial weights of a run: random, or those of a trained network.

In: `settings.init`. Out: the backbone. Continued pre-training starts from a checkpoint of SEPT, or
from published weights of the same timm model.
"""

from pathlib import Path

from torch import nn

from sept_core import errors
from sept_core.encoders import checkpoint, network, registry, timm_models
from sept_core.encoders.families import Kind
from sept_core.pretrain.methods import registry as methods
from sept_core.pretrain.settings import PretrainSettings
from sept_core.storage import project_paths

PUBLISHED = "timm"
TOLD: tuple[Kind, ...] = ("supervised", "image-text")
"""Kinds that pass to networks that continue or imitate them, the stronger first."""


def start_from(backbone: nn.Module, settings: PretrainSettings, encoders_folder: Path) -> nn.Module:
    """Load the initial weights into a newly built backbone.

    Args:
        backbone: the backbone that `settings` name.
        settings: `init` is empty (weights stay as drawn), `timm` (published), `timm@/path/FILE`, or
            the folder of a checkpoint.
        encoders_folder: the project's `encoders/`, which may have manually downloaded weights.

    Raises:
        EncoderError: the weights do not exist.
        InputError: they belong to another network.
    """
    if not settings.init:
        return backbone
    family, _, file = settings.init.partition("@")
    if family == PUBLISHED:
        spec = f"timm:{settings.backbone}" + (f"@{file}" if file else "")
        found = registry.load(spec, folder=encoders_folder, device="cpu", precision="fp32")
        assert isinstance(found, network.NetworkEncoder)
        weights = found.network.state_dict()
    else:
        weights = checkpoint.load_backbone(project_paths.expanded(settings.init))[0].state_dict()
    try:
        backbone.load_state_dict(weights)
    except RuntimeError as problem:
        reason = " ".join(str(problem).split())[:200]
        raise errors.InputError(
            f"The weights of {settings.init} are not those of {settings.backbone} with stem "
            f"{settings.stem} ({reason}); use the same network, or start from scratch."
        ) from None
    return backbone.requires_grad_(True)


def kind(settings: PretrainSettings) -> Kind:
    """Return the kind of the finished network: labels or captions of what it learned from count.

    It learned from its initial weights and, in a distillation, from its teacher.
    """
    kinds = [_kind_of_start(settings)]
    if "teacher" in methods.find(settings.method).own:
        kinds.append(registry.describe(settings.teacher).kind)
    return next((one for one in TOLD if one in kinds), "self-supervised")


def _kind_of_start(settings: PretrainSettings) -> Kind:
    if not settings.init:
        return "self-supervised"
    if settings.init.partition("@")[0] == PUBLISHED:
        return timm_models.kind_of(settings.backbone)
    held: Kind = checkpoint.read_card(project_paths.expanded(settings.init))["kind"]
    return held
