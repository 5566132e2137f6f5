"""The interface between the training loop and every method.

In: settings and a backbone. Out: the `Method` that the loop trains. A new method is one file with a
subclass, and one record in `registry.METHODS`.
"""

from collections.abc import Callable

from torch import Tensor, nn

from sept_core.pretrain.methods import registry
from sept_core.pretrain.settings import PretrainSettings
from sept_core.pretrain.teachers import Teacher


class Method(nn.Module):
    """A backbone under training, with its heads, loss, queue and moving averages.

    `backbone` is the result of the run.
    """

    views: int
    """Number of augmented views of each image."""

    def __init__(self, backbone: nn.Module, dim: int, settings: PretrainSettings) -> None:
        """Add the method's modules to a backbone with `dim` features."""
        super().__init__()
        self.backbone = backbone

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map views, each (B, 3, H, W), to the scalar loss and the backbone's features (B, D)."""
        raise NotImplementedError

    def after_step(self) -> None:
        """Run after the optimiser's step, for example to update a moving average."""


def build(
    backbone: nn.Module, dim: int, settings: PretrainSettings, teacher: Teacher | None = None
) -> Method:
    """Build the method of the settings around a backbone with `dim` features.

    A method whose record names the setting `teacher` gets the loaded teacher as well.

    Raises:
        InputError: no method has that name, or it cannot train that backbone.
    """
    record = registry.find(settings.method)
    chosen: Callable[..., Method] = record.load()
    extra = (teacher,) if "teacher" in record.own else ()
    return chosen(backbone, dim, settings, *extra)
