"""Losses against slow, obvious versions; the queue and the moving average by hand."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor, nn

from sept_core import errors
from sept_core.pretrain.methods import registry
from sept_core.pretrain.settings import PretrainSettings

BASE = PretrainSettings(batch_size=4, queue=8, temperature=0.3)


def _build(method: str, **changes: object) -> registry.Method:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU())
    settings = dataclasses.replace(BASE, method=method, **changes)  # type: ignore[arg-type]
    return registry.build(backbone, 6, settings)


def _views() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(4, 3, 2, 2, generator=generator) for _ in range(2)]


def _unit(rows: Tensor) -> list[list[float]]:
    return (rows / rows.norm(dim=1, keepdim=True)).tolist()


def _dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("decoupled", [False, True])
def test_simclr_loss(decoupled: bool) -> None:
    method = _build("simclr", decoupled=decoupled)
    views = _views()
    loss, features = method(views)
    projected = _unit(method.head(method.backbone(torch.cat(views))))
    expected = 0.0
    for i in range(8):
        partner = (i + 4) % 8
        others = [j for j in range(8) if j != i and not (decoupled and j == partner)]
        total = sum(math.exp(_dot(projected[i], projected[j]) / 0.3) for j in others)
        expected += math.log(total) - _dot(projected[i], projected[partner]) / 0.3
    assert loss.item() == pytest.approx(expected / 8, rel=1e-4)
    torch.testing.assert_close(features, method.backbone(views[0]))


def test_moco_loss_uses_the_queue_as_it_was_before() -> None:
    method = _build("moco")
    views = _views()
    queue = method.criterion.memory_bank.bank.clone().tolist()
    loss, _ = method(views)
    queries = _unit(method.head(method.backbone(torch.cat(views))))
    keys = _unit(method.key_head(method.key_backbone(torch.cat(views[::-1]))))
    expected = 0.0
    for query, key in zip(queries, keys, strict=True):
        positive = math.exp(_dot(query, key) / 0.3)
        negatives = sum(math.exp(_dot(query, old) / 0.3) for old in queue)
        expected -= math.log(positive / (positive + negatives))
    assert loss.item() == pytest.approx(expected / 8, rel=1e-4)
    torch.testing.assert_close(method.criterion.memory_bank.bank, torch.tensor(keys))


def test_moco_trains_the_query_network_only() -> None:
    method = _build("moco")
    loss, _ = method(_views())
    loss.backward()
    grads = {name: p.grad for name, p in method.named_parameters()}
    assert all((grad is None) == name.startswith("key_") for name, grad in grads.items())


def test_moco_keys_follow_slowly() -> None:
    method = _build("moco", ema=0.9)
    before = method.key_backbone[1].weight.clone()
    with torch.no_grad():
        method.backbone[1].weight.add_(1.0)
    method.after_step()
    torch.testing.assert_close(method.key_backbone[1].weight, before + 0.1)


def test_unknown_method_names_those_there_are() -> None:
    with pytest.raises(errors.InputError, match="moco, simclr"):
        _build("simclear")
