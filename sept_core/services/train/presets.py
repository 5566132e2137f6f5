"""Presets of a pre-training: settings that go together, one record each.

In: the machine. Out: a `Recipe` to start from; everything in it can be changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sept_core import errors
from sept_core.services.train import machine
from sept_core.services.train.machine import Machine
from sept_core.services.train.recipe import Recipe


@dataclass(frozen=True)
class Preset:
    """One preset.

    Attributes:
        title: Display name.
        about: Purpose in one sentence.
        on_cpu: The recipe for a machine without a GPU.
        on_gpu: The recipe for a machine with one.
    """

    title: str
    about: str
    on_cpu: Recipe
    on_gpu: Recipe

    def recipe(self, machine: Machine) -> Recipe:
        """Return the recipe for a machine."""
        return self.on_gpu if machine.gpu else self.on_cpu


PRESETS: dict[str, Preset] = {
    "standard": Preset(
        "Standard",
        "Long enough to compare subsets on this machine.",
        Recipe("simclr", "resnet10-tiny", steps=3000, image_size=32),
        Recipe("moco", "resnet18"),
    ),
    "quick": Preset(
        "Quick trial",
        "A few minutes: shows that everything works, not what the subset is worth.",
        Recipe("simclr", "resnet10-tiny", steps=200, image_size=32),
        Recipe("simclr", "resnet18", steps=500, image_size=64),
    ),
    "continue": Preset(
        "Continue from published weights",
        "Short, with a low learning rate; timm downloads the weights, or Initial weights names "
        "their file.",
        Recipe(
            "simclr", "resnet18", steps=300, batch_size=64, image_size=64, init="timm",
            more={"stem": "standard", "lr": 0.01, "layer_decay": 0.75, "early": 2},
        ),
        Recipe(
            "simclr", "resnet50", epochs=50, image_size=224, init="timm",
            more={"stem": "standard", "lr": 0.02, "layer_decay": 0.75, "early": 2},
        ),
    ),
    "distil": Preset(
        "Distil an encoder",
        "The backbone learns the features of an encoder, the teacher; on a GPU timm downloads its "
        "weights.",
        Recipe(
            "distil", "resnet10-tiny", steps=1500, image_size=32,
            more={"teacher": "bundled+classic"},
        ),
        Recipe(
            "distil", "resnet18", epochs=50, image_size=224,
            more={"teacher": "timm:vit_small_patch14_dinov2.lvd142m"},
        ),
    ),
}  # fmt: skip
"""Presets by name, in the order of the form: the default first."""

DEFAULT = next(iter(PRESETS))


def find(name: str) -> Preset:
    """Return a preset.

    Raises:
        InputError: no preset has that name.
    """
    if name not in PRESETS:
        raise errors.InputError(f"Preset {name!r} is unknown; use one of {', '.join(PRESETS)}.")
    return PRESETS[name]


def recipe(
    name: str | None, method: str | None, backbone: str | None, given: Mapping[str, Any]
) -> Recipe:
    """Return a preset's recipe for this machine with what was chosen instead.

    Args:
        name: a preset; None for the defaults of the subset.
        method, backbone: None for the preset's.
        given: settings by name. Steps replace epochs and the other way round.

    Raises:
        InputError: no preset has that name.
    """
    base = find(name).recipe(machine.here()) if name else Recipe()
    changes = base.changes() | {**given}
    for length, other in (("steps", "epochs"), ("epochs", "steps")):
        if length in given and other not in given:
            changes.pop(other, None)
    return Recipe(method or base.method, backbone or base.backbone, more=changes)
