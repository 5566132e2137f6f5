"""What the training loop asks of every method.

A new method is one file with such a class, and one line in `registry.METHODS`.
"""

from torch import Tensor, nn

from sept_core.pretrain.settings import PretrainSettings


class Method(nn.Module):
    """A backbone under training, with its heads, loss, queue and moving averages.

    `backbone` is what the run leaves behind.
    """

    views: int
    """How many augmented views of each image it takes."""

    def __init__(self, backbone: nn.Module, dim: int, settings: PretrainSettings) -> None:
        """Add what the method needs to a backbone with `dim` features."""
        super().__init__()
        self.backbone = backbone

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Views, each (B, 3, H, W), to the scalar loss and the backbone's features (B, D)."""
        raise NotImplementedError

    def after_step(self) -> None:
        """What follows the optimiser's step, such as a moving average."""
