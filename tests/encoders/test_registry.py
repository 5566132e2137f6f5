"""Specs: which are understood, what is known of them without weights."""

import dataclasses
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sept_core import errors
from sept_core.encoders import families, protocol, registry, timm_models


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("clasic", "unknown"),
        ("classic:512", "unknown"),
        ("timm:", "unknown"),
        ("torchvision:resnet18", "unknown"),
        ("timm:resnet_18", "did you mean resnet18"),
        ("timm:resnet18.a1_in1k@/no/such.safetensors", "/no/such.safetensors does not exist"),
        ("timm:vit_small_patch16_18x2_224", "publishes no weights"),
        ("open_clip:ViT-B-32", "does not name its weights"),
        ("open_clip:ViT-Q-32/openai", "no model 'ViT-Q-32'"),
        ("open_clip:ViT-B-32/laion3b", "no weights 'laion3b'"),
        ("open_clip:ViT-B-32/no/such.pt", "no/such.pt does not exist"),
        ("checkpoint:/no/such", "not a complete checkpoint"),
    ],
)
def test_a_wrong_spec_gets_one_clear_sentence(spec: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(errors.EncoderError, match=message) as caught:
        registry.load(spec, folder=tmp_path)
    assert "\n" not in str(caught.value)


def test_every_recommended_encoder_is_described_without_weights(tmp_path: Path) -> None:
    kinds = {"classic": "hand-made", "open_clip": "image-text"}
    for spec in families.RECOMMENDED:
        known = registry.describe(spec)
        assert known.dim > 0
        assert known.image_size > 0
        name = spec.partition(":")[0]
        assert registry.needs_fit(spec, tmp_path) == bool(families.FAMILIES[name].fit)
        if name in ("bundled+classic", "classic", "bundled", "timm", "open_clip"):
            assert known.kind == kinds.get(name, "self-supervised")


def test_description_of_a_known_model() -> None:
    """Figures of the DINOv2 paper's ViT-S/14 and of open_clip's model profile."""
    dino = registry.describe("timm:vit_small_patch14_dinov2.lvd142m")
    assert (dino.dim, dino.image_size, dino.licence) == (384, 518, "apache-2.0")
    assert dino.parameters is not None and 21e6 < dino.parameters < 23e6
    clip = registry.describe("open_clip:ViT-B-32/laion2b_s34b_b79k")
    assert (clip.dim, clip.image_size, clip.parameters) == (512, 224, 151277313)
    local = registry.describe("open_clip:ViT-B-32@/any/file.pt")
    assert local.download is None


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("vit_small_patch14_dinov2.lvd142m", "self-supervised"),
        ("convnext_tiny.dinov3_lvd1689m", "self-supervised"),
        ("resmlp_12_224.fb_dino", "self-supervised"),
        ("vit_base_patch16_224.mae", "self-supervised"),
        ("convnextv2_tiny.fcmae", "self-supervised"),
        ("convnextv2_tiny.fcmae_ft_in1k", "supervised"),
        ("hiera_tiny_224.mae_in1k_ft_in1k", "supervised"),
        ("vit_huge_patch14_gap_224.in1k_ijepa", "self-supervised"),
        ("eva02_large_patch14_224.mim_m38m", "self-supervised"),
        ("eva02_large_patch14_448.mim_m38m_ft_in1k", "supervised"),
        ("vit_base_patch32_clip_224.laion2b", "image-text"),
        ("vit_base_patch32_clip_224.openai_ft_in12k_in1k", "supervised"),
        ("vit_base_patch16_siglip_224.webli", "image-text"),
        ("resnet50.a1_in1k", "supervised"),
        ("resnet18.fb_ssl_yfcc100m_ft_in1k", "supervised"),
        ("resnet18", "supervised"),
    ],
)
def test_kinds_by_timms_names(model: str, kind: str) -> None:
    assert timm_models.kind_of(model) == kind


def test_only_classic_is_fitted(tmp_path: Path) -> None:
    assert not registry.needs_fit("timm:resnet18.a1_in1k", tmp_path)
    with pytest.raises(errors.EncoderError, match=r"only bundled\+classic, classic can be fitted"):
        registry.fit("timm:resnet18.a1_in1k", [], tmp_path, 0, lambda done, total: None)


def test_ids_are_safe_folder_names() -> None:
    made = protocol.encoder_id("open_clip-ViT/B 32;rm -rf*" + "x" * 99, {"a": 1})
    assert made.replace("-", "").replace("_", "").isalnum()
    assert len(made) <= 64
    assert made != protocol.encoder_id("open_clip-ViT/B 32;rm -rf*" + "x" * 99, {"a": 2})


def test_describing_draws_no_random_numbers() -> None:
    """Meta tensors: describing must not disturb a seeded experiment, nor take memory."""
    torch.manual_seed(0)
    before = torch.get_rng_state()
    registry.describe("timm:vit_small_patch14_dinov2.lvd142m")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("spec", families.RECOMMENDED)
def test_the_menu_tells_what_the_code_finds(spec: str) -> None:
    found = registry.describe(spec)
    assert dataclasses.replace(found, parameters=None) == families.RECOMMENDED[spec]


@pytest.mark.parametrize("name", families.FAMILIES)
def test_every_family_has_its_code(name: str) -> None:
    family = families.FAMILIES[name]
    module = importlib.import_module(f"sept_core.encoders.{family.module}")
    assert [*inspect.signature(module.load).parameters] == ["spec", "folder", "device", "precision"]
    assert [*inspect.signature(module.describe).parameters] == ["spec"]
    if family.fit:
        assert callable(importlib.import_module(f"sept_core.encoders.{family.fit}_fit").fit)
    for usage in family.usage:
        assert registry.parse(usage).family == name


def test_menus_read_the_families_without_any_library() -> None:
    code = (
        "import sys; from sept_core.encoders import families; assert families.RECOMMENDED;"
        "assert not {'torch', 'numpy', 'PIL'} & set(sys.modules);"
        "from sept_core.encoders import registry; registry.parse('timm:x@y');"
        "assert not {'torch', 'timm', 'open_clip'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
