"""SEPT's own checkpoints: the output of `pretrain`, and the encoder `checkpoint:PATH` made from it.

In and out: a folder with `backbone.safetensors` (a plain state dict), `load.py` (how to load
it without SEPT) and, written last, `card.json`:

    {"format": 1, "backbone": see `backbones.build`, "image_size": px, "mean": [3], "std": [3],
     "method": …, "settings": {…}, "manifest": content hash, "metrics": {…},
     "kind": "self-supervised"}

All weights are safetensors: loading one never runs code from the file.
"""

from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from sept_core import errors
from sept_core.encoders import backbones, network
from sept_core.encoders.families import Facts, Spec
from sept_core.storage import atomic

FORMAT = 1
WEIGHTS, CARD, SNIPPET = "backbone.safetensors", "card.json", "load.py"

SMALL = 64
"""Up to this size in pixels an image is squashed to a square, not cropped: small pool images are
square already, and cropping would lose pixels that matter."""

REQUIRED = ("backbone", "image_size", "mean", "std", "method", "kind")


def save(folder: Path, backbone: nn.Module, card: dict[str, Any]) -> None:
    """Write a checkpoint; it is complete once its card exists.

    Args:
        folder: Made if it is not there.
        backbone: The trained network of `backbones.build(card["backbone"])`.
        card: As in the module's docstring; `format` is filled in.

    Raises:
        EncoderError: the card lacks something that loading needs.
    """
    _check_card(card, folder)
    tensors = {key: value.detach().cpu() for key, value in backbone.state_dict().items()}
    with atomic.write_then_rename(folder / WEIGHTS) as temporary:
        safetensors.torch.save_file(
            {key: value.contiguous() for key, value in tensors.items()}, temporary
        )
    with atomic.write_then_rename(folder / SNIPPET) as temporary:
        temporary.write_text(_snippet(card))
    atomic.write_json(folder / CARD, {"format": FORMAT} | card)


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of a checkpoint.

    Raises:
        EncoderError: there is no complete checkpoint, or it is of another format.
    """
    if not (folder / CARD).is_file():
        raise errors.EncoderError(
            f"{folder} is not a complete checkpoint ({CARD} is missing); give the folder that "
            "`sept pretrain` reported."
        )
    card: dict[str, Any] = atomic.read_json(folder / CARD)
    version = card.get("format") if isinstance(card, dict) else None
    if version != FORMAT:
        raise errors.EncoderError(
            f"{folder / CARD} has format {version}, but this version of SEPT reads format "
            f"{FORMAT}; update SEPT."
        )
    _check_card(card, folder)
    return card


def load_backbone(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Return the trained backbone, on the CPU, and its card.

    Raises:
        EncoderError: the checkpoint is incomplete or its weights do not fit its card.
    """
    card = read_card(folder)
    backbone = backbones.build(card["backbone"])
    try:
        backbone.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
    except (OSError, RuntimeError, safetensors.SafetensorError) as problem:
        reason = str(problem).splitlines()[0]
        raise errors.EncoderError(
            f"{folder / WEIGHTS} does not match the backbone {card['backbone']} in its card "
            f"({reason}); copy the folder again or retrain the backbone."
        ) from None
    return backbone, card


def load(spec: Spec, folder: Path, device: str, precision: str) -> network.NetworkEncoder:
    """Build the encoder `checkpoint:PATH`; see `registry.load`."""
    path = _folder(spec)
    backbone, card = load_backbone(path)
    return network.NetworkEncoder(
        backbone,
        preprocessing(card),
        spec=spec.text,
        name=f"checkpoint-{card['method']}-{card['backbone']['name']}",
        kind=card["kind"],
        dim=int(backbone.num_features),  # type: ignore[arg-type]
        weights=atomic.sha256_file(path / WEIGHTS),
        device=device,
        precision=precision,
    )


def describe(spec: Spec) -> Facts:
    """See `registry.describe`."""
    card = read_card(_folder(spec))
    with torch.device("meta"):
        backbone = backbones.build(card["backbone"])
    return Facts(
        kind=card["kind"],
        dim=int(backbone.num_features),  # type: ignore[arg-type]
        image_size=card["image_size"],
        licence="your own, subject to the licences of the training images",
        parameters=sum(parameter.numel() for parameter in backbone.parameters()),
    )


def _folder(spec: Spec) -> Path:
    assert spec.path is not None, "`registry.parse` refuses a checkpoint without a folder"
    return spec.path


def preprocessing(card: dict[str, Any]) -> network.Preprocessing:
    """Up to `SMALL` px squashed to a square; above, the shorter side resized, then the centre."""
    size = int(card["image_size"])
    squash = size <= SMALL
    resize = transforms.Resize(
        (size, size) if squash else size, InterpolationMode.BICUBIC, antialias=True
    )
    steps = [resize] if squash else [resize, transforms.CenterCrop(size)]
    return network.Preprocessing(
        transform=transforms.Compose([*steps, transforms.PILToTensor()]),
        mean=tuple(card["mean"]),
        std=tuple(card["std"]),
        image_size=size,
        description={"size": size, "mode": "squash" if squash else "shortest-centre"},
    )


def _check_card(card: dict[str, Any], folder: Path) -> None:
    missing = [key for key in REQUIRED if key not in card]
    if missing:
        raise errors.EncoderError(
            f"The card of {folder} lacks {', '.join(missing)}; give a folder that `sept pretrain` "
            "wrote."
        )
    if not isinstance(card["backbone"], dict) or not isinstance(card["backbone"].get("name"), str):
        raise errors.EncoderError(
            f"The card of {folder} does not name a backbone; give a folder that `sept pretrain` "
            "wrote."
        )


_SNIPPET = '''"""Loads this checkpoint; needs only torch, timm and safetensors.

Input: float (B, 3, {size}, {size}) with pixel values in 0..1, from which `backbone` wants
(x - MEAN) / STD. Output: (B, D) features.
"""

from pathlib import Path

import timm
import torch
from safetensors.torch import load_file

MEAN = torch.tensor({mean}).view(1, 3, 1, 1)
STD = torch.tensor({std}).view(1, 3, 1, 1)

{build}
backbone.load_state_dict(load_file(Path(__file__).with_name("backbone.safetensors")))
backbone.eval()

if __name__ == "__main__":
    with torch.inference_mode():
        print(tuple(backbone((torch.zeros(1, 3, {size}, {size}) - MEAN) / STD).shape))
'''


def _snippet(card: dict[str, Any]) -> str:
    return _SNIPPET.format(
        build=backbones.source(card["backbone"]),
        size=card["image_size"],
        mean=list(card["mean"]),
        std=list(card["std"]),
    )
