"""Starting from weights that were trained before, and from those of another network."""

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch

from sept_core import errors
from sept_core.encoders import backbones, checkpoint
from sept_core.pretrain import initial, worker
from sept_core.pretrain import settings as pretrain

SETTINGS = replace(
    pretrain.defaults("simclr", "resnet18", 100), image_size=32, cache_size=32, stem="standard"
)


def test_a_checkpoint_of_ours_gives_its_weights(tmp_path: Path) -> None:
    other = worker.build_backbone(replace(SETTINGS, seed=7))
    checkpoint.save(tmp_path, other, worker.card(SETTINGS, "0" * 16, {}))
    own = worker.build_backbone(SETTINGS)
    initial.start_from(own, replace(SETTINGS, init=str(tmp_path)), tmp_path)
    for mine, theirs in zip(own.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs) and mine.requires_grad


def test_a_file_of_timm_gives_its_weights(tmp_path: Path) -> None:
    torch.manual_seed(3)
    published = timm.create_model("resnet18", pretrained=False)
    file = tmp_path / "resnet18.safetensors"
    safetensors.torch.save_file(published.state_dict(), file)
    own = worker.build_backbone(SETTINGS)
    initial.start_from(own, replace(SETTINGS, init=f"timm@{file}"), tmp_path)
    assert torch.equal(own.conv1.weight, published.conv1.weight)
    assert all(parameter.requires_grad for parameter in own.parameters())


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    small = {"name": "resnet10-tiny", "stem": "standard"}
    card = worker.card(SETTINGS, "0" * 16, {}) | {"backbone": small}
    checkpoint.save(tmp_path, backbones.build(small), card)
    own = worker.build_backbone(SETTINGS)
    with pytest.raises(errors.InputError, match="not those of resnet18"):
        initial.start_from(own, replace(SETTINGS, init=str(tmp_path)), tmp_path)
    with pytest.raises(errors.EncoderError, match="not a complete checkpoint"):
        initial.start_from(own, replace(SETTINGS, init=str(tmp_path / "none")), tmp_path)


def test_what_labels_taught_is_told_as_the_kind() -> None:
    assert initial.kind(SETTINGS) == "self-supervised"
    assert initial.kind(replace(SETTINGS, init="timm")) == "supervised"
    dino = replace(SETTINGS, backbone="vit_small_patch14_dinov2.lvd142m", init="timm")
    assert initial.kind(dino) == "self-supervised"


def test_without_init_the_weights_stay_as_drawn(tmp_path: Path) -> None:
    own, same = worker.build_backbone(SETTINGS), worker.build_backbone(SETTINGS)
    initial.start_from(own, SETTINGS, tmp_path)
    assert torch.equal(own.conv1.weight, same.conv1.weight)
