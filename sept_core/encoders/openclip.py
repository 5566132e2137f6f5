"""The encoders `open_clip:MODEL/TAG`, `open_clip:MODEL@/path/FILE` and `…/TAG@/path/FILE`.

In: an open_clip model name with a published tag, a local file of weights, or both: then the
file is used as the tag's own, with its activation function and its normalisation. Out: its image
features, and text features in the same space. Trained with captions, these are a useful
deviation from the paper's self-supervised step 1 (docs/method.md §1).
"""

import pickle
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import open_clip
import safetensors
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from torch import nn
from torchvision import transforms

from sept_core import errors
from sept_core.encoders import hub, network
from sept_core.encoders.families import Download, Facts, Spec
from sept_core.storage import atomic, project_paths

_PREPROCESS_KEYS = ("mean", "std", "interpolation", "resize_mode")


class OpenClipEncoder(network.NetworkEncoder):
    """A `NetworkEncoder` that also is a `protocol.TextEncoder`."""

    def __init__(self, clip: nn.Module, model: str, **options: Any) -> None:
        super().__init__(clip, **options)
        self._model = model

    def encode_text(self, texts: Sequence[str]) -> torch.Tensor:
        """See `protocol.TextEncoder`."""
        tokens = self._tokenizer(list(texts)).to(self.device)
        return self._unit(self.network.encode_text, tokens)  # type: ignore[arg-type]

    @cached_property
    def _tokenizer(self) -> Any:
        """The tokenizer, loaded on first use: some models' tokenizers come from the hub, too."""
        try:
            return open_clip.get_tokenizer(self._model)
        except Exception as problem:  # whatever hub and tokenizer libraries raise
            reason = str(problem).splitlines()[0]
            raise errors.EncoderError(
                f"The tokenizer of {self._model} cannot be loaded ({reason}); only images can be "
                "embedded, not texts."
            ) from None

    def trainable(self) -> nn.Module:
        """The image tower alone."""
        tower: nn.Module = self.network.visual.requires_grad_(True)  # type: ignore[assignment]
        return tower

    def _features(self, pixels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.network.encode_image(pixels)  # type: ignore[operator]
        return features


def load(spec: Spec, folder: Path, device: str, precision: str) -> OpenClipEncoder:
    """Build the encoder from a tag or a file; see `registry.load`.

    Raises:
        EncoderError: no such model or tag, no weights, or weights of another model.
    """
    model, tag, path = _parts(spec)
    config = _config(model, tag)
    weights = path or _published(spec, config, folder)
    clip = _build(model, weights, config)
    return OpenClipEncoder(
        clip,
        model,
        preprocessing=preprocessing(clip),
        spec=spec.text,
        name=f"open_clip-{model}" + (f"-{tag}" if tag else ""),
        kind="image-text",
        dim=int(_model_config(model)["embed_dim"]),
        weights=atomic.sha256_file(weights),
        device=device,
        precision=precision,
    )


def describe(spec: Spec) -> Facts:
    """See `registry.describe`; the weights are neither read nor fetched."""
    model, tag, path = _parts(spec)
    config, architecture = _config(model, tag), _model_config(model)
    repo, names = _repository(config) if config else ("", ())
    here = path is not None or hub.cached(repo, names)
    size, dim = architecture["vision_cfg"].get("image_size", 224), architecture["embed_dim"]
    parameters = _count_parameters(architecture)
    megabytes = None if parameters is None else round(parameters * 4 / 1e6)
    return Facts(
        kind="image-text",
        dim=dim,
        image_size=size if isinstance(size, int) else size[0],
        download=None if here else Download(repo, megabytes),
        parameters=parameters,
    )


def _parts(spec: Spec) -> tuple[str, str | None, Path | None]:
    """Split a spec into model, tag and file; the model's name is followed by a tag, or by a path if
    it looks like one.
    """
    model, _, tail = spec.model.partition("/")
    if tail.endswith((".safetensors", ".pt", ".pth", ".bin")):
        return model, None, project_paths.expanded(tail)
    if not tail and spec.path is None:
        raise errors.EncoderError(
            f"Encoder {spec.text} does not name its weights; write open_clip:{model}/TAG or "
            f"open_clip:{model}@/path/FILE."
        )
    return model, tail or None, spec.path


def preprocessing(clip: nn.Module) -> network.Preprocessing:
    """open_clip's own `preprocess_val`, ending before its conversion to float."""
    config = open_clip.get_model_preprocess_cfg(clip)
    own = image_transform_v2(PreprocessCfg(**config), is_train=False)
    size = config["size"]
    return network.Preprocessing(
        # The last two steps are to-float and normalise, which happen on the device.
        transform=transforms.Compose([*own.transforms[:-2], transforms.PILToTensor()]),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        image_size=size if isinstance(size, int) else size[0],
        description={key: config[key] for key in ("size", "interpolation", "resize_mode")},
    )


def _model_config(model: str) -> dict[str, Any]:
    config: dict[str, Any] | None = open_clip.get_model_config(model)
    if config is None:
        raise errors.EncoderError(
            f"open_clip has no model {model!r}; `open_clip.list_models()` lists the names, such "
            "as ViT-B-32."
        )
    return config


def _config(model: str, tag: str | None) -> dict[str, Any]:
    """Return open_clip's configuration of a tag's weights; empty for a user's own file."""
    _model_config(model)
    if tag is None:
        return {}
    config: dict[str, Any] = open_clip.get_pretrained_cfg(model, tag)
    if not config:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(model)) or "none"
        raise errors.EncoderError(
            f"open_clip has no weights {tag!r} for {model}; its tags are {tags}. To use your own "
            f"file, write open_clip:{model}@/path/weights.safetensors."
        )
    return config


def _repository(config: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Hub repository and file names of a tag, safetensors first."""
    repo, _, name = config["hf_hub"].rpartition("/")
    if name:
        return repo, (str(Path(name).with_suffix(".safetensors")), name)
    return repo, ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def _published(spec: Spec, config: dict[str, Any], folder: Path) -> Path:
    repo, names = _repository(config)
    return hub.find(repo, names, spec=spec.text, folder=folder)


def _build(model: str, weights: Path, config: dict[str, Any]) -> nn.Module:
    if not weights.is_file():
        raise errors.EncoderError(f"The weights file {weights} does not exist.")
    try:
        clip: nn.Module = open_clip.create_model(
            model,
            pretrained=str(weights),
            force_quick_gelu=bool(config.get("quick_gelu", False)),
            force_preprocess_cfg={key: config[key] for key in _PREPROCESS_KEYS if key in config},
            weights_only=True,
        )
    except (RuntimeError, pickle.UnpicklingError, safetensors.SafetensorError, KeyError) as problem:
        reason = " ".join(str(problem).split())[:200]
        raise errors.EncoderError(
            f"{weights} does not contain weights of the open_clip model {model} ({reason}); give "
            "a file of that model."
        ) from None
    return clip


def _count_parameters(architecture: dict[str, Any]) -> int | None:
    """Count parameters without allocating them; None if only the hub describes the text tower."""
    if "hf_model_name" in architecture["text_cfg"]:
        return None
    custom_text = architecture.pop("custom_text", False)
    if "multimodal_cfg" in architecture:
        tower = open_clip.CoCa
    else:
        tower = open_clip.CustomTextCLIP if custom_text else open_clip.CLIP
    with torch.device("meta"):
        clip: nn.Module = tower(**architecture)
    return sum(parameter.numel() for parameter in clip.parameters())
