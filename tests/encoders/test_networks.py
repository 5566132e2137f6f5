"""timm and open_clip encoders with random weights saved to local files: no network."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import safetensors.torch
import timm
import torch
from PIL import Image
from timm.data.config import resolve_model_data_config
from timm.data.transforms_factory import create_transform

from sept_core import errors
from sept_core.compat import torch_cpu
from sept_core.encoders import numerics, registry
from sept_core.encoders.protocol import TextEncoder

CLIP = "tiny-clip"
CLIP_CONFIG = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 96, "layers": 3, "width": 128, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2},
}
TIMM = ("resnet10t.c3_in1k", "vit_tiny_patch16_224.augreg_in21k_ft_in1k")


def images(count: int) -> list[Image.Image]:
    """Smooth and noisy pictures of several shapes: resizing both ways is exercised."""
    rng = np.random.default_rng(0)
    shapes = [(40, 40), (300, 231), (97, 260), (224, 224), (640, 480)]
    pictures = []
    for number in range(count):
        height, width = shapes[number % len(shapes)]
        coarse = rng.integers(0, 256, (7, 7, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        noise = rng.integers(-12, 13, (height, width, 3))
        noisy = np.clip(np.asarray(picture, dtype=np.int64) + noise, 0, 255)
        pictures.append(Image.fromarray(noisy.astype(np.uint8)))
    return pictures


def encode(encoder: Any, pictures: list[Image.Image]) -> torch.Tensor:
    return encoder.encode(torch.stack([encoder.preprocess(picture) for picture in pictures]))


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "clip.safetensors"
    config = path.with_name(f"{CLIP}.json")
    config.write_text(json.dumps(CLIP_CONFIG))
    open_clip.add_model_config(config)
    model = open_clip.create_model(CLIP)
    safetensors.torch.save_file(model.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def timm_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    found = {}
    for name in TIMM:
        found[name] = folder / f"{name}.safetensors"
        # With its classifier, as published files have it.
        safetensors.torch.save_file(timm.create_model(name).state_dict(), found[name])
    return found


@pytest.mark.parametrize("name", TIMM)
def test_timm_features_are_the_librarys_own(
    name: str, timm_files: dict[str, Path], tmp_path: Path
) -> None:
    encoder = registry.load(
        f"timm:{name}@{timm_files[name]}", folder=tmp_path, device="cpu", precision="fp32"
    )
    model = timm.create_model(name, num_classes=0).eval()
    state = safetensors.torch.load_file(timm_files[name])
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert not missing
    transform = create_transform(**resolve_model_data_config(model))
    with torch.inference_mode():
        inputs = torch.stack([transform(picture) for picture in images(5)])
        expected = torch.nn.functional.normalize(model(inputs))
    features = encode(encoder, images(5))
    assert features.dtype == torch.float32
    assert features.shape == (5, encoder.dim)
    torch.testing.assert_close(features, expected, atol=2e-5, rtol=1e-4)


def test_open_clip_features_are_the_librarys_own(clip_file: Path, tmp_path: Path) -> None:
    encoder = registry.load(
        f"open_clip:{CLIP}/{clip_file}", folder=tmp_path, device="cpu", precision="fp32"
    )
    model, _, transform = open_clip.create_model_and_transforms(CLIP, pretrained=str(clip_file))
    model.eval()
    words = ["a photograph of a cat", "a bowl of soup"]
    with torch.inference_mode():
        inputs = torch.stack([transform(picture) for picture in images(5)])
        expected = model.encode_image(inputs, normalize=True)
        expected_text = model.encode_text(open_clip.get_tokenizer(CLIP)(words), normalize=True)
    torch.testing.assert_close(encode(encoder, images(5)), expected, atol=2e-5, rtol=1e-4)
    assert isinstance(encoder, TextEncoder)
    torch.testing.assert_close(encoder.encode_text(words), expected_text, atol=2e-5, rtol=1e-4)
    assert encoder.kind == "image-text"


@pytest.mark.parametrize("precision", ["bf16", "autocast-bf16"])
def test_low_precision_keeps_the_features(
    precision: str, clip_file: Path, timm_files: dict[str, Path], tmp_path: Path
) -> None:
    specs = [f"timm:{name}@{path}" for name, path in timm_files.items()]
    for spec in [*specs, f"open_clip:{CLIP}@{clip_file}"]:
        full, low = (
            registry.load(spec, folder=tmp_path, device="cpu", precision=chosen)
            for chosen in ("fp32", precision)
        )
        cosines = (encode(full, images(5)) * encode(low, images(5))).sum(1)
        assert cosines.mean() >= 0.999, spec
        assert cosines.max() < 1 - 1e-9, f"{spec} did not compute in {precision}"
        assert low.precision == precision
        assert low.id != full.id


def test_weights_name_the_features_and_paths_do_not(
    timm_files: dict[str, Path], tmp_path: Path
) -> None:
    name = TIMM[0]
    elsewhere = tmp_path / "renamed.safetensors"
    elsewhere.write_bytes(timm_files[name].read_bytes())
    changed = tmp_path / "changed.safetensors"
    state = safetensors.torch.load_file(elsewhere)
    state["conv1.0.weight"] = state["conv1.0.weight"] + 1
    safetensors.torch.save_file(state, changed)
    first, same, other = (
        registry.load(f"timm:{name}@{path}", folder=tmp_path, device="cpu", precision="fp32")
        for path in (timm_files[name], elsewhere, changed)
    )
    assert first.id == same.id != other.id
    assert first.identity() == same.identity()


def test_headless_weights_load(tmp_path: Path) -> None:
    path = tmp_path / "headless.pth"
    torch.save(timm.create_model("resnet10t", num_classes=0).state_dict(), path)
    encoder = registry.load(f"timm:resnet10t@{path}", folder=tmp_path)
    assert encoder.dim == 512


@pytest.mark.parametrize("spec", ["timm:resnet18@{}", f"open_clip:{CLIP}@{{}}"])
def test_weights_of_another_model_are_refused(
    spec: str, clip_file: Path, timm_files: dict[str, Path], tmp_path: Path
) -> None:
    path = timm_files[TIMM[0]]
    with pytest.raises(errors.EncoderError, match="does not contain"):
        registry.load(spec.format(path), folder=tmp_path)


class Hostile:
    """Unpickling this would run code."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("executed"),))


