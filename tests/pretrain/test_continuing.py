"""Continuing from trained weights: rates by layer, frozen starts, backbones kept along the way."""

import dataclasses
import itertools
from pathlib import Path

import pytest
import small_manifest
import timm
import torch
from torch import nn

from sept_core import errors
from sept_core.encoders import backbones, checkpoint
from sept_core.jobs import job_folder
from sept_core.pretrain import data, loop, meter, state, worker
from sept_core.pretrain import settings as pretrain
from sept_core.pretrain.settings import PretrainSettings

CPU = torch.device("cpu")
COUNT = 16
SETTINGS = PretrainSettings(
    method="simclr", image_size=8, cache_size=8, embed_size=8, steps=6, epochs=None, batch_size=8,
    lr=0.05, threads=1, log_every=2, checkpoint_every=2, precision="fp32",
)  # fmt: skip


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_manifest.make(tmp_path_factory.mktemp("pool"))


def _vit() -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(
        "vit_tiny_patch16_224", img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=2,
        num_classes=0,
    )  # fmt: skip


def _resnet() -> nn.Module:
    torch.manual_seed(0)
    return backbones.build({"name": "resnet10-tiny"})


def _images() -> data.PackedImages:
    pixels = torch.randint(0, 256, (COUNT, 8, 8, 3), dtype=torch.uint8, generator=_generator())
    return data.PackedImages(pixels.numpy(), torch.ones(COUNT).numpy(), CPU)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


class _StopsAt(job_folder.JobFolder):
    stop: int | None = None

    def progress(self, done: int, total: int, unit: str, note: str = "") -> None:
        if done == self.stop:
            raise job_folder.Cancelled


def _train(
    folder: Path, backbone: nn.Module, settings: PretrainSettings, stop: int | None = None
) -> state.State:
    folder.mkdir(exist_ok=True)
    job = _StopsAt(folder)
    job.stop = stop
    return loop.train(folder, _images(), COUNT, backbone, settings, job)


def _rates(
    backbone: nn.Module, decay: float, step: int = 0, freeze: float = 0.0
) -> dict[str, float]:
    """The learning rate of each parameter, as a share of the heads'."""
    settings = dataclasses.replace(SETTINGS, layer_decay=decay, freeze=freeze)
    made = state.create(backbone, settings, CPU, "fp32")
    made.frozen = step < freeze * 10
    batch = next(_images().batches(data.row_batches(COUNT, 8, 0, 0, 1)))
    loop.train_step(made, batch, settings, 0.5, "fp32", meter.Clock(CPU))
    by_id = {
        id(one): group["lr"] / 0.5
        for group in made.optimizer.param_groups
        for one in group["params"]
    }
    return {name: by_id[id(one)] for name, one in made.method.named_parameters()}


def test_each_layer_learns_at_a_share_of_the_one_above() -> None:
    rates = _rates(_vit(), 0.5)
    for name, rate in rates.items():
        if not name.startswith("backbone."):
            assert rate == 1.0, name
            continue
        block = name.removeprefix("backbone.").split(".")
        above = {"blocks": 1 - int(block[1]) if block[0] == "blocks" else 0, "norm": 0}
        expected = 0.5 ** (1 + above.get(block[0], 2))
        assert rate == pytest.approx(expected), name


def test_our_own_backbone_has_a_layer_for_each_block() -> None:
    rates = _rates(_resnet(), 0.5)
    stem, *blocks = (
        rates[f"backbone.{name}.weight"]
        for name in ("conv1", *(f"layer{number}.0.conv1" for number in range(1, 5)))
    )
    assert [stem, *blocks] == pytest.approx([0.5**power for power in (5, 4, 3, 2, 1)])


def test_decay_one_is_one_rate_for_all() -> None:
    assert set(_rates(_vit(), 1.0).values()) == {1.0}


