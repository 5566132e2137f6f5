"""The methods by name.

In: settings and a backbone. Out: the `Method` that the loop trains.
"""

from torch import nn

from sept_core import errors
from sept_core.pretrain.methods.barlow_twins import BarlowTwins
from sept_core.pretrain.methods.byol import BYOL
from sept_core.pretrain.methods.dino import DINO
from sept_core.pretrain.methods.mae import MAE
from sept_core.pretrain.methods.method import Method
from sept_core.pretrain.methods.moco import MoCo
from sept_core.pretrain.methods.simclr import SimCLR
from sept_core.pretrain.methods.simsiam import SimSiam
from sept_core.pretrain.methods.vicreg import VICReg
from sept_core.pretrain.settings import PretrainSettings

METHODS: dict[str, type[Method]] = {
    "moco": MoCo,
    "simclr": SimCLR,
    "byol": BYOL,
    "simsiam": SimSiam,
    "barlow-twins": BarlowTwins,
    "vicreg": VICReg,
    "dino": DINO,
    "mae": MAE,
}


def find(name: str) -> type[Method]:
    """The class of a method.

    Raises:
        InputError: no method has that name.
    """
    if name not in METHODS:
        raise errors.InputError(
            f"method {name!r} is unknown; take one of {', '.join(sorted(METHODS))}."
        )
    return METHODS[name]


def build(backbone: nn.Module, dim: int, settings: PretrainSettings) -> Method:
    """The method of the settings around a backbone with `dim` features."""
    return find(settings.method)(backbone, dim, settings)
