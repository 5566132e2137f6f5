"""The pre-training methods as records; menus, help texts, errors and tables are derived from them.

In: nothing. Out: `METHODS`. Imports no library, so that a page or a help text can list methods
quickly; a method's class is imported when a run is built.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sept_core import errors
from sept_core.storage import late


@dataclass(frozen=True)
class MethodRecord:
    """One pre-training method.

    Attributes:
        code: `module:Class` of this package; the class is a `method.Method`.
        title: Display name.
        own: Settings of `PretrainSettings` that this method reads and others may not: forms show
            them for this method only, and two runs that differ only in settings that their method
            does not read are the same run.
        defaults: Settings whose default differs under this method.
        hides_patches: True if the backbone must be a vision transformer.
    """

    code: str
    title: str
    own: tuple[str, ...] = ()
    defaults: Mapping[str, object] = field(default_factory=dict)
    hides_patches: bool = False

    def load(self) -> Any:
        """Import the class."""
        return late.load(__package__, self.code)


METHODS: dict[str, MethodRecord] = {
    "moco": MethodRecord("moco:MoCo", "MoCo v2", own=("temperature", "queue", "ema")),
    "simclr": MethodRecord(
        "simclr:SimCLR",
        "SimCLR",
        own=("temperature", "decoupled"),
        defaults={"temperature": 0.2, "decoupled": True},
    ),
    "byol": MethodRecord("byol:BYOL", "BYOL", own=("ema",)),
    "simsiam": MethodRecord("simsiam:SimSiam", "SimSiam"),
    "barlow-twins": MethodRecord("barlow_twins:BarlowTwins", "Barlow Twins"),
    "vicreg": MethodRecord("vicreg:VICReg", "VICReg"),
    "dino": MethodRecord("dino:DINO", "DINO", own=("ema",)),
    "dinov2": MethodRecord(
        "dinov2:DINOv2", "DINO with KoLeo and iBOT", own=("ema",), hides_patches=True
    ),
    "lejepa": MethodRecord("lejepa:LeJEPA", "LeJEPA"),
    "distil": MethodRecord(
        "distil:Distillation",
        "Distillation",
        own=("temperature", "teacher"),
        defaults={"temperature": 0.07},
    ),
    "mae": MethodRecord("mae:MAE", "MAE", hides_patches=True),
}
"""Methods by name, in menu order: the default first."""

DEFAULT_METHOD = next(iter(METHODS))
TITLES = {name: record.title for name, record in METHODS.items()}


def find(name: str) -> MethodRecord:
    """Return the record of a method.

    Raises:
        InputError: no method has that name.
    """
    if name not in METHODS:
        raise errors.InputError(
            f"method {name!r} is unknown; use one of {', '.join(sorted(METHODS))}."
        )
    return METHODS[name]


def unread(name: str) -> set[str]:
    """Return the settings that only other methods read."""
    own = {setting for record in METHODS.values() for setting in record.own}
    return own - set(find(name).own)


def unfit(name: str, backbone: str) -> str:
    """Return the sentence, without its full stop, on a backbone that a method cannot train."""
    return (
        f"method {name!r} needs a vision transformer such as vit_tiny_patch16_224, not {backbone!r}"
    )