def test_decay_zero_equals_a_frozen_backbone(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, layer_decay=0.0, optimizer="adamw", lr=1e-2)
    decayed = _train(tmp_path / "decayed", _vit(), settings).method.state_dict()
    still = _vit().requires_grad_(False)
    frozen = _train(
        tmp_path / "frozen", still, dataclasses.replace(settings, layer_decay=1.0)
    ).method.state_dict()
    for name, tensor in decayed.items():
        torch.testing.assert_close(tensor, frozen[name], msg=name)
    initial = _vit().state_dict()
    assert all(torch.equal(decayed[f"backbone.{name}"], t) for name, t in initial.items())


def test_the_backbone_can_be_frozen_at_the_start_only() -> None:
    early, late = (_rates(_vit(), 0.5, step, freeze=0.3) for step in (2, 3))
    assert {rate for name, rate in early.items() if name.startswith("backbone.")} == {0.0}
    assert {rate for name, rate in early.items() if not name.startswith("backbone.")} == {1.0}
    assert all(rate > 0 for rate in late.values())


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_continued_run_resumes_exactly(tmp_path: Path, optimizer: str) -> None:
    settings = dataclasses.replace(
        SETTINGS, layer_decay=0.7, freeze=0.4, optimizer=optimizer, lr=1e-2
    )
    whole = _train(tmp_path / "whole", _resnet(), settings)
    for stop in (1, 4):
        with pytest.raises(job_folder.Cancelled):
            _train(tmp_path / "cut", _resnet(), settings, stop)
    resumed = _train(tmp_path / "cut", _resnet(), settings)
    pairs = zip(whole.method.state_dict().items(), resumed.method.state_dict().items(), strict=True)
    assert all(torch.equal(one, other) for (_, one), (_, other) in pairs)


def test_a_backbone_without_layers_is_refused() -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(192, 6))
    with pytest.raises(errors.InputError, match=r"layer_decay 0\.5 needs a backbone whose layers"):
        state.create(plain, dataclasses.replace(SETTINGS, layer_decay=0.5), CPU, "fp32")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer_decay": 1.2}, "layer_decay 1.2 must be in"),
        ({"freeze": 1.0}, "freeze 1.0 is a share"),
        ({"early": 11}, "early 11 must be between"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(errors.InputError, match=message):
        pretrain.validate(dataclasses.replace(SETTINGS, **changes), COUNT)  # type: ignore[arg-type]


def test_early_backbones_are_checkpoints_of_their_own(tmp_path: Path, pool: Path) -> None:
    job = small_manifest.job(tmp_path, pool, steps=8, early=5)
    header = worker.main(job)
    assert header["early"] == [1, 2, 4]
    folders = [tmp_path / "run" / loop.EARLY / str(step) for step in (1, 2, 4)]
    backbones_kept = [checkpoint.load_backbone(folder)[0] for folder in folders]
    last, _ = checkpoint.load_backbone(tmp_path / "run")
    weights = [network.conv1.weight for network in (*backbones_kept, last)]
    assert all(not torch.equal(one, other) for one, other in itertools.pairwise(weights))
    whole = small_manifest.job(tmp_path / "short", pool, steps=8)
    assert worker.main(whole)["early"] == []
    same = checkpoint.load_backbone(tmp_path / "short" / "run")[0]
    assert torch.equal(same.conv1.weight, last.conv1.weight), "keeping one changes nothing"


def test_continuing_starts_from_the_weights_of_a_run(tmp_path: Path, pool: Path) -> None:
    first = small_manifest.job(tmp_path / "first", pool, steps=3)
    worker.main(first)
    init = str(tmp_path / "first" / "run")
    second = small_manifest.job(
        tmp_path / "second", pool, steps=2, init=init, layer_decay=0.0, freeze=0.5
    )
    worker.main(second)
    one, other = (
        dict(checkpoint.load_backbone(tmp_path / name / "run")[0].named_parameters())
        for name in ("first", "second")
    )
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_masked_reconstruction_keeps_the_initial_weights() -> None:
    """lightly would draw new weights for a transformer that it masks."""
    settings = dataclasses.replace(SETTINGS, method="mae", init="timm")
    before = {name: tensor.clone() for name, tensor in _vit().state_dict().items()}
    run = state.create(_vit(), settings, CPU, "fp32")
    after = run.method.backbone.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
