"""The loggers `wandb` and `wandb-offline`: Weights & Biases, over the network or in a folder.

In: see `loggers`, and for `wandb` the login of the library (`wandb login` or `WANDB_API_KEY`). Out:
`RUN/wandb/`; `wandb sync` sends an offline run later. No code, git state or console output is sent.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import wandb

from sept_core.pretrain.loggers import PROJECT, Run
from sept_core.storage import hashing

REACH_SECONDS = 60
"""Seconds that the server has to answer; the run waits for it."""


class Online:
    """See `loggers.Logger`."""

    mode: Literal["online", "offline"] = "online"

    def __init__(self, run: Run) -> None:
        quiet = wandb.Settings(
            silent=True, console="off", disable_git=True, save_code=False,
            init_timeout=REACH_SECONDS,
        )  # fmt: skip
        self._run = wandb.init(
            project=PROJECT, name=run.folder.name, id=_id(run), resume="allow",
            dir=str(run.folder), config=dict(run.facts), mode=self.mode, settings=quiet,
        )  # fmt: skip

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """See `loggers.Logger`."""
        self._run.log(dict(values), step=step)

    def picture(self, step: int, name: str, pixels: np.ndarray) -> None:
        """See `loggers.Logger`."""
        self._run.log({name: wandb.Image(pixels)}, step=step)

    def close(self) -> None:
        """See `loggers.Logger`."""
        self._run.finish()


class Offline(Online):
    """The same without a network."""

    mode = "offline"


def _id(run: Run) -> str:
    """Return an id by which a resumed run continues its curves."""
    return hashing.fingerprint([run.folder.name, dict(run.facts)])[:16]
