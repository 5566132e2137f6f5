"""Checkpoints: what is saved is what is loaded, by us and by the snippet without us."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from sept_core import errors
from sept_core.encoders import backbones, checkpoint, registry
from sept_core.storage import atomic

SPECS: list[dict[str, Any]] = [
    {"name": "resnet10-narrow", "stem": "small"},
    {"name": "resnet10-tiny"},
    {"name": "resnet10t", "stem": "standard"},
    {"name": "resnet18", "stem": "small"},
    {"name": "vit_tiny_patch16_224", "arguments": {"img_size": 64, "depth": 2}},
]


def card(backbone: dict[str, Any], size: int = 64, **changes: Any) -> dict[str, Any]:
    known = {
        "backbone": backbone,
        "image_size": size,
        "mean": [0.48, 0.45, 0.4],
        "std": [0.22, 0.23, 0.24],
        "method": "simclr",
        "settings": {"steps": 10},
        "manifest": "0" * 16,
        "metrics": {"knn": 0.2},
        "kind": "self-supervised",
    }
    return known | changes


def trained(backbone: dict[str, Any]) -> torch.nn.Module:
    """Random weights, with running statistics that differ from a fresh network's."""
    torch.manual_seed(1)
    network = backbones.build(backbone).train()
    with torch.no_grad():
        network(torch.randn(4, 3, 64, 64) * 2 + 1)
    return network.eval()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec['name']}-{spec.get('stem')}")
def test_loads_what_was_saved(spec: dict[str, Any], tmp_path: Path) -> None:
    network = trained(spec)
    checkpoint.save(tmp_path, network, card(spec))
    loaded, loaded_card = checkpoint.load_backbone(tmp_path)
    inputs = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = network(inputs)
        torch.testing.assert_close(loaded.eval()(inputs), expected, rtol=0, atol=0)
    assert expected.shape == (2, loaded.num_features)
    assert loaded_card == card(spec) | {"format": 1}
    described = registry.describe(f"checkpoint:{tmp_path}")
    assert described.dim == loaded.num_features
    assert described.parameters == sum(p.numel() for p in network.parameters())


def test_snippets_load_without_us(tmp_path: Path) -> None:
    networks = [trained(spec) for spec in SPECS]
    for number, (spec, network) in enumerate(zip(SPECS, networks, strict=True)):
        checkpoint.save(tmp_path / str(number), network, card(spec))
    script = """
import runpy, sys, torch
with torch.inference_mode():
    for folder in sys.argv[1:]:
        backbone = runpy.run_path(folder + "/load.py")["backbone"]
        torch.save(backbone(torch.ones(1, 3, 64, 64)), folder + "/features.pt")
assert "sept_core" not in sys.modules
"""
    folders = [tmp_path / str(number) for number in range(len(SPECS))]
    subprocess.run([sys.executable, "-c", script, *folders], check=True, cwd=tmp_path)
    for folder, network in zip(folders, networks, strict=True):
        with torch.inference_mode():
            expected = network(torch.ones(1, 3, 64, 64))
        torch.testing.assert_close(torch.load(folder / "features.pt"), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "millions", "width"), [("resnet10-narrow", 1.2, 32), ("resnet10-tiny", 0.31, 16)]
)
def test_small_resnets_are_as_wide_as_they_say(name: str, millions: float, width: int) -> None:
    network = backbones.build({"name": name})
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count / 1e6 == pytest.approx(millions, rel=0.05)
    assert network.conv1.weight.shape == (width, 3, 3, 3)
    with torch.inference_mode():
        assert network.forward_features(torch.zeros(1, 3, 32, 32)).shape == (1, 8 * width, 2, 2)


def test_small_stem_keeps_the_resolution() -> None:
    network = backbones.build({"name": "resnet18", "stem": "small"})
    with torch.inference_mode():
        assert network.forward_features(torch.zeros(1, 3, 32, 32)).shape == (1, 512, 4, 4)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"name": "resnet_nine"}, "resnet_nine"),
        ({"name": "vit_tiny_patch16_224", "stem": "small"}, "stem"),
        ({"name": "resnet18", "stem": "tiny"}, "stem"),
        ({"name": "resnet18", "width": 2}, "width"),
        ({"name": "resnet18", "arguments": {"img_size": 64}}, "img_size"),
    ],
)
def test_impossible_backbones(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.EncoderError, match=message):
        backbones.build(spec)


def test_encoder_normalises_as_the_card_says(tmp_path: Path) -> None:
    network = trained(SPECS[0])
    checkpoint.save(tmp_path, network, card(SPECS[0], size=64))
    encoder = registry.load(
        f"checkpoint:{tmp_path}", folder=tmp_path, device="cpu", precision="fp32"
    )
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    batch = torch.stack([encoder.preprocess(Image.fromarray(picture)) for picture in pixels])
    assert torch.equal(batch, torch.from_numpy(pixels).permute(0, 3, 1, 2))
    mean, std = (torch.tensor(card(SPECS[0])[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(network((batch / 255 - mean) / std))
    torch.testing.assert_close(encoder.encode(batch), expected)
    assert encoder.kind == "self-supervised"


def test_small_sizes_squash_and_large_ones_crop() -> None:
    """Left third red, right third blue: a centre crop of 3:1 sees neither."""
    stripes = np.zeros((100, 300, 3), np.uint8)
    stripes[:, :100, 0] = stripes[:, 200:, 2] = 255
    for size, kept in ((48, True), (96, False)):
        transform = checkpoint.preprocessing(card(SPECS[0], size=size)).transform
        tensor = transform(Image.fromarray(stripes))
        assert tensor.shape == (3, size, size)
        assert bool(tensor[0, size // 2, 2] > 200) == kept


def test_incomplete_or_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.EncoderError, match=r"card\.json is missing"):
        checkpoint.load_backbone(tmp_path)
    incomplete = card(SPECS[0])
    del incomplete["mean"]
    with pytest.raises(errors.EncoderError, match="lacks mean"):
        checkpoint.save(tmp_path, trained(SPECS[0]), incomplete)
    checkpoint.save(tmp_path, trained(SPECS[0]), card(SPECS[0]))
    atomic.write_json(tmp_path / "card.json", card(SPECS[1]) | {"format": 1})
    with pytest.raises(errors.EncoderError, match="does not match"):
        checkpoint.load_backbone(tmp_path)
    atomic.write_json(tmp_path / "card.json", card(SPECS[0]) | {"format": 2})
    with pytest.raises(errors.EncoderError, match="format 2"):
        checkpoint.load_backbone(tmp_path)
    atomic.write_json(tmp_path / "card.json", card(SPECS[0]) | {"format": 1})
    (tmp_path / "backbone.safetensors").write_bytes(b"not tensors")
    with pytest.raises(errors.EncoderError, match="does not match"):
        checkpoint.load_backbone(tmp_path)
