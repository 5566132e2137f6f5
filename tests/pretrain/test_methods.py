"""Losses against slow, obvious versions; the queue and the moving average by hand."""

import cmath
import dataclasses
import math
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from lightly.models import utils
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from sept_core import errors
from sept_core.pretrain import augment, initial, teachers
from sept_core.pretrain import settings as pretrain
from sept_core.pretrain.methods import dinov2, lejepa, mae, registry
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


def test_lejepa_compares_slices_with_a_gaussian() -> None:
    method, views = _build("lejepa"), _views()
    torch.manual_seed(7)
    loss, features = method(views)
    torch.manual_seed(7)
    directions = torch.randn(64, lejepa.SLICES)
    slices = (directions / directions.norm(dim=0)).T.tolist()
    pair = [part.tolist() for part in method.head(method.backbone(torch.cat(views))).chunk(2)]
    apart = sum(
        ((one - other) / 2) ** 2
        for rows in zip(*pair, strict=True)
        for one, other in zip(*rows, strict=True)
    ) / (4 * 64)  # both views are as far from their mean
    knots = [3 * k / 16 for k in range(-16, 17)]
    statistic = 0.0
    for rows in pair:
        for direction in slices:
            values = [_dot(row, direction) for row in rows]
            error = 0.0
            for t in knots:
                found = sum(cmath.exp(1j * t * value) for value in values) / 4
                normal = math.exp(-t * t / 2)
                half = 0.5 if abs(t) == 3 else 1.0  # trapezoids end at ±3
                error += half * 3 / 16 * abs(found - normal) ** 2 * normal
            statistic += 4 * error / (2 * len(slices))
    assert loss.item() == pytest.approx(0.05 * statistic + 0.95 * apart, rel=1e-3)
    torch.testing.assert_close(features, method.backbone(views[0]))


def _vit() -> VisionTransformer:
    torch.manual_seed(0)
    return VisionTransformer(16, 4, embed_dim=12, depth=2, num_heads=2, num_classes=0)


def _cross_entropy(teacher: Tensor, student: Tensor) -> float:
    wanted, seen = (teacher / 0.04).softmax(-1), (student / 0.1).log_softmax(-1)
    return -float((wanted * seen).sum())


def test_dinov2_adds_hidden_patches_and_spread() -> None:
    settings = dataclasses.replace(BASE, method="dinov2", backbone="vit_tiny_patch16_224")
    method = build(_vit(), 12, settings)
    with torch.no_grad():  # so that student and teacher differ
        for parameter in method.slow_backbone.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    views = [torch.randn(4, 3, 16, 16) for _ in range(2)]
    torch.manual_seed(3)
    loss, features = method(views)
    torch.manual_seed(3)
    hidden = dinov2.hidden_patches(4, (4, 4), torch.device("cpu")).flatten(1)
    seen = [
        _tokens(method, image, hide) for image, hide in zip(torch.cat(views), hidden, strict=True)
    ]
    whole = method.slow_backbone.forward_features(torch.cat(views))
    student = [method.head(tokens[:1])[0].detach() for tokens in seen]
    teacher = [method.slow_head(tokens[:1])[0].detach() for tokens in whole]
    expected = sum(_cross_entropy(teacher[i], student[(i + 4) % 8]) for i in range(8)) / 8
    for i in range(8):
        for place in hidden[i].nonzero().flatten().tolist():
            guessed = method.patch_head(seen[i][place + 1][None]).detach()
            wanted = method.slow_patch_head(whole[i][place + 1][None]).detach()
            expected += _cross_entropy(wanted, guessed) / int(hidden[i].sum()) / 8
    for start in (0, 4):
        rows = torch.stack([tokens[0] for tokens in seen[start : start + 4]]).detach()
        unit = rows / rows.norm(dim=1, keepdim=True)
        for i in range(4):
            nearest = min(float((unit[i] - unit[j]).norm()) for j in range(4) if j != i)
            expected -= 0.1 * math.log(nearest) / 4
    assert loss.item() == pytest.approx(expected, rel=1e-3)
    torch.testing.assert_close(features, torch.stack([tokens[0] for tokens in seen[:4]]))
    assert method.patches.center.value.abs().sum() > 0, "the centre of the patches has moved"


def _tokens(method: Method, image: Tensor, hide: Tensor) -> Tensor:
    """The student's tokens of one image, with the mask token in place of hidden patches."""
    vit = method.backbone
    patches = vit.patch_embed(image[None])[0]
    shown = [method.masked.mask_token[0, 0] if hide[i] else patches[i] for i in range(16)]
    tokens = torch.stack([vit.cls_token[0, 0], *shown]) + vit.pos_embed[0]
    return vit.norm(vit.blocks(tokens[None]))[0]


