"""Backbones that `pretrain` trains and `checkpoint` loads again, built from plain JSON.

In: a spec such as {"name": "resnet18", "stem": "small"}. Out: a network that maps
(B, 3, H, W) to (B, `num_features`), with random weights.
"""

from collections.abc import Mapping
from typing import Any

import timm
from timm.models import resnet
from torch import nn

from sept_core import errors

NARROW, TINY = "resnet10-narrow", "resnet10-tiny"
OWN = {NARROW: (32, 64, 128, 256), TINY: (16, 32, 64, 128)}
"""Our own small ResNets by the widths of their four blocks, made for 32 to 64 px on a CPU: 1.2
million parameters (docs/method.md §7), and 0.3 million at a third of the time."""


def build(spec: Mapping[str, Any]) -> nn.Module:
    """Build a headless backbone with random weights (from torch's global generator).

    Args:
        spec: `name`: one of `OWN` or a timm model. `stem`: "standard" (default), or
            "small" for images under about 100 px (ResNets only: a 3×3 convolution without
            stride in place of the 7×7 one, and no max-pooling). `arguments`: further JSON
            arguments of `timm.create_model`, as {"img_size": 64} for a ViT.

    Raises:
        EncoderError: the name, stem or an argument is unknown or they do not go together.
    """
    name, stem = spec["name"], spec.get("stem", "standard")
    unknown = set(spec) - {"name", "stem", "arguments"}
    if unknown or stem not in ("standard", "small"):
        raise errors.EncoderError(
            f"Backbone {dict(spec)} is invalid: besides name and arguments, it may only have a "
            "stem, which is standard or small."
        )
    if name in OWN:
        return _own_resnet(OWN[name])
    backbone = _from_timm(name, dict(spec.get("arguments", {})))
    return _with_small_stem(backbone, name) if stem == "small" else backbone


def _from_timm(name: str, arguments: dict[str, Any]) -> nn.Module:
    if not timm.is_model(name):
        raise errors.EncoderError(
            f"Backbone {name!r} is neither {NARROW}, {TINY} nor a timm model; "
            "`timm.list_models()` lists the names."
        )
    try:
        network: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **arguments)
    except (TypeError, ValueError, AssertionError) as problem:
        raise errors.EncoderError(
            f"Backbone {name!r} cannot be built with {arguments} ({problem})."
        ) from None
    return network


def _with_small_stem(network: nn.Module, name: str) -> nn.Module:
    if not isinstance(network, resnet.ResNet) or not isinstance(network.conv1, nn.Conv2d):
        raise errors.EncoderError(
            f"Backbone {name!r} has no 7×7 stem to replace; use the standard stem, or a ResNet "
            "such as resnet18."
        )
    return _replace_stem(network, stride=1)


def _own_resnet(widths: tuple[int, ...]) -> nn.Module:
    # timm's plain stem is always 64 wide; the deep one follows stem_width, and is replaced.
    network: Any = resnet.ResNet(
        resnet.BasicBlock,  # type: ignore[arg-type]  # timm annotates an instance
        (1, 1, 1, 1),
        num_classes=0,
        channels=widths,
        stem_type="deep",
        stem_width=widths[0] // 2,
    )
    return _replace_stem(network, stride=2)


def _replace_stem(network: Any, stride: int) -> nn.Module:
    """One 3×3 convolution as wide as the first normalisation layer, and no pooling."""
    convolution = nn.Conv2d(3, network.bn1.num_features, 3, stride, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    network.conv1, network.maxpool = convolution, nn.Identity()
    return network  # type: ignore[no-any-return]


_OWN_SOURCE = """\
backbone = timm.models.resnet.ResNet(
    timm.models.resnet.BasicBlock,
    (1, 1, 1, 1),
    num_classes=0,
    channels={widths},
    stem_type="deep",
    stem_width={half},
)
backbone.conv1 = torch.nn.Conv2d(3, {first}, 3, stride=2, padding=1, bias=False)
backbone.maxpool = torch.nn.Identity()"""

_SMALL_STEM_SOURCE = """
backbone.conv1 = torch.nn.Conv2d(3, backbone.bn1.num_features, 3, padding=1, bias=False)
backbone.maxpool = torch.nn.Identity()"""


def source(spec: Mapping[str, Any]) -> str:
    """Return Python code that sets `backbone` to the network of `build(spec)`, using only timm and
    torch.
    """
    if widths := OWN.get(spec["name"]):
        return _OWN_SOURCE.format(widths=widths, half=widths[0] // 2, first=widths[0])
    arguments = "".join(f", {key}={value!r}" for key, value in spec.get("arguments", {}).items())
    line = f"backbone = timm.create_model({spec['name']!r}, num_classes=0{arguments})"
    return line + (_SMALL_STEM_SOURCE if spec.get("stem") == "small" else "")
