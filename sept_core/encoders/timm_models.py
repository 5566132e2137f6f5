"""The encoders `timm:MODEL` and `timm:MODEL@/path/weights.safetensors`.

In: a timm model name, with its tag of pre-trained weights or with a local file of weights.
Out: the pooled features before the classifier, preprocessed as timm's own evaluation does.
"""

import difflib
import pickle
import re
from pathlib import Path
from typing import Any

import safetensors
import timm
import timm.models
import torch
from timm.data.config import resolve_model_data_config
from timm.data.transforms_factory import create_transform
from torch import nn

from sept_core import errors
from sept_core.encoders import hub, network
from sept_core.encoders.families import Download, Facts, Kind, Spec
from sept_core.storage import atomic

NAMES = ("model.safetensors", "pytorch_model.bin")

SELF_SUPERVISED = re.compile(
    r"dino|\.(fc)?mae$|ijepa|beit3.*\.(indomain_)?pt$|eva02.*\.mim_(in22k|m38m)$"
)
"""timm's names of models trained without labels and not fine-tuned with any (`_ft_`): DINO,
DINOv2, DINOv3 and its distillations, MAE, FCMAE, I-JEPA, and masked image modelling."""

IMAGE_TEXT = re.compile(
    r"clip(?!.*_ft_)|siglip|\.(openai|laion\w*|datacomp\w*|dfn\w*|metaclip\w*|merged2b)$"
)
"""Image towers trained with captions; all other models are supervised."""


def load(spec: Spec, folder: Path, device: str, precision: str) -> network.NetworkEncoder:
    """Build the encoder; see `registry.load`.

    Raises:
        EncoderError: no such model, no weights, or weights of another model.
    """
    model = spec.model
    _check_name(model)
    weights = spec.path or _published(spec, folder)
    built = _with_local_weights(model, weights) if spec.path else _with_published(model, weights)
    return network.NetworkEncoder(
        built,
        preprocessing(built),
        spec=spec.text,
        name=f"timm-{model}",
        kind=kind_of(model),
        dim=int(built.head_hidden_size),
        weights=atomic.sha256_file(weights),
        device=device,
        precision=precision,
    )


def describe(spec: Spec) -> Facts:
    """See `registry.describe`; the weights are neither read nor fetched."""
    model = spec.model
    _check_name(model)
    with torch.device("meta"):
        built: Any = timm.create_model(model, pretrained=False, num_classes=0)
    parameters = sum(parameter.numel() for parameter in built.parameters())
    repo = built.pretrained_cfg.get("hf_hub_id")
    here = spec.path is not None or (repo and hub.cached(repo, NAMES))
    return Facts(
        kind=kind_of(model),
        dim=int(built.head_hidden_size),
        image_size=_data_config(built)["input_size"][1],
        licence=built.pretrained_cfg.get("license"),
        download=None if here else Download(repo, round(parameters * 4 / 1e6)),
        parameters=parameters,
    )


def kind_of(model: str) -> Kind:
    """Return how a timm model was trained, by timm's naming (`architecture.training_tag`)."""
    if SELF_SUPERVISED.search(model) and "_ft_" not in model:
        return "self-supervised"
    return "image-text" if IMAGE_TEXT.search(model) else "supervised"


def preprocessing(model: nn.Module) -> network.Preprocessing:
    """timm's own evaluation transform of the model, ending before normalisation."""
    config = _data_config(model)
    return network.Preprocessing(
        transform=create_transform(**config, is_training=False, normalize=False),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        image_size=int(config["input_size"][1]),
        description={
            key: config[key] for key in ("input_size", "interpolation", "crop_pct", "crop_mode")
        },
    )


def _data_config(model: nn.Module) -> dict[str, Any]:
    config: dict[str, Any] = resolve_model_data_config(model)  # type: ignore[no-untyped-call]
    return config


def _check_name(model: str) -> None:
    if not timm.is_model(model):
        names = timm.list_models() + timm.list_pretrained()
        near = ", ".join(difflib.get_close_matches(model, names, n=5, cutoff=0.5))
        raise errors.EncoderError(
            f"timm has no model {model!r}; {f'did you mean {near}' if near else 'see timm.ai'}?"
        )


def _published(spec: Spec, folder: Path) -> Path:
    model = spec.model
    config = timm.get_pretrained_cfg(model)
    if config is None or not config.hf_hub_id:
        raise errors.EncoderError(
            f"timm publishes no weights for {model!r} on the Hugging Face hub; give your own file "
            f"as timm:{model}@/path/weights.safetensors."
        )
    names = (config.hf_hub_filename,) if config.hf_hub_filename else NAMES
    return hub.find(config.hf_hub_id, names, spec=spec.text, folder=folder)


def _with_published(model: str, weights: Path) -> Any:
    """Build the model with published weights; timm adapts its own files (heads, renamed keys)."""
    overlay = {"file": str(weights), "custom_load": False}
    return timm.create_model(model, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=0)


def _with_local_weights(model: str, path: Path) -> Any:
    """Build the model from a local file; no weights may be missing or left over except a
    classifier.
    """
    return with_state(model, read_state(path), path)


def with_state(model: str, state: dict[str, torch.Tensor], path: Path) -> Any:
    """Build the model, headless, with the tensors that `path` contains.

    timm loads a headless model leniently, and would leave random weights where a file of
    another model has none; hence the state is handed over without its head, to load strictly.

    Raises:
        EncoderError: they are not the model's.
    """
    heads = _heads(model)
    state = {key: value for key, value in state.items() if not key.startswith(heads)}
    overlay = {"state_dict": state, "num_classes": 0, "classifier": ()}
    try:
        return timm.create_model(
            model, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=0
        )
    except (RuntimeError, KeyError, AttributeError) as problem:
        reason = " ".join(str(problem).split())[:200]
        raise errors.EncoderError(
            f"{path} does not contain weights of the timm model {model!r} ({reason}); give the "
            "model that the file belongs to."
        ) from None


def _heads(model: str) -> tuple[str, ...]:
    config = timm.get_pretrained_cfg(model)
    classifier = config.classifier if config else None
    names = (classifier,) if isinstance(classifier, str) else tuple(classifier or ())
    return tuple(f"{name}." for name in names)


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read tensors only: safetensors, or a pickle read by torch's weights-only unpickler.

    Raises:
        EncoderError: the file is missing or does not contain named tensors.
    """
    try:
        state: dict[str, torch.Tensor] = timm.models.load_state_dict(str(path), weights_only=True)
    except FileNotFoundError:
        raise errors.EncoderError(f"The weights file {path} does not exist.") from None
    except (RuntimeError, pickle.UnpicklingError, safetensors.SafetensorError, EOFError) as problem:
        reason = str(problem).split(". ")[0]
        raise errors.EncoderError(
            f"{path} cannot be read as weights ({reason}); save it as safetensors."
        ) from None
    except (AttributeError, TypeError):  # timm asks for keys before it looks what it has
        state = {}
    if not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise errors.EncoderError(
            f"{path} does not contain named tensors; save the model's state_dict."
        )
    return state
