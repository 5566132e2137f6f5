"""Losses against slow, obvious versions; the queue and the moving average by hand."""

import dataclasses
import math
import subprocess
import sys

import pytest
import timm
import torch
from lightly.models import utils
from torch import Tensor, nn

from sept_core import errors
from sept_core.pretrain.methods import mae, registry
from sept_core.pretrain.methods.method import Method, build
from sept_core.pretrain.settings import PretrainSettings

BASE = PretrainSettings(batch_size=4, queue=8, temperature=0.3)


def _build(method: str, **changes: object) -> Method:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU())
    settings = dataclasses.replace(BASE, method=method, **changes)  # type: ignore[arg-type]
    return build(backbone, 6, settings)


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


def test_byol_and_simsiam_predict_the_other_view() -> None:
    for name in ("byol", "simsiam"):
        method, views = _build(name), _views()
        loss, features = method(views)
        both = torch.cat(views)
        predicted = _unit(method.predictor(method.head(method.backbone(both))))
        if name == "byol":
            wanted = _unit(method.slow_head(method.slow_backbone(torch.cat(views[::-1]))))
        else:
            projected = method.head(method.backbone(both))
            wanted = _unit(torch.cat([projected[4:], projected[:4]]))
        cosines = [_dot(p, w) for p, w in zip(predicted, wanted, strict=True)]
        assert loss.item() == pytest.approx(-sum(cosines) / 8, rel=1e-4)
        torch.testing.assert_close(features, method.backbone(views[0]))


def test_simsiam_sends_no_gradient_through_the_target() -> None:
    method, views = _build("simsiam"), _views()
    method(views)[0].backward()
    got = method.head.layers[0].weight.grad.clone()
    method.zero_grad()
    projected = method.head(method.backbone(torch.cat(views)))
    wanted = torch.cat([projected[4:], projected[:4]])
    cosine = nn.functional.cosine_similarity(method.predictor(projected), wanted.detach())
    (-cosine.mean()).backward()
    torch.testing.assert_close(got, method.head.layers[0].weight.grad)


def test_barlow_twins_correlation_becomes_the_identity() -> None:
    method, views = _build("barlow-twins"), _views()
    loss, _ = method(views)
    first, second = method.head(method.backbone(torch.cat(views))).chunk(2)
    size, expected = first.shape[1], 0.0
    unit = [(v - v.mean(0)) / v.std(0, unbiased=False) for v in (first.detach(), second.detach())]
    for i in range(size):
        for j in range(size):
            correlation = float((unit[0][:, i] * unit[1][:, j]).mean())
            expected += (1 - correlation) ** 2 if i == j else 5e-3 * correlation**2
    assert loss.item() == pytest.approx(expected / size, rel=1e-2)


def test_vicreg_terms() -> None:
    method, views = _build("vicreg"), _views()
    loss, _ = method(views)
    pair = [v.detach() for v in method.head(method.backbone(torch.cat(views))).chunk(2)]
    size = pair[0].shape[1]
    expected = 25.0 * float((pair[0] - pair[1]).square().mean())
    for values in pair:
        spread = (values.var(0) + 1e-4).sqrt()
        expected += 25.0 * float((1 - spread).clamp_min(0).mean()) / 2
        covariance = values.T.cov()
        off = covariance - torch.diag(covariance.diagonal())
        expected += float(off.square().sum()) / size
    assert loss.item() == pytest.approx(expected, rel=1e-3)


def test_dino_matches_the_sharpened_teacher_across_views() -> None:
    method, views = _build("dino"), _views()
    both = torch.cat(views)
    teacher = method.slow_head(method.slow_backbone(both)).detach().chunk(2)
    student = method.head(method.backbone(both)).detach().chunk(2)
    loss, _ = method(views)
    expected = 0.0
    for seen, told in ((student[0], teacher[1]), (student[1], teacher[0])):
        wanted = (told / 0.04).softmax(-1)  # the centre is still zero
        expected -= float((wanted * (seen / 0.1).log_softmax(-1)).sum(-1).mean()) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-3)
    assert method.criterion.center.abs().sum() > 0, "the centre has moved"


@pytest.mark.parametrize("name", ["byol", "dino"])
def test_slow_copies_take_no_gradient_and_follow(name: str) -> None:
    method = _build(name, ema=0.9)
    method(_views())[0].backward()
    slow = {n for n, p in method.named_parameters() if n.startswith("slow_")}
    assert all(dict(method.named_parameters())[n].grad is None for n in slow)
    before = method.slow_backbone[1].weight.clone()
    with torch.no_grad():
        method.backbone[1].weight.add_(1.0)
    method.after_step()
    torch.testing.assert_close(method.slow_backbone[1].weight, before + 0.1)


def test_mae_draws_hidden_patches_only() -> None:
    backbone = timm.create_model(
        "vit_tiny_patch16_224", img_size=32, patch_size=8, depth=2, num_classes=0
    )
    settings = dataclasses.replace(BASE, method="mae", backbone="vit_tiny_patch16_224")
    method = build(backbone, backbone.num_features, settings)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    torch.manual_seed(3)
    loss, features = method([images])
    assert features.shape == (4, 192)
    torch.manual_seed(3)
    keep, hidden = utils.random_token_mask((4, 17), mae.MASKED)
    assert (keep == 0).any(1).all() and hidden.shape == (4, 12), "three quarters are hidden"
    seen = method.masked.encode(images, idx_keep=keep)
    drawn = method._draw(seen, keep, hidden, 17).detach()
    expected = 0.0
    for b in range(4):
        for place, token in enumerate(hidden[b].tolist()):
            row, column = divmod(token - 1, 4)
            patch = images[b, :, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8]
            values = patch.permute(1, 2, 0).flatten()
            wanted = (values - values.mean()) / (values.var() + 1e-6).sqrt()
            expected += float((drawn[b, place] - wanted).square().mean())
    assert loss.item() == pytest.approx(expected / 48, rel=1e-3)


def test_mae_refuses_what_is_no_transformer() -> None:
    with pytest.raises(errors.InputError, match="vision transformer"):
        _build("mae")


def test_unknown_method_names_those_there_are() -> None:
    with pytest.raises(errors.InputError, match="barlow-twins, byol"):
        _build("simclear")


@pytest.mark.parametrize("name", registry.METHODS)
def test_every_record_has_its_class_and_names_settings(name: str) -> None:
    record = registry.METHODS[name]
    assert issubclass(record.load(), Method)
    settings = {field.name for field in dataclasses.fields(PretrainSettings)}
    assert {*record.own, *record.defaults} <= settings


def test_menus_read_the_methods_without_any_library() -> None:
    code = (
        "import sys; from sept_core.pretrain import settings; assert settings.registry.TITLES;"
        "assert not {'torch', 'numpy', 'lightly'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