@pytest.mark.parametrize("spec", ["timm:resnet10t@{}", f"open_clip:{CLIP}@{{}}"])
def test_a_pickle_with_code_is_refused(
    spec: str, clip_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Hostile()}, tmp_path / "hostile.pth")
    with pytest.raises(errors.EncoderError, match=r"hostile\.pth"):
        registry.load(spec.format(tmp_path / "hostile.pth"), folder=tmp_path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("spec", "repository"),
    [
        ("timm:vit_small_patch14_dinov2.lvd142m", "timm/vit_small_patch14_dinov2.lvd142m"),
        ("open_clip:ViT-B-32/laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"),
    ],
)
def test_without_network_one_message_says_what_to_do(
    spec: str, repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(errors.EncoderError) as caught:
        registry.load(spec, folder=tmp_path)
    message = str(caught.value)
    assert f"https://huggingface.co/{repository}" in message
    assert f"use the encoder {spec}@{tmp_path}" in message
    assert "\n" not in message


def test_a_cached_file_needs_no_network(
    clip_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache",
        lambda repo, name: str(clip_file) if name == "open_clip_model.safetensors" else None,
    )
    monkeypatch.setattr(
        "open_clip.get_pretrained_cfg",
        lambda model, tag: {"hf_hub": "some/where/", "mean": (0.5,) * 3, "std": (0.5,) * 3},
    )
    encoder = registry.load(f"open_clip:{CLIP}/tag", folder=tmp_path, device="cpu")
    assert encoder.identity()["preprocessing"]["mean"] == [0.5, 0.5, 0.5]


def test_auto_precision_follows_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    for native, expected in ((False, "fp32"), (True, "bf16")):
        monkeypatch.setattr(torch_cpu, "multiplies_bf16", lambda native=native: native)
        assert numerics.choose_precision("auto", cpu) == expected
    for native, expected in ((False, "autocast-fp16"), (True, "autocast-bf16")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda native=native, **_: native)
        assert numerics.choose_precision("auto", gpu) == expected
    with pytest.raises(errors.EncoderError, match="fp8"):
        numerics.choose_precision("fp8", cpu)
    with pytest.raises(errors.EncoderError, match="is not available"):
        numerics.choose_device("abacus")
