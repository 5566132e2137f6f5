"""Defaults that hold for every subset size, and settings that are refused with a reason."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sept_core import errors
from sept_core.pretrain import settings as pretrain

METHODS = st.sampled_from(["moco", "simclr"])
BACKBONES = st.sampled_from(["resnet10-narrow", "resnet18", "vit_tiny_patch16_224"])


@settings(deadline=None)
@given(METHODS, BACKBONES, st.integers(8, 10**7), st.integers(16, 2000))
def test_defaults_are_valid_for_every_subset(
    method: str, backbone: str, size: int, side: int
) -> None:
    chosen = pretrain.defaults(method, backbone, size, image_side=side)
    pretrain.validate(chosen, size)
    assert chosen.queue <= max(1, size // 4)
    assert chosen.total_steps(size) >= 1


def test_defaults_follow_the_measured_recipe() -> None:
    chosen = pretrain.defaults("simclr", "resnet10-narrow", 5000, image_side=64)
    assert (chosen.image_size, chosen.cache_size, chosen.embed_size) == (32, 64, 48)
    assert (chosen.optimizer, chosen.lr, chosen.weight_decay) == ("adamw", 2e-3, 0.05)
    assert (chosen.temperature, chosen.decoupled, chosen.batch_size) == (0.2, True, 128)


def test_defaults_follow_the_published_benchmark() -> None:
    chosen = pretrain.defaults("moco", "resnet18", 50_000, image_side=32)
    assert (chosen.image_size, chosen.stem, chosen.augment.blur) == (32, "small", 0.0)
    assert chosen.lr == pytest.approx(0.06 * chosen.batch_size / 128)
    assert (chosen.optimizer, chosen.weight_decay) == ("sgd", 5e-4)
    assert (chosen.temperature, chosen.ema, chosen.queue) == (0.1, 0.99, 4096)


def test_what_depends_on_a_change_follows_it() -> None:
    changes = {"image_size": 32, "batch_size": 64, "steps": 50, "augment": {"jitter": 0.1}}
    chosen = pretrain.choose("moco", "resnet18", 3000, changes, image_side=300)
    pretrain.validate(chosen, 3000)
    assert (chosen.steps, chosen.epochs) == (50, None)
    assert (chosen.cache_size, chosen.embed_size, chosen.stem) == (64, 48, "small")
    assert chosen.lr == pytest.approx(0.03)
    assert chosen.queue % 128 == 0
    assert chosen.augment == pretrain.Augment(jitter=0.1, blur=0.0)
    epochs = pretrain.choose("moco", "resnet18", 3000, {"epochs": 3, "steps": None})
    assert (epochs.steps, epochs.epochs) == (None, 3)


def test_settings_are_read_by_name() -> None:
    written = ["lr=0.01", "steps=50", "decoupled=true", "teacher=classic", "augment.jitter=0"]
    assert pretrain.read(written) == {
        "lr": 0.01, "steps": 50, "decoupled": True, "teacher": "classic",
        "augment": {"jitter": 0.0},
    }  # fmt: skip
    for text, message in (
        ("lr", "has no value; write lr=VALUE"),
        ("lr=much", "lr takes a value of type float, not 'much'"),
        ("decoupled=1", "of type bool"),
        ("view.jitter=1", "'view.jitter' is unknown"),
    ):
        with pytest.raises(errors.InputError, match=message):
            pretrain.read([text])
    with pytest.raises(errors.InputError, match="'rate' is unknown"):
        pretrain.choose("moco", "resnet18", 3000, pretrain.read(["rate=1"]))


def test_settings_survive_json() -> None:
    chosen = pretrain.defaults("moco", "resnet18", 3000)
    assert pretrain.from_dict(json.loads(json.dumps(dataclasses.asdict(chosen)))) == chosen


def test_an_epoch_drops_its_incomplete_batch() -> None:
    chosen = pretrain.PretrainSettings(epochs=3, batch_size=4)
    assert chosen.total_steps(11) == 6
    assert dataclasses.replace(chosen, epochs=None, steps=7).total_steps(11) == 7


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"steps": 5}, "either steps or epochs"),
        ({"epochs": None}, "either steps or epochs"),
        ({"batch_size": 200}, "batch_size 200"),
        ({"accumulate": 3}, "accumulate 3"),
        ({"cache_size": 300}, "cache_size 300"),
        ({"precision": "fp8"}, "fp8"),
        ({"optimizer": "lars"}, "lars"),
        ({"stem": "huge"}, "huge"),
        ({"queue": 26}, "queue 26"),
        ({"ema": 1.0}, "ema 1.0"),
        ({"temperature": 0.0}, "temperature 0.0"),
        ({"warmup": 1.0}, "warmup 1.0"),
        ({"log_every": 0}, "log_every"),
        ({"method": "distil"}, "needs a teacher"),
        ({"method": "dinov2"}, "'dinov2' needs a vision transformer .* not 'resnet18'"),
        ({"method": "mae", "backbone": "resnet10-tiny"}, "not 'resnet10-tiny'"),
        ({"augment": pretrain.Augment(crop_min=0.0)}, "crop_min 0.0"),
    ],
)
def test_bad_values_are_named(change: dict[str, object], named: str) -> None:
    good = pretrain.PretrainSettings(batch_size=8, queue=16)
    pretrain.validate(good, 100)
    with pytest.raises(errors.InputError, match=named):
        pretrain.validate(dataclasses.replace(good, **change), 100)  # type: ignore[arg-type]


@pytest.mark.parametrize("values", [{"learning_rate": 1}, {"augment": {"crop": 1}}])
def test_unknown_names_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(errors.InputError):
        pretrain.from_dict(values)
