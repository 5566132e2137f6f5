"""The logger `tensorboard`: event files in `RUN/tensorboard/`.

In: see `loggers`. Out: scalars, views, and the run's settings as text.
"""

import json
from collections.abc import Mapping

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from sept_core.pretrain.loggers import Run

FLUSH_SECONDS = 30


class TensorBoard:
    """See `loggers.Logger`."""

    def __init__(self, run: Run) -> None:
        folder = run.folder / "tensorboard"
        resumed = {"purge_step": run.step + 1} if run.step else {}
        self._writer = SummaryWriter(str(folder), flush_secs=FLUSH_SECONDS, **resumed)
        text = json.dumps(dict(run.facts), indent=2)
        indented = "".join(f"    {line}\n" for line in text.splitlines())  # code in Markdown
        self._writer.add_text("run", indented, run.step)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """See `loggers.Logger`."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def picture(self, step: int, name: str, pixels: np.ndarray) -> None:
        """See `loggers.Logger`."""
        self._writer.add_image(name, pixels, step, dataformats="HWC")

    def close(self) -> None:
        """See `loggers.Logger`."""
        self._writer.close()
