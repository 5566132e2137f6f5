"""Cost of an image, for every method."""

from dataclasses import replace

import group_steps
import pytest

from sept_core.pretrain import flops, worker
from sept_core.pretrain import settings as pretrain
from sept_core.pretrain.methods import registry


@pytest.mark.parametrize("method", registry.METHODS)
def test_every_method_is_counted(method: str) -> None:
    backbone = "vit_tiny_patch16_224" if method in ("mae", "dinov2") else "resnet10-tiny"
    settings = replace(
        pretrain.defaults(method, backbone, 100), image_size=32, cache_size=32, embed_size=32
    )
    teacher = group_steps.TEACHER if method == "distil" else None
    assert flops.per_image(worker.build_backbone(settings), settings, teacher) > 1e6


def test_a_convolution_is_counted_forward_and_backward() -> None:
    """resnet10-tiny's first layer alone: 3×16 filters of 3×3 at 16×16 places, two views."""
    settings = replace(pretrain.defaults("simclr", "resnet10-tiny", 100), image_size=32)
    first = 2 * (2 * 3 * 16 * 9 * 16 * 16)
    found = flops.per_image(worker.build_backbone(settings), settings)
    assert found > 2 * first
    double = replace(settings, image_size=64, cache_size=64)
    assert flops.per_image(worker.build_backbone(double), double) > 3 * found
