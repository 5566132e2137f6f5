"""The newer methods learn: textures that random features mix up become neighbours."""

import dataclasses
from pathlib import Path

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from sept_core.jobs import job_folder
from sept_core.pretrain import data, loop, probe, teachers
from sept_core.pretrain.methods import dino, lejepa
from sept_core.pretrain.settings import Augment, PretrainSettings

CPU = torch.device("cpu")
SIDE, COUNT = 16, 160
SETTINGS = PretrainSettings(
    image_size=SIDE, cache_size=SIDE, embed_size=SIDE, steps=100, epochs=None, batch_size=40,
    optimizer="adamw", lr=3e-3, weight_decay=0.05, threads=1, log_every=1000, precision="fp32",
    checkpoint_every=1000, ema=0.98, augment=Augment(crop_min=0.5, jitter=0.4, grayscale=0.5),
)  # fmt: skip


def _textures() -> tuple[Tensor, Tensor]:
    """Stripes both ways, checks and discs, in random colours; (n, S, S, 3) uint8 and classes."""
    rng = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    images = []
    for number in range(COUNT):
        a, b = torch.randint(0, 6, (2,), generator=rng).tolist()
        across, down = (x + a) // 3 % 2, (y + b) // 3 % 2
        disc = ((x - 5 - a) ** 2 + (y - 5 - b) ** 2 < 16).long()
        pattern = (across, down, across ^ down, disc)[number % 4][..., None]
        dark = 128 * torch.rand(3, generator=rng)
        light = dark + 60 + 67 * torch.rand(1, generator=rng)
        if torch.rand(1, generator=rng) < 0.5:
            dark, light = light, dark
        noise = 12 * torch.randn(SIDE, SIDE, 3, generator=rng)
        images.append((pattern * dark + (1 - pattern) * light + noise).clamp(0, 255))
    return torch.stack(images).to(torch.uint8), torch.arange(COUNT) % 4


class _Edges:
    """A teacher that sees how often brightness changes across and down."""

    dim, image_size, device, id = 3, SIDE, "cpu", "edges"

    def encode(self, batch: Tensor) -> Tensor:
        grey = batch.float().mean(1)
        across, down = (grey.diff(dim=axis).abs().mean((1, 2)) for axis in (2, 1))
        return nn.functional.normalize(torch.stack([across, down, (across + down) / 4], 1))


@pytest.mark.parametrize("method", ["lejepa", "dinov2", "distil"])
def test_neighbours_become_alike(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dino, "PROTOTYPES", 128)
    monkeypatch.setattr(lejepa, "SLICES", 32)
    pixels, labels = _textures()
    torch.manual_seed(0)
    backbone = VisionTransformer(SIDE, 4, embed_dim=32, depth=2, num_heads=2, num_classes=0)
    target = probe.Probe(pixels.permute(0, 3, 1, 2), labels)
    before = probe.accuracy(backbone, target, SIDE, CPU)
    run = loop.train(
        tmp_path,
        data.PackedImages(pixels.numpy(), torch.ones(COUNT).numpy(), CPU),
        COUNT,
        backbone,
        dataclasses.replace(SETTINGS, method=method),
        job_folder.JobFolder(tmp_path),
        teacher=teachers.Teacher(_Edges()),  # type: ignore[arg-type]
    )
    assert probe.accuracy(run.method.backbone, target, SIDE, CPU) > before + 0.1