def test_each_image_has_a_block_of_hidden_patches_in_one_view() -> None:
    torch.manual_seed(0)
    hidden = dinov2.hidden_patches(50, (8, 6), torch.device("cpu"))
    assert hidden.shape == (100, 8, 6)
    per_view = hidden.flatten(1).sum(1).view(2, 50)
    assert ((per_view > 0).sum(0) == 1).all()
    assert per_view.sum(0).min() >= 2 and per_view.sum(0).max() <= 30
    for mask in hidden[hidden.flatten(1).any(1)]:
        tall, wide = int(mask.any(1).sum()), int(mask.any(0).sum())
        assert tall * wide == int(mask.sum()), "a rectangle"


def test_dinov2_and_mae_follow_a_transformer_only() -> None:
    with pytest.raises(errors.InputError, match="'dinov2' needs a vision transformer"):
        _build("dinov2")


class _Colours:
    """A teacher that sees mean colours; see `encoders.protocol.Encoder`."""

    dim, image_size, device, id = 3, 4, "cpu", "colours"

    def encode(self, batch: Tensor) -> Tensor:
        assert batch.dtype == torch.uint8 and batch.shape[1:] == (3, 4, 4)
        with torch.inference_mode():
            return nn.functional.normalize(batch.float().mean((2, 3)) - 100)


def test_a_student_matches_the_similarities_of_its_teacher() -> None:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU())
    settings = dataclasses.replace(BASE, method="distil", teacher="colours")
    teacher = teachers.Teacher(_Colours())  # type: ignore[arg-type]
    method, images = build(backbone, 6, settings, teacher), _views()[0]
    loss, features = method([images])
    wanted = _unit(_Colours().encode(_eight_bits(images)).clone())
    student = _unit(method.head(method.backbone(images)))
    expected = 0.0
    for mine, theirs in zip(student, wanted, strict=True):
        seen, told = (
            [math.exp(_dot(one, other) / 0.3) for other in wanted] for one in (mine, theirs)
        )
        for a, b in zip(told, seen, strict=True):
            expected += a / sum(told) * math.log(a / sum(told) / (b / sum(seen)))
    assert loss.item() == pytest.approx(expected / 4, rel=1e-3)
    torch.testing.assert_close(features, method.backbone(images))
    loss.backward()
    assert method.backbone[1].weight.grad.abs().sum() > 0
    assert not any("teacher" in name for name in method.state_dict())


def _eight_bits(views: Tensor) -> Tensor:
    """The views as images of the teacher's size."""
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (augment.MEAN, augment.STD))
    larger = nn.functional.interpolate(
        ((views * std + mean) * 255).clamp(0, 255), (4, 4), mode="bicubic", antialias=True
    )
    return larger.round().clamp(0, 255).to(torch.uint8)


def test_the_teacher_is_any_encoder_of_the_registry(tmp_path: Path) -> None:
    settings = dataclasses.replace(BASE, method="distil", teacher="bundled")
    teacher = teachers.load(settings, tmp_path)
    assert teacher is not None
    found = teacher.features(torch.randn(2, 3, 32, 32))
    assert found.shape == (2, 192) and not found.is_inference()
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    assert teachers.load(BASE, tmp_path) is None
    with pytest.raises(errors.EncoderError, match="unknown"):
        teachers.load(dataclasses.replace(settings, teacher="bundle"), tmp_path)


def test_what_a_network_learned_from_gives_its_kind() -> None:
    settings = dataclasses.replace(BASE, method="distil", backbone="resnet18", teacher="bundled")
    assert initial.kind(settings) == "self-supervised"
    supervised = dataclasses.replace(settings, teacher="imagenet-lite0")
    assert initial.kind(supervised) == "supervised"
    captions = dataclasses.replace(settings, teacher="open_clip:ViT-B-32/laion2b_s34b_b79k")
    assert initial.kind(captions) == "image-text"
    assert initial.kind(dataclasses.replace(captions, init="timm")) == "supervised"
    assert initial.kind(dataclasses.replace(supervised, method="moco")) == "self-supervised"


def test_a_distillation_needs_a_teacher() -> None:
    with pytest.raises(errors.InputError, match="'distil' needs a teacher"):
        pretrain.validate(dataclasses.replace(BASE, method="distil"), 100)


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
