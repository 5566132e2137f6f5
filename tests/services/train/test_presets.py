"""Presets: what a user gives goes before them; `test_costs` starts each on every machine."""

import pytest

from sept_core import errors
from sept_core.services.train import machine, presets
from sept_core.services.train.machine import Machine


def test_the_four_presets() -> None:
    assert set(presets.PRESETS) == {"quick", "standard", "continue", "distil"}
    continued = presets.find("continue").recipe(Machine(False, 2)).changes()
    assert continued["init"] == "timm" and continued["layer_decay"] < 1
    assert presets.find("distil").recipe(Machine(False, 2)).changes()["teacher"]


def test_what_is_given_replaces_the_presets_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "here", lambda: Machine(False, 2))
    plain = presets.recipe("quick", None, None, {})
    assert (plain.method, plain.backbone) == ("simclr", "resnet10-tiny")
    assert plain.changes()["steps"] == 200
    changed = presets.recipe("quick", "moco", None, {"epochs": 3, "seed": 4})
    assert (changed.method, changed.backbone) == ("moco", "resnet10-tiny")
    found = changed.changes()
    assert found["epochs"] == 3 and found["seed"] == 4 and "steps" not in found
    assert presets.recipe("quick", None, None, {"lr": 0.5}).changes()["lr"] == 0.5
    none = presets.recipe(None, None, "resnet50", {"seed": 0})
    assert (none.method, none.backbone, none.changes()) == ("moco", "resnet50", {"seed": 0})
    with pytest.raises(errors.InputError, match="Preset 'slow' is unknown; use one of"):
        presets.recipe("slow", None, None, {})
