"""Two training steps of each method, by one process or by several: `python FILE OUT`."""

import dataclasses
import sys
from pathlib import Path

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from sept_core.pretrain import data, group, loop, meter, state, teachers
from sept_core.pretrain import settings as pretrain
from sept_core.pretrain.methods import registry

COUNT, BATCH, STEPS = 32, 16, 2
CPU = torch.device("cpu")
SETTINGS = dataclasses.replace(
    pretrain.defaults("moco", "resnet10-narrow", COUNT, image_side=8),
    image_size=8, cache_size=8, embed_size=8, epochs=None, steps=STEPS, batch_size=BATCH,
    optimizer="sgd", lr=0.1, queue=32, threads=1,
)  # fmt: skip


WITHOUT_NORM = {"simclr": 8, "lejepa": 64}
"""Heads that usually have batch norm, by the length of their output."""


class _Encoder:
    """A teacher of fixed random weights, see `encoders.protocol.Encoder`."""

    dim, image_size, device, id = 6, 4, "cpu", "fake"

    def encode(self, batch: Tensor) -> Tensor:
        weights = torch.randn(48, 6, generator=torch.Generator().manual_seed(4))
        return nn.functional.normalize(batch.float().flatten(1).sub(128) @ weights)


TEACHER = teachers.Teacher(_Encoder())  # type: ignore[arg-type]


def backbone() -> nn.Module:
    """Layer norm only: no statistics of the batch."""
    torch.manual_seed(1)
    return VisionTransformer(8, 4, embed_dim=16, depth=2, num_heads=2, num_classes=0)


def steps(method: str, own: group.Group, accumulate: int) -> dict[str, Tensor]:
    """Return every trained tensor, and the mean of the losses."""
    settings = dataclasses.replace(SETTINGS, method=method, accumulate=accumulate)
    run = state.create(backbone(), settings, CPU, "fp32", own, TEACHER)
    if method in WITHOUT_NORM:
        torch.manual_seed(2)
        run.method.head = nn.Linear(16, WITHOUT_NORM[method])
        run = dataclasses.replace(
            run,
            network=own.averaging(run.method),
            optimizer=torch.optim.SGD(run.method.parameters(), 0.1),
        )
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (COUNT, 8, 8, 3), dtype=torch.uint8, generator=generator)
    aspect = 0.5 + torch.rand(COUNT, generator=generator)
    images = data.PackedImages(pixels.numpy(), aspect.numpy(), CPU)
    places = own.share(BATCH, accumulate)
    rows = data.row_batches(COUNT, BATCH, settings.seed, 0, STEPS)
    for batch in images.batches(chosen[places] for chosen in rows):
        loop.train_step(run, batch, settings, 0.1, "fp32", meter.Clock(CPU), own)
    assert not own.any(False) and own.any(own.leads)
    trained = {name: tensor.detach() for name, tensor in run.method.named_parameters()}
    return trained | {"loss": own.mean(run.loss_sum / STEPS)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    with group.joined() as own:
        done = {
            f"{method}-{accumulate}": steps(method, own, accumulate)
            for method in registry.METHODS
            for accumulate in (1, 2)
        }
        torch.save(done, Path(sys.argv[1]) / f"{own.rank}.pt")
